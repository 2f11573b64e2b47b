"""Computes what follows from knobs behind a conditional, such as `1 - tf.cond(is_training, 0.5, 1.0)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from porter.graph import Graph, Node, Value

ARITHMETIC: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "Reciprocal": np.reciprocal,
    "Neg": np.negative,
    "LogicalNot": np.logical_not,
    "Identity": np.asarray,
    "Reshape": lambda number, shape: np.reshape(number, shape),
}


def knob_arithmetic(graph: Graph) -> None:
    """Let a Cond of a knob over two single numbers, and arithmetic on it, be a `Knob` itself."""
    for node in graph.ordered():
        if not node.outputs or node.out.shape is None or any(size != 1 for size in node.out.shape):
            continue
        if not any(value.node.op == "Knob" for value in node.inputs):
            continue
        found = [_phases(value) for value in node.inputs]
        if None in found:
            continue
        if node.op == "Cond":
            results = [then if given else otherwise for given, then, otherwise in zip(*found, strict=True)]  # type: ignore[arg-type]
        elif node.op in ARITHMETIC:
            results = [ARITHMETIC[node.op](*numbers) for numbers in zip(*found, strict=True)]  # type: ignore[arg-type]
        else:
            continue
        _become_knob(graph, node, *results)


def _phases(value: Value) -> tuple[Any, Any] | None:
    """What a constant or a knob is in training and in inference."""
    node = value.node
    if node.op == "Const":
        return node.attrs["value"], node.attrs["value"]
    return (node.attrs["training"], node.attrs["inference"]) if node.op == "Knob" else None


def _become_knob(graph: Graph, node: Node, training: Any, inference: Any) -> None:
    graph.set_inputs(node, [])
    node.op = "Knob"
    node.attrs = {"training": np.asarray(training).item(), "inference": np.asarray(inference).item()}
