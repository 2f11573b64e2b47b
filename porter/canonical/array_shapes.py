"""Gives arrays that loops fill and read their shape and dtype; TensorFlow knows their flows as single floats."""

from __future__ import annotations

from porter.canonical.infer_shapes import Dims, dims_of, refine, size_of
from porter.graph import Graph, Node, Value


def array_shapes(graph: Graph) -> None:
    """Describe every array in `graph`, and what becomes of it in loops."""
    for node in graph.ordered():
        if node.op == "ArrayNew":
            node.outputs = node.outputs[-1:]  # the handle is of no use any more
            node.out.index = 0
            element = _written(node.out)
            if element is not None and element.shape is not None:
                _describe(node.out, [size_of(node.inputs[0]), *dims_of(element)], element.dtype)
        elif node.op == "While":
            for place, value in enumerate(node.inputs):
                inner = node.attrs["body"].inputs[place]
                if value.shape and any(user.op == "ArrayRead" and slot == 0 for user, slot in inner.uses):
                    _describe_in_loop(node, place, dims_of(value), value.dtype)
            array_shapes(node.attrs["body"])
            _drop_unused(graph, node)


def _drop_unused(graph: Graph, loop: Node) -> None:
    """Drop what comes in unchanging and is not used, such as the handles of arrays."""
    body, cond, count = loop.attrs["body"], loop.attrs["cond"], loop.attrs["count"]
    kept = [
        place
        for place in range(len(loop.inputs))
        if place < count or body.inputs[place].uses or cond.inputs[place].uses
    ]
    graph.set_inputs(loop, [loop.inputs[place] for place in kept])
    for inner in (body, cond):
        inner.inputs = [inner.inputs[place] for place in kept]


def _written(array: Value) -> Value | None:
    """A value that is written into `array`, here or in a loop that it goes into."""
    for user, slot in array.uses:
        if user.op == "ArrayWrite" and slot == 0:
            return user.inputs[2]
        if user.op == "While":
            found = _written(user.attrs["body"].inputs[slot])
            if found is not None:
                return found
    return None


def _describe(array: Value, dims: Dims, dtype: str) -> None:
    """Set what is known of `array`, and of what becomes of it."""
    if not array.shape:
        array.shape, array.probe = None, None
    refine(array, dims)
    array.dtype = dtype
    for user, slot in array.uses:
        if user.op == "ArrayWrite" and slot == 0:
            _describe(user.out, dims, dtype)
        elif user.op == "While":
            _describe_in_loop(user, slot, dims, dtype)


def _describe_in_loop(loop: Node, place: int, dims: Dims, dtype: str) -> None:
    for inner in (loop.attrs["body"].inputs[place], loop.attrs["cond"].inputs[place]):
        _describe(inner, dims, dtype)
    if place < len(loop.outputs):
        unknown: Dims = [(None, None)] if place in loop.attrs.get("filled", ()) else dims[:1]
        _describe(loop.outputs[place], [*unknown, *dims[1:]], dtype)
