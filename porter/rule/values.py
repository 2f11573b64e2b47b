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
    node = value.node
    if node.op == "Stack":
        entries = node.inputs
    elif node.op == "ops.stack":
        entries = [node.inputs[ref.index] for ref in node.attrs["args"][0]]
    else:
        return None
    arrays = [_number(entry) for entry in entries]
    return [entry if array is None else array.item() for entry, array in zip(entries, arrays, strict=True)]


def _number(value: Value) -> np.ndarray | None:
    """`constant`, also of one that was made a tensor to stand among others."""
    return constant(value.node.inputs[1] if value.node.op == "ops.full_like" else value)
