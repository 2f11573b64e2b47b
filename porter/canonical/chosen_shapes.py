"""Shapes of what picks, pads and resizes, beside those in `shape_rules`: detectors do so in loops over their pictures."""

from __future__ import annotations

from collections.abc import Callable

from porter.canonical.dimensions import Dim, Dims, constant, dims_of, size_of, sizes_of
from porter.graph import Node

OPEN: Dim = (None, None)


def _resized(node: Node) -> Dims | None:
    dims, sizes = dims_of(node.inputs[0]), sizes_of(node.inputs[1])
    return [dims[0], *(sizes or [OPEN, OPEN]), dims[3]] if len(dims) == 4 else None


def _cropped(node: Node) -> Dims | None:
    return [dims_of(node.inputs[1])[0], *(sizes_of(node.inputs[3]) or [OPEN, OPEN]), dims_of(node.inputs[0])[3]]


def _largest(node: Node) -> Dims | None:
    return [*dims_of(node.inputs[0])[:-1], size_of(node.inputs[1])]


def _places(node: Node) -> Dims | None:
    rank = len(node.inputs[0].shape or ())
    return [OPEN, (rank, rank)]


def _padded(node: Node) -> Dims | None:
    dims, fixed, made = dims_of(node.inputs[0]), constant(node, 1), node.inputs[1].node
    if fixed is not None:
        rows: list[Dims] = [[(int(size), int(size)) for size in row] for row in fixed]
    elif made.op == "Stack" and not made.attrs.get("axis"):
        rows = [sizes_of(row) or [OPEN] for row in made.inputs]
    else:
        return [OPEN] * len(dims)
    if len(rows) != len(dims):
        return None
    return [_sum([dim, *row]) for dim, row in zip(dims, rows, strict=True)]


def _sum(sizes: Dims) -> Dim:
    sides = [[size[side] for size in sizes] for side in (0, 1)]
    size, probe = (None if None in side else sum(side) for side in sides)  # type: ignore[arg-type]
    return size, probe


def _list(_: Node) -> Dims | None:
    """As many as there are."""
    return [OPEN]


CHOSEN: dict[str, Callable[[Node], Dims | None]] = {
    **dict.fromkeys(("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea"), _resized),
    "CropAndResize": _cropped,
    "TopKV2": _largest,
    "Where": _places,
    **dict.fromkeys(("Pad", "PadV2", "MirrorPad"), _padded),
    **dict.fromkeys(("NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3"), _list),
}
