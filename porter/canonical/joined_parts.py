"""Takes parts of what was put together: a split of a concatenation gives what was concatenated."""

from __future__ import annotations

import numpy as np

from porter.graph import Graph, Node, Value


def joined_parts(graph: Graph) -> None:
    """Let users of a Split, Slice or StridedSlice of a ConcatV2 use the part itself, where it takes just one part."""
    for node in graph.ordered():
        source = _source(node)
        if source is None or source.node.op != "ConcatV2" or source.rank is None:
            continue
        axis = source.node.attrs.get("axis")
        if axis is None:
            continue
        axis %= source.rank
        ends = _ends(source.node.inputs, axis)
        for value, start, stop in _taken(node, axis, source):
            for part, first, last in zip(source.node.inputs, ends, ends[1:], strict=False):
                if (first, last) == (start, stop) and part.rank == value.rank:
                    graph.replace(value, part)


def _source(node: Node) -> Value | None:
    if node.op in ("SplitV", "Slice", "StridedSlice", "Split") and len(node.inputs) == 1:
        return node.inputs[0]
    return None


def _ends(parts: list[Value], axis: int) -> list[int | None]:
    """Where each part starts, and the end; None from the first part of unknown size on."""
    ends: list[int | None] = [0]
    for part in parts:
        size = part.shape[axis] if part.shape is not None and axis < len(part.shape) else None
        ends.append(None if size is None or ends[-1] is None else ends[-1] + size)
    return ends


def _taken(node: Node, axis: int, source: Value) -> list[tuple[Value, int, int]]:
    """The outputs of `node` with the range of `axis` that each takes; all other axes are taken whole."""
    total = (source.shape or ())[axis]
    if total is None:
        return []
    if node.op in ("Split", "SplitV"):
        if node.attrs.get("axis") is None or node.attrs["axis"] % (source.rank or 1) != axis:
            return []
        widths = node.attrs.get("sizes") or [total // len(node.outputs)] * len(node.outputs)
        if -1 in widths:
            return []
        ends = np.cumsum([0, *widths]).tolist()
        return [(value, ends[value.index], ends[value.index + 1]) for value in node.outputs]
    ranges = []
    if node.op == "Slice":
        if "begin" not in node.attrs:
            return []
        ranges = [(b, None if s == -1 else b + s) for b, s in zip(node.attrs["begin"], node.attrs["size"], strict=True)]
    else:
        slices = node.attrs.get("slices", ())
        if not slices or not all(isinstance(each, slice) and each.step is None for each in slices):
            return []
        ranges = [(each.start or 0, each.stop) for each in slices]
    if len(ranges) <= axis or any(place != axis and each != (0, None) for place, each in enumerate(ranges)):
        return []
    start, stop, _ = slice(*ranges[axis]).indices(total)
    return [(node.out, start, stop)]
