"""Computes integers that follow from constants and known sizes, before loops are given their shapes.

Weights are floats, so no arithmetic on weights is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from porter.graph import Graph, Node, Value


def _strided_slice(node: Node, x: np.ndarray, begin: np.ndarray, end: np.ndarray, strides: np.ndarray) -> Any:
    masks = {
        name: node.attrs.get(f"{name}_mask", 0) for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    if x.ndim != 1 or len(begin) != 1 or masks["ellipsis"] or masks["new_axis"]:
        return None
    if masks["shrink_axis"]:
        return x[begin[0]]
    return x[slice(None if masks["begin"] else begin[0], None if masks["end"] else end[0], strides[0])]


LARGEST = 4096  # numbers in a constant that is made here

FOLD: dict[str, Callable[..., Any]] = {
    "Add": lambda _, a, b: a + b,
    "Cast": lambda node, x: x.astype(node.out.dtype),
    "ConcatV2": lambda _, *parts: np.concatenate(parts[:-1], int(parts[-1])),
    "Equal": lambda _, a, b: a == b,
    "ExpandDims": lambda _, x, axis: np.expand_dims(x, int(axis)),
    "Fill": lambda _, shape, x: np.full(shape, x) if np.prod(shape) <= LARGEST else None,
    "FloorDiv": lambda _, a, b: a // b if np.all(b) else None,
    "FloorMod": lambda _, a, b: a % b if np.all(b) else None,
    "GatherV2": lambda _, x, places, axis: np.take(x, places, int(axis)),
    "Greater": lambda _, a, b: a > b,
    "GreaterEqual": lambda _, a, b: a >= b,
    "Less": lambda _, a, b: a < b,
    "LessEqual": lambda _, a, b: a <= b,
    "ListDiff": lambda _, x, others: (x[~np.isin(x, others)], np.flatnonzero(~np.isin(x, others))),
    "LogicalAnd": lambda _, a, b: a & b,
    "LogicalNot": lambda _, a: ~a,
    "LogicalOr": lambda _, a, b: a | b,
    "Maximum": lambda _, a, b: np.maximum(a, b),
    "Minimum": lambda _, a, b: np.minimum(a, b),
    "Mul": lambda _, a, b: a * b,
    "Neg": lambda _, x: -x,
    "NotEqual": lambda _, a, b: a != b,
    "Prod": lambda node, x, axes: np.prod(x, axis=tuple(np.ravel(axes)), keepdims=bool(node.attrs.get("keep_dims"))),
    "Range": lambda _, start, stop, step: np.arange(start, stop, step),
    "Reshape": lambda _, x, shape: x.reshape(shape),
    "Stack": lambda node, *parts: np.stack(parts, node.attrs.get("axis", 0)),
    "StridedSlice": _strided_slice,
    "Sub": lambda _, a, b: a - b,
}


def fold_integers(graph: Graph) -> None:
    """Replace integer and bool arithmetic on constants by constants, in `graph` and in the loops inside it.

    A choice of which the constants tell the outcome is made.
    """
    for node in graph.ordered():
        for inner in node.attrs.values():
            if isinstance(inner, Graph):
                fold_integers(inner)
        picked = _picked_size(node)
        if picked is not None:
            _replace(graph, node.out, np.asarray(picked))
            continue
        if node.op == "Cond" and node.inputs[0].node.op == "Const":
            graph.replace(node.out, node.inputs[1 if node.inputs[0].node.attrs["value"].all() else 2])
            continue
        fold(graph, node)


def fold(graph: Graph, node: Node) -> bool:
    """Replace `node` by a constant if it computes integers from nothing but constants; gives whether it does."""
    if node.op not in FOLD or not node.inputs or not all(_is_integer(value) for value in node.inputs):
        return False
    if any(value.dtype not in ("int32", "int64", "bool") for value in node.outputs):
        return False
    found = FOLD[node.op](node, *(value.node.attrs["value"] for value in node.inputs))
    if found is None:
        return False
    for value, array in zip(node.outputs, found if len(node.outputs) > 1 else [found], strict=True):
        _replace(graph, value, np.asarray(array))
    return True


def fold_rank(graph: Graph, node: Node) -> bool:
    """Replace the rank of what has a known one by a constant; gives whether `node` is such a rank."""
    rank = node.inputs[0].rank if node.op == "Rank" else None
    if rank is not None:
        _replace(graph, node.out, np.asarray(rank))
    return rank is not None


def _replace(graph: Graph, value: Value, array: np.ndarray) -> None:
    array, node = array.astype(value.dtype), value.node
    name = f"{node.name}/folded" + (f"_{value.index}" if value.index else "")
    constant = Node(name, "Const", [], {"value": array}, origin=node.origin)
    constant.outputs = [Value(constant, 0, array.shape, array.shape, value.dtype)]
    graph.add(constant)
    graph.replace(value, constant.out)


def _picked_size(node: Node) -> Any:
    """`tf.shape(x)[1]` of x [?, 168, 1] is 168, `tf.shape(x)[1:]` is [168, 1]."""
    if node.op != "StridedSlice" or node.inputs[0].node.op != "Shape":
        return None
    shape = node.inputs[0].node.inputs[0].shape
    if shape is None or any(value.node.op != "Const" for value in node.inputs[1:]):
        return None
    sizes = np.array([-1 if size is None else size for size in shape])
    begin, end, strides = (value.node.attrs["value"].reshape(-1) for value in node.inputs[1:])
    if len(begin) != 1 or (node.attrs.get("shrink_axis_mask") == 1 and not -len(sizes) <= begin[0] < len(sizes)):
        return None
    picked = _strided_slice(node, sizes, begin, end, strides)
    return None if picked is None or np.any(picked == -1) else picked


def _is_integer(value: Value) -> bool:
    return value.node.op == "Const" and value.dtype in ("int32", "int64", "bool")
