"""What the report says of where numbers come from: a tensor of the original and steps from it to here.

"dense/kernel:0, transposed (1, 0)" names the tensor `dense/kernel:0`, and then its axes are put in another order.
"gates:0, rows (0, 4) + candidate:0, rows (0, 4)" are two, put together along the last axis.
"a:0 + b:0, along (0,), dealt (2,)" are two, put together along the first, and then a step is taken.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Callable
from typing import Any

import numpy as np


def parts(source: str) -> tuple[list[str], int, list[str]]:
    """The sources that are put together, along which axis, and the steps after that."""
    source, along, rest = source.partition(", along ")
    axis, steps = read(rest)
    return source.split(" + "), literal_eval(axis)[0] if along else -1, steps


def read(source: str) -> tuple[str, list[str]]:
    """A tensor's name, and the steps after it. Steps are words, perhaps with a tuple: "reshaped (3, 4)"."""
    tensor, *steps = re.split(r", (?=[a-z])", source)
    return tensor, steps


def replay(step: str, array: np.ndarray) -> np.ndarray | None:
    """`array` after `step`; None for a step that is not known here, or does not fit."""
    word, _, arguments = step.partition(" ")
    if word not in REPLAY or not re.fullmatch(r"\([\d, .e+-]*\)", arguments):
        return None
    try:
        return REPLAY[word](array, literal_eval(arguments))
    except (ValueError, IndexError):
        return None


def _reorder(array: np.ndarray, numbers: tuple[int, ...]) -> np.ndarray:
    """The last axis cut into equal blocks, as many as the first number says, and put together as the others say."""
    blocks = np.split(array, numbers[0], axis=-1)
    return np.concatenate([blocks[place] for place in numbers[1:]], axis=-1)


def _add(array: np.ndarray, numbers: tuple[float, int, int]) -> np.ndarray:
    """A number added to one of several equal blocks of the last axis: the number, which block, of how many."""
    number, place, count = numbers
    blocks = np.split(array, count, axis=-1)
    blocks[place] = blocks[place] + array.dtype.type(number)
    return np.concatenate(blocks, axis=-1)


def _gather(array: np.ndarray, numbers: tuple[int]) -> np.ndarray:
    """Rows that were dealt out to so many piles, which stand one after the other, in the order before."""
    order = np.concatenate([np.arange(pile, len(array), numbers[0]) for pile in range(numbers[0])])
    return array[np.argsort(order)]


REPLAY: dict[str, Callable[[np.ndarray, Any], np.ndarray]] = {
    "transposed": lambda array, axes: array.transpose(axes),
    "reshaped": lambda array, shape: array.reshape(shape),
    "filled": lambda array, numbers: np.full_like(array, numbers[0]),
    "rows": lambda array, ends: array[slice(*ends)],
    "channels": lambda array, ends: array[..., slice(*ends), :],
    "columns": lambda array, ends: array[..., slice(*ends)],
    "blocks": _reorder,
    "plus": _add,
    "dealt": _gather,
    "deviation": lambda array, numbers: np.sqrt(array + array.dtype.type(numbers[0])),
}


def after(steps: list[str], array: np.ndarray) -> np.ndarray | None:
    """`array` after all `steps`; None where one is not known here, or does not fit."""
    for step in steps:
        replayed = replay(step, array)
        if replayed is None:
            return None
        array = replayed
    return array


def places(source: str, shapes: list[tuple[int, ...]]) -> np.ndarray | None:
    """For each number that `source` makes, its place among all numbers of its tensors, one tensor after the other.

    shapes: those of the tensors. None where a step is not known here, or does not fit.
    """
    pieces, axis, steps_after = parts(source)
    arrays, start = [], 0
    for piece, shape in zip(pieces, shapes, strict=True):
        size = int(np.prod(shape))
        array = after(_picking(read(piece)[1]), np.arange(start, start + size).reshape(shape))
        if array is None:
            return None
        arrays.append(array)
        start += size
    return after(_picking(steps_after), np.concatenate(arrays, axis) if len(arrays) > 1 else arrays[0])


def _picking(steps: list[str]) -> list[str]:
    """The steps that say which number goes where; the others add something to it."""
    return [step for step in steps if not step.startswith("plus")]
