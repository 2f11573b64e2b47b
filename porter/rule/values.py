"""What a rule may ask of a value beside its shape."""

from __future__ import annotations

import numpy as np

from porter.graph import Value


def constant(value: Value) -> np.ndarray | None:
    """The array of a constant, None for what is known only when the model runs."""
    return np.asarray(value.node.attrs["value"]) if value.node.op == "Const" else None


def is_size(value: Value) -> bool:
    """True for what is known before the tensors themselves are: constants, and arithmetic on shapes.

    Such a value may stand where a call takes plain numbers; a tensor may not.
    """
    return not value.node.is_call and value.node.op != "Placeholder"


def elements(value: Value) -> list[int | Value] | None:
    """The entries of a vector, constants as numbers; None for a vector that was not made of single entries."""
    array = constant(value)
    if array is not None:
        return array.reshape(-1).tolist()
    if value.node.op not in ("Stack", "ops.stack"):
        return None
    entries: list[int | Value] = []
    for entry in value.node.inputs:
        array = constant(entry)
        entries.append(entry if array is None else array.item())
    return entries
