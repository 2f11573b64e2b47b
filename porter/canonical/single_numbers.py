"""Computes single numbers that follow from knobs behind a conditional, such as `1 - tf.cond(is_training, 0.5, 1.0)`, or
from sizes that have become known, such as `1 / sqrt(number of pixels)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from porter.graph import Graph, Value

NUMBERS = ("float16", "float32", "float64", "int32", "int64", "bool")
OPERATIONS: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "Cast": np.asarray,
    "Cond": lambda given, then, otherwise: then if given else otherwise,
    "Identity": np.asarray,
    "LogicalNot": np.logical_not,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Pow": np.power,
    "RealDiv": np.divide,
    "Reciprocal": np.reciprocal,
    "Reshape": lambda number, shape: number,
    "Rsqrt": lambda number: 1 / np.sqrt(number),
    "Sqrt": np.sqrt,
    "Square": np.square,
    "Sub": np.subtract,
}


def single_numbers(graph: Graph) -> None:
    """Let arithmetic on single constants be a `Const`, and with knobs among them a `Knob`; in loops too."""
    for node in graph.ordered():
        for inner in node.attrs.values():
            if isinstance(inner, Graph):
                single_numbers(inner)
        if not node.inputs or len(node.outputs) != 1 or not _is_single(node.out):
            continue
        found = [_phases(value) for value in node.inputs]
        if None in found:
            continue
        compute = OPERATIONS.get(node.op)
        if compute is None:
            continue
        with np.errstate(all="ignore"):
            results = [compute(*numbers) for numbers in zip(*found, strict=True)]
        shape = [1] * (node.out.rank or 0)
        training, inference = (np.asarray(each).astype(node.out.dtype).reshape(shape) for each in results)
        graph.set_inputs(node, [])
        if training == inference:
            node.op, node.attrs = "Const", {"value": inference}
        else:
            node.op, node.attrs = "Knob", {"training": training.item(), "inference": inference.item()}


def _is_single(value: Value) -> bool:
    """True for one number of a type that numpy knows too."""
    return value.dtype in NUMBERS and value.shape is not None and all(size == 1 for size in value.shape)


def _phases(value: Value) -> tuple[Any, Any] | None:
    """What a single constant or a knob is in training and in inference."""
    node = value.node
    if node.op == "Knob":
        return node.attrs["training"], node.attrs["inference"]
    if node.op == "Const" and (node.attrs["value"].size == 1 or value.dtype.startswith("int")):
        return node.attrs["value"], node.attrs["value"]
    return None
