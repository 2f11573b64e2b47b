"""Arithmetic on sizes of which some are known: `tf.shape(x)[-1]` is a constant where x is [?, 6]."""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from porter.graph import Graph, Node, Value

Sizes = int | None | tuple[int | None, ...]  # a scalar or a vector, None for what is not known

PAIRWISE: dict[str, Callable[[int, int], int]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Maximum": max,
    "Minimum": min,
    "FloorDiv": lambda a, b: a // b if b else None,  # type: ignore[dict-item, return-value]
    "FloorMod": lambda a, b: a % b if b else None,  # type: ignore[dict-item, return-value]
}
SAME = {"Cast", "Identity", "StopGradient"}
RESHAPED = {"ExpandDims", "Squeeze", "Reshape"}


class KnownSizes:
    """What is known of integer scalars and vectors, node by node in the order of the graph."""

    def __init__(self) -> None:
        self._known: dict[int, Sizes] = {}

    def settle(self, graph: Graph, node: Node) -> None:
        """Learn what `node` gives, and let constants take the place of outputs that are known in full."""
        if not node.outputs or any(v.dtype not in ("int32", "int64") or v.rank not in (0, 1) for v in node.outputs):
            return
        results = _evaluate(node, [self.of(value) for value in node.inputs])
        for value, sizes in zip(node.outputs, results, strict=False):
            self._known[id(value)] = sizes
            unknown = sizes is None or isinstance(sizes, tuple) and None in sizes
            if unknown or not (value.uses or graph.is_output(value)):
                continue
            array = np.array(sizes, dtype=value.dtype)
            if array.ndim != value.rank:
                continue
            settled = Node(f"{node.name}_{value.index}_size", "Const", [], {"value": array}, origin=node.origin)
            settled.outputs = [Value(settled, 0, array.shape, array.shape, value.dtype)]
            graph.add(settled)
            graph.replace(value, settled.out)

    def of(self, value: Value) -> Sizes:
        """What is known of an integer scalar or vector."""
        if value.node.op == "Const" and value.dtype in ("int32", "int64"):
            array = value.node.attrs["value"]
            return None if array.ndim > 1 else tuple(array.tolist()) if array.ndim else array.item()
        return self._known.get(id(value))


def _evaluate(node: Node, inputs: list[Sizes]) -> list[Sizes]:
    """The outputs of `node`, as far as they follow from what is known of its inputs."""
    if node.op == "Shape" and node.inputs[0].shape is not None:
        return [tuple(node.inputs[0].shape)]
    first: Any = inputs[0] if inputs else None
    vector = isinstance(first, tuple)
    if node.op == "Stack":
        return [None if any(isinstance(each, tuple) for each in inputs) else tuple(inputs)]  # type: ignore[arg-type]
    if node.op == "ConcatV2":
        return [sum(inputs, ()) if all(isinstance(each, tuple) for each in inputs) else None]  # type: ignore
    if node.op in PAIRWISE:
        return [_pairwise(PAIRWISE[node.op], *inputs)]
    if node.op in SAME:
        return [first]
    if node.op == "Neg":
        return [_pairwise(operator.sub, 0, first)]
    if node.op in RESHAPED and node.out.rank == 1:
        return [first if vector else (first,)]
    if not vector:
        return []
    if node.op in RESHAPED:
        return [first[0]] if len(first) == 1 else []
    if node.op == "StridedSlice" and len(node.attrs.get("slices", ())) == 1 and node.attrs["slices"][0] is not None:
        place = node.attrs["slices"][0]
        return [first if place is Ellipsis else first[place]]
    if node.op == "Slice" and "begin" in node.attrs:
        (begin,), (size,) = node.attrs["begin"], node.attrs["size"]
        return [first[begin : None if size < 0 else begin + size]]
    if node.op == "GatherV2" and node.attrs.get("axis") == 0 and len(inputs) == 2:  # tf.tensordot picks axes so
        places: Any = inputs[1]
        if not isinstance(places, tuple) or None in places:
            return [None if places is None or isinstance(places, tuple) else first[places]]
        return [tuple(first[place] for place in places)]
    if node.op == "Unstack":
        return list(first)
    if node.op == "SplitV" and "sizes" in node.attrs:
        ends = list(accumulate(node.attrs["sizes"]))
        return [first[end - size : end] for end, size in zip(ends, node.attrs["sizes"], strict=True)]
    if node.op == "Prod":
        return [None if None in first else prod(first)]
    return []


def _pairwise(function: Callable[[int, int], int], left: Sizes, right: Sizes) -> Sizes:
    """`function` of two numbers, of two vectors, or of each number of a vector and one number."""
    sides = [each for each in (left, right) if isinstance(each, tuple)]
    if not sides:
        return None if left is None or right is None else function(left, right)  # type: ignore[arg-type]
    length = len(sides[0])
    lefts, rights = (each if isinstance(each, tuple) else (each,) * length for each in (left, right))
    if len(lefts) != len(rights):
        return None
    return tuple(None if a is None or b is None else function(a, b) for a, b in zip(lefts, rights, strict=True))
