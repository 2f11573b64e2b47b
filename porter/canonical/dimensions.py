"""The sizes of values, and the sizes that integers in the graph stand for.

A dimension is a pair: its static size or None, and its size in the probe (see `Value.probe`) or None.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from porter.graph import Node, Value

Dim = tuple[int | None, int | None]
Dims = list[Dim]


def dims_of(value: Value) -> Dims:
    """The dimensions of a value whose rank is known."""
    probes = value.probe or (None,) * len(value.shape or ())
    return [(size, size if size is not None else probe) for size, probe in zip(value.shape or (), probes, strict=True)]


def refine(value: Value, dims: Dims) -> None:
    """Let `value` have `dims` where it knows nothing better."""
    if value.shape is not None and len(value.shape) != len(dims):
        return
    own = dims_of(value) if value.shape is not None else [(None, None)] * len(dims)
    merged = [(a if a is not None else c, b if b is not None else d) for (a, b), (c, d) in zip(own, dims, strict=True)]
    value.shape = tuple(size for size, _ in merged)
    probes = tuple(probe for _, probe in merged)
    value.probe = probes if None not in probes else value.probe  # type: ignore[assignment]


def constant(node: Node, slot: int) -> np.ndarray | None:
    """The array of the constant that is an input of `node`, None for anything else."""
    held = node.inputs[slot].node
    return held.attrs["value"] if held.op == "Const" else None


def size_of(value: Value) -> Dim:
    """The size that an integer scalar stands for, as far as it is known."""
    node = value.node
    if node.op == "Const" and node.attrs["value"].size == 1:
        size = int(node.attrs["value"].reshape(()))
        return size, size
    if node.op in ("ExpandDims", "Reshape", "Squeeze", "Cast", "Identity"):
        return size_of(node.inputs[0])
    if node.op == "StridedSlice" and node.attrs.get("shrink_axis_mask") == 1:
        place, sizes = constant(node, 1), sizes_of(node.inputs[0])
        if place is not None and sizes is not None and -len(sizes) <= int(place.reshape(-1)[0]) < len(sizes):
            return sizes[int(place.reshape(-1)[0])]
    if node.op == "Prod":
        sizes = sizes_of(node.inputs[0])
        return (None, None) if sizes is None else _product(sizes)
    if node.op in SIZE_ARITHMETIC:
        (a, b), (c, d) = map(size_of, node.inputs)
        compute = SIZE_ARITHMETIC[node.op]
        return (
            None if a is None or c is None else compute(a, c),
            None if b is None or d is None else compute(b, d),
        )
    return None, None


def _product(sizes: Dims) -> Dim:
    sides = [[size[side] for size in sizes] for side in (0, 1)]
    whole = [None if None in side else prod(side) for side in sides]  # type: ignore[arg-type]
    return whole[0], whole[1]


SIZE_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "FloorDiv": lambda a, b: a // b if b else 0,
    "Maximum": max,
    "Minimum": min,
}


def sizes_of(value: Value) -> Dims | None:
    """The sizes that a vector of integers stands for; None for a vector of unknown length."""
    node = value.node
    if node.op == "Const":
        return [(int(size), int(size)) for size in np.ravel(node.attrs["value"])]
    if node.op == "Shape":
        return None if node.inputs[0].shape is None else dims_of(node.inputs[0])
    if node.op == "Stack":
        return [size_of(each) for each in node.inputs]
    if node.op == "ConcatV2":
        parts = [sizes_of(each) for each in node.inputs[:-1]]
        return None if None in parts else [size for part in parts for size in part]  # type: ignore[union-attr]
    if node.op in ("Cast", "Identity"):
        return sizes_of(node.inputs[0])
    if node.op == "GatherV2":
        sizes, places = sizes_of(node.inputs[0]), constant(node, 1)
        if sizes is not None and places is not None and places.ndim == 1:
            return [sizes[place] for place in places]
    if node.op == "StridedSlice" and not node.attrs.get("shrink_axis_mask"):
        sizes, (begin, end, strides) = sizes_of(node.inputs[0]), (constant(node, slot) for slot in (1, 2, 3))
        if sizes is not None and begin is not None and end is not None and strides is not None and len(begin) == 1:
            first = None if node.attrs.get("begin_mask") else int(begin[0])
            return sizes[slice(first, None if node.attrs.get("end_mask") else int(end[0]), int(strides[0]))]
    if value.shape == (1,):
        return [size_of(value)]
    return None
