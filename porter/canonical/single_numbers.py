"""Computes single numbers that follow from knobs behind a conditional, such as `1 - tf.cond(is_training, 0.5, 1.0)`, or
from sizes that have become known, such as `1 / sqrt(number of pixels)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from porter.graph import Graph, Value

ARITHMETIC: dict[str, Callable[..., Any]] = {
    "Add": np.add,
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
    """Let arithmetic on single constants be a `Const`, and with knobs among them a `Knob`."""
    for node in graph.ordered():
        if (
            not node.inputs
            or len(node.outputs) != 1
            or node.out.shape is None
            or any(size != 1 for size in node.out.shape)
        ):
            continue
        found = [_phases(value) for value in node.inputs]
        if None in found:
            continue
        if node.op == "Cond":
            results = [then if given else otherwise for given, then, otherwise in zip(*found, strict=True)]  # type: ignore[arg-type]
        elif node.op == "Cast":
            results = list(found[0])  # type: ignore[arg-type]
        elif node.op in ARITHMETIC:
            with np.errstate(all="ignore"):
                results = [ARITHMETIC[node.op](*numbers) for numbers in zip(*found, strict=True)]  # type: ignore[arg-type]
        else:
            continue
        training, inference = (np.asarray(each).astype(node.out.dtype).reshape(node.out.shape) for each in results)
        graph.set_inputs(node, [])
        if np.array_equal(training, inference, equal_nan=True):
            node.op, node.attrs = "Const", {"value": inference}
        else:
            node.op, node.attrs = "Knob", {"training": training.item(), "inference": inference.item()}


def _phases(value: Value) -> tuple[Any, Any] | None:
    """What a single constant or a knob is in training and in inference."""
    node = value.node
    if node.op == "Knob":
        return node.attrs["training"], node.attrs["inference"]
    if node.op == "Const" and (node.attrs["value"].size == 1 or value.dtype.startswith("int")):
        return node.attrs["value"], node.attrs["value"]
    return None
