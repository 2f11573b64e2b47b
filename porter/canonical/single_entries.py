"""Takes one entry of an axis in one step: x[:, :1] without its axis of size 1 is x[:, 0]."""

from __future__ import annotations

from typing import Any

from porter.graph import Graph, Node, Value


def single_entries(graph: Graph) -> None:
    """Let a Squeeze of a slice that takes one entry be a StridedSlice that picks it.

    Keras would not know the size of such a slice where it doesn't know the axis's, and refuse to drop the axis.
    """
    for node in graph.ordered():
        axes = node.attrs.get("axes") if node.op == "Squeeze" and not node.attrs.get("perhaps_more") else None
        sliced = node.inputs[0].node if axes else None
        slices = _slices(sliced) if sliced is not None else None
        if not axes or sliced is None or slices is None or max(axes) >= len(slices):
            continue
        starts = {axis: slices[axis].start or 0 for axis in axes}
        if any(slices[axis] not in (slice(start, start + 1), slice(None, start + 1)) for axis, start in starts.items()):
            continue
        picked = tuple(starts.get(axis, each) for axis, each in enumerate(slices))
        origin = tuple(dict.fromkeys((*sliced.origin, *node.origin)))
        made = Node(f"{node.name}/entry", "StridedSlice", [sliced.inputs[0]], {"slices": picked}, origin=origin)
        out = node.out
        made.outputs = [Value(made, 0, out.shape, out.probe, out.dtype, out.tensor)]
        graph.add(made)
        graph.replace(out, made.out)
        graph.remove(node)
        if not graph.is_used(sliced):
            graph.remove(sliced)


def _slices(node: Node) -> list[Any] | None:
    """What a slice with known ends takes, axis by axis; None for another node, or one that picks entries already."""
    if len(node.inputs) != 1:
        return None
    if node.op == "Slice" and "begin" in node.attrs:
        pairs = zip(node.attrs["begin"], node.attrs["size"], strict=True)
        return [slice(begin or None, None if size == -1 else begin + size) for begin, size in pairs]
    slices = node.attrs.get("slices") if node.op == "StridedSlice" else None
    whole = slices and all(isinstance(each, slice) and each.step is None for each in slices)
    return list(slices) if slices and whole and all((each.start or 0) >= 0 for each in slices) else None
