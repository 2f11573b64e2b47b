"""Arrays that grow as a loop fills them get a fixed size; behind the loop only what was filled is taken of them.

The size is the greatest number of steps that the loop can make: its condition says it (`maximum_iterations`), or a number
of steps, or one for each sample, after which it calls samples finished (`tf.contrib.seq2seq.dynamic_decode`), or it is
the size of an array that is read step by step. An array for which none of these is found keeps growing, and is refused
later.
`While` then has an attribute "filled": for the place of each such array, the place of the variable that counts its entries.
"""

from __future__ import annotations

import numpy as np

from porter.canonical.names import constant
from porter.graph import Graph, Node, Value


def growing_arrays(graph: Graph) -> None:
    """Give the growing arrays of `graph`, and of the loops inside it, a size."""
    for node in graph.ordered():
        if node.op == "ArrayNew" and node.attrs.get("grows"):
            _written_outside(graph, node)
        if node.op == "While":
            growing_arrays(node.attrs["body"])
            for place in range(node.attrs["count"]):
                made = node.inputs[place].node
                if made.op == "ArrayNew" and made.attrs.get("grows"):
                    _settle(graph, node, place)


def _written_outside(graph: Graph, made: Node) -> None:
    """An array that is written at constant places, and in no loop, has as many entries as the last of them asks for."""
    size, end = made.inputs[0].node.attrs.get("value"), made.outputs[-1]
    if size is None:
        return
    most, sizes = int(size), []
    while True:
        following = [user for user, slot in end.uses if user.op == "ArrayWrite" and slot == 0]
        sizes += [user for user, _ in end.uses if user.op in ("TensorArraySizeV3", "TensorListLength")]
        if len(following) != 1 or following[0].inputs[1].node.op != "Const":
            break
        most, end = max(most, 1 + int(following[0].inputs[1].node.attrs["value"])), following[0].out
    if following or any(user.op == "While" for user, _ in end.uses):
        return
    made.attrs = {}
    held = constant(graph, f"{made.name}/size", np.int32(most))
    graph.set_inputs(made, [held])
    for user in sizes:
        graph.replace(user.out, held)


def _settle(graph: Graph, loop: Node, place: int) -> None:
    made, body = loop.inputs[place].node, loop.attrs["body"]
    write = body.outputs[place].node
    if write.op != "ArrayWrite" or write.inputs[0] is not body.inputs[place]:
        return
    counter = next((c for c in range(loop.attrs["count"]) if body.inputs[c] is write.inputs[1]), None)
    bound = None if counter is None or not grows_by_one(loop, counter) else _bound(graph, loop, counter)
    if counter is None or bound is None:
        return
    made.attrs = {}
    graph.set_inputs(made, [bound])
    loop.attrs.setdefault("filled", {})[place] = counter
    for user, _ in list(loop.outputs[place].uses):
        if user.op in ("TensorArraySizeV3", "TensorListLength"):
            graph.replace(user.out, loop.outputs[counter])


def counts(loop: Node, place: int) -> bool:
    """True for an integer that starts at 0 and grows by 1 in each step."""
    start = loop.inputs[place].node
    is_zero = start.op == "Const" and start.attrs["value"].size == 1 and not start.attrs["value"].any()
    return is_zero and grows_by_one(loop, place)


def grows_by_one(loop: Node, place: int) -> bool:
    """True for an integer that grows by 1 in each step."""
    body = loop.attrs["body"]
    after = body.outputs[place].node
    return after.op == "Add" and any(v is body.inputs[place] for v in after.inputs) and any(map(_is_one, after.inputs))


def _is_one(value: Value) -> bool:
    held = value.node.attrs.get("value")
    return value.node.op == "Const" and held is not None and held.size == 1 and bool((held == 1).all())


def _bound(graph: Graph, loop: Node, counter: int) -> Value | None:
    """A value outside of `loop` that is greater than each value of `counter` with which a step is made."""
    cond, body = loop.attrs["cond"], loop.attrs["body"]
    counters = [place for place in range(loop.attrs["count"]) if counts(loop, place)]
    if counter not in counters:  # it starts elsewhere, so that the number of steps says nothing
        counters = [counter]
    finished: list[Value] = []
    stack = [cond.outputs[0]]
    while stack:
        test = stack.pop().node
        if test.op == "LogicalAnd":
            stack += test.inputs
        elif test.op == "Less" and any(test.inputs[0] is cond.inputs[place] for place in counters):
            bound = _outside(graph, loop, cond, test.inputs[1])
            if bound is not None:
                return bound
        elif test.op == "LogicalNot" and test.inputs[0].node.op == "All":
            finished.append(test.inputs[0].node.inputs[0])
    for value in finished:
        for place in range(loop.attrs["count"]):
            if cond.inputs[place] is value:
                bound = _finishing(graph, loop, body.outputs[place], counters)
                if bound is not None:
                    return bound
    for node in body:
        if node.op == "ArrayRead" and _is_step(body, node.inputs[1], counters):
            array = _outside(graph, loop, body, node.inputs[0])
            if array is not None:
                return _size(graph, loop, array)
    return None


def _is_step(body: Graph, value: Value, counters: list[int]) -> bool:
    """True for the number of the step, and of the next one."""
    made = value.node
    found = [value, *made.inputs] if made.op == "Add" and any(map(_is_one, made.inputs)) else [value]
    return any(each is body.inputs[place] for each in found for place in counters)


def _outside(graph: Graph, loop: Node, inner: Graph, value: Value) -> Value | None:
    """What `value` is outside of the loop, if it stays the same inside."""
    if value.node.op == "Const":
        made = Node(f"{loop.name}/bound", "Const", [], dict(value.node.attrs), origin=loop.origin)
        made.outputs = [Value(made, 0, value.shape, value.probe, value.dtype)]
        return graph.add(made).out
    for place in range(loop.attrs["count"], len(inner.inputs)):
        if inner.inputs[place] is value:
            return loop.inputs[place]
    return None


def _finishing(graph: Graph, loop: Node, finished: Value, counters: list[int]) -> Value | None:
    """The number of steps after which every sample is finished for good."""
    stack, seen = [finished], set()
    while stack:
        value = stack.pop()
        node = value.node
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.op == "LogicalOr":
            stack += node.inputs
        elif node.op == "GreaterEqual" and _is_step(loop.attrs["body"], node.inputs[0], counters):
            bound = _outside(graph, loop, loop.attrs["body"], node.inputs[1])
            if bound is not None:
                return bound if bound.rank == 0 else _greatest(graph, loop, bound) if bound.rank == 1 else None
    return None


def _greatest(graph: Graph, loop: Node, lengths: Value) -> Value:
    axes = _add(graph, loop, "axes", "Const", [], {"value": np.zeros(1, np.int32)}, (1,), "int32")
    return _add(graph, loop, "longest", "Max", [lengths, axes], {}, (), lengths.dtype)


def _size(graph: Graph, loop: Node, array: Value) -> Value:
    """The size of the array's first axis."""
    rank = None if array.shape is None else len(array.shape)
    shape = _add(graph, loop, "shape", "Shape", [array], {}, (rank,), "int32")
    ends = [
        _add(graph, loop, "place", "Const", [], {"value": np.array([place], np.int32)}, (1,), "int32")
        for place in (0, 1, 1)
    ]
    return _add(graph, loop, "size", "StridedSlice", [shape, *ends], {"shrink_axis_mask": 1}, (), "int32")


def _add(
    graph: Graph, loop: Node, name: str, op: str, inputs: list[Value], attrs: dict, shape: tuple, dtype: str
) -> Value:
    node = Node(f"{loop.name}/{name}", op, inputs, attrs, origin=loop.origin)
    node.outputs = [Value(node, 0, shape, None if None in shape else shape, dtype)]
    return graph.add(node).out
