"""Gives arrays that loops fill and read their shape and dtype; TensorFlow knows their flows as single floats."""

from __future__ import annotations

from porter.canonical.dimensions import Dims, dims_of, refine, size_of
from porter.canonical.infer_shapes import infer_shapes
from porter.canonical.origins import Origin, origin
from porter.graph import Graph, Node, Value


def array_shapes(graph: Graph) -> None:
    """Describe every array in `graph`, and what becomes of it in loops."""
    for node in graph.ordered():
        if node.op == "ArrayNew":
            node.outputs = node.outputs[-1:]  # the handle is of no use any more
            node.out.index = 0
            written = _written(node.out)
            element = written[0] if written else None
            if element is None:
                continue
            outside = _stacked(node.out)
            if element.shape is not None:
                _describe(node.out, [size_of(node.inputs[0]), *dims_of(element)], element.dtype)
            elif outside is not None:
                _describe(node.out, outside, element.dtype)
            else:
                _forget(node.out)
            if outside is not None and node.out.shape is not None and len(node.out.shape) == len(outside):
                _describe(node.out, outside, element.dtype)
        elif node.op == "While":
            for place, value in enumerate(node.inputs):
                inner = node.attrs["body"].inputs[place]
                if value.shape and any(user.op == "ArrayRead" and slot == 0 for user, slot in inner.uses):
                    _describe_in_loop(node, place, dims_of(value), value.dtype)
            array_shapes(node.attrs["body"])
            _drop_unused(graph, node)


def later_loops(graph: Graph) -> None:
    """Describe arrays again whose number of steps is known only now: as many as a loop before them made."""
    if any(node.op == "ArrayNew" for node in graph):
        array_shapes(graph)
        infer_shapes(graph)


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


def array_elements(graph: Graph) -> None:
    """Say of each new array where the sizes of its elements come from.

    `ArrayNew` gets an attribute "element": for each axis the size, or the number of the input that is the size, or that
    number and the axis of the input that has the size.
    """
    for node in list(graph):
        if node.op == "While":
            array_elements(node.attrs["body"])
        elif node.op == "ArrayNew" and node.out.shape and None in node.out.shape[1:]:
            written = _written(node.out)
            known = node.out.shape[1:]
            found = [_origin(written, axis) for axis in range(len(known))] if written else []
            if found and all(size is not None or each is not None for size, each in zip(known, found, strict=True)):
                element: list[int | tuple[int, ...]] = []
                for size, each in zip(known, found, strict=True):
                    if size is not None:
                        element.append(size)
                    elif each.size is None:  # type: ignore[union-attr]
                        slot = len(node.inputs)
                        graph.set_inputs(node, [*node.inputs, each.value])  # type: ignore[union-attr]
                        element.append((slot,) if each.axis is None else (slot, each.axis))  # type: ignore[union-attr]
                    else:
                        element.append(each.size)  # type: ignore[union-attr]
                node.attrs["element"] = tuple(element)


def _stacked(array: Value) -> Dims | None:
    """What is known of the tensor that a loop makes of `array`: TensorFlow 1 notes the shape of its elements there."""
    for user, slot in array.uses:
        if user.op == "While" and slot < len(user.outputs) and user.outputs[slot].shape:
            return [(None, None), *dims_of(user.outputs[slot])[1:]]
    return None


def _forget(array: Value) -> None:
    """Let `array`, and what becomes of it in loops, have no shape: that of the flow, which stood for it, is not its own."""
    array.shape, array.probe = None, None
    for user, slot in array.uses:
        if user.op == "ArrayWrite" and slot == 0 and user.out.shape is not None:
            _forget(user.out)
        elif user.op == "While":
            for inner in (user.attrs["body"].inputs[slot], user.attrs["cond"].inputs[slot]):
                if inner.shape is not None:
                    _forget(inner)
            if slot < len(user.outputs) and user.outputs[slot].shape == ():
                _forget(user.outputs[slot])


def _written(array: Value) -> tuple[Value, list[Node]] | None:
    """A value that is written into `array`, and the loops in which it is, the outermost first."""
    for user, slot in array.uses:
        if user.op == "ArrayWrite" and slot == 0:
            return user.inputs[2], []
        if user.op == "While":
            found = _written(user.attrs["body"].inputs[slot])
            if found is not None:
                return found[0], [user, *found[1]]
    return None


def _origin(written: tuple[Value, list[Node]], axis: int) -> Origin | None:
    """Where the size of an axis of what is written comes from, outside of all loops; None where that is not found."""
    value, loops = written
    if value.shape is not None and value.shape[axis] is not None:
        return Origin(value, axis)
    found = origin(value, axis)
    for loop in reversed(loops):
        inner = loop.attrs["body"].inputs
        place = next((place for place, each in enumerate(inner) if each is found.value), None)
        if place is None:
            return found if found.size is not None else None
        found = Origin(loop.inputs[place], found.axis)
        found = found if found.axis is None else origin(found.value, found.axis)
    return found


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
