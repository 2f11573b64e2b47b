"""Reads a size where it comes from: the third dimension of scores is the length of the sequence that they were made of."""

from __future__ import annotations

import numpy as np

from porter.canonical.origins import origin
from porter.graph import Graph, Node, Value


def sizes_at_origin(graph: Graph) -> None:
    """Let each entry of a tensor's shape be that of the tensor which it comes from, as far as it can be followed back.

    So what merely asks for a size does not keep a rule from taking the tensor that it asks.
    """
    shapes: dict[int, Node] = {}
    for node in graph.ordered():
        place = _entry(node)
        if place is None:
            continue
        asked = node.inputs[0].node.inputs[0]
        found = origin(asked, place)
        if found.axis is None or found.value is asked or not _agree(asked, place, found.value, found.axis):
            continue
        axis = found.axis % len(found.value.shape or ())
        shape = shapes.get(id(found.value))
        if shape is None:
            shape = Node(f"{found.value.node.name}/shape", "Shape", [found.value], origin=node.origin)
            rank = found.value.rank
            shape.outputs = [Value(shape, 0, (rank,), (rank,), "int32")]  # type: ignore[arg-type]
            shapes[id(found.value)] = graph.add(shape)
        ends = [_constant(graph, node, number) for number in (axis, axis + 1, 1)]
        graph.set_inputs(node, [shape.out, *ends])


def _entry(node: Node) -> int | None:
    """Which entry of a shape `node` takes, None if that is not what it does."""
    if node.op != "StridedSlice" or node.attrs.get("shrink_axis_mask") != 1 or len(node.inputs) != 4:
        return None
    shape, begin = node.inputs[0].node, node.inputs[1].node
    if shape.op != "Shape" or begin.op != "Const" or node.out.dtype != "int32":
        return None
    rank, place = shape.inputs[0].rank, int(np.asarray(begin.attrs["value"]).reshape(-1)[0])
    return place % rank if rank and -rank <= place < rank else None


def _agree(one: Value, axis: int, other: Value, other_axis: int) -> bool:
    """True if two dimensions had the same size when all unknown ones had sizes of their own."""
    return bool(one.probe and other.probe) and one.probe[axis] == other.probe[other_axis]  # type: ignore[index]


def _constant(graph: Graph, node: Node, number: int) -> Value:
    made = Node(f"{node.name}/place", "Const", [], {"value": np.array([number], "int32")}, origin=node.origin)
    made.outputs = [Value(made, 0, (1,), (1,), "int32")]
    return graph.add(made).out
