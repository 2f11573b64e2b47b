"""What the report says of where numbers come from: a tensor of the original and steps from it to here.

"dense/kernel:0, transposed (1, 0)" names the tensor `dense/kernel:0`, and then its axes are put in another order.
"""

from __future__ import annotations

import re
from ast import literal_eval

import numpy as np


def read(source: str) -> tuple[str, list[str]]:
    """A tensor's name, and the steps after it. Steps are words, perhaps with a tuple: "reshaped (3, 4)"."""
    tensor, *steps = re.split(r", (?=[a-z])", source)
    return tensor, steps


def replay(step: str, array: np.ndarray) -> np.ndarray | None:
    """`array` after `step`; None for a step that is not known here, or does not fit."""
    match = re.fullmatch(r"(transposed|reshaped) (\([\d, -]*\))", step)
    if match is None:
        return None
    numbers = literal_eval(match[2])
    try:
        return array.transpose(numbers) if match[1] == "transposed" else array.reshape(numbers)
    except ValueError:
        return None


def after(steps: list[str], array: np.ndarray) -> np.ndarray | None:
    """`array` after all `steps`; None where one is not known here, or does not fit."""
    for step in steps:
        replayed = replay(step, array)
        if replayed is None:
            return None
        array = replayed
    return array
