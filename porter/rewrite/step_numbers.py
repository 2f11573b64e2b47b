"""Numbers the steps of loops that drop out, so that each step has random numbers of its own."""

from __future__ import annotations

import numpy as np

from porter.graph import Graph, Node, Value


def number_steps(graph: Graph) -> None:
    """Tell of each loop in which something is dropped out which of its variables counts its steps (attribute "counter").

    A loop that counts nothing gets such a variable.
    """
    for node in list(graph):
        for inner in node.attrs.values():
            if isinstance(inner, Graph):
                number_steps(inner)
        if node.op == "While" and _drops(node.attrs["body"]):
            place = next((i for i in range(node.attrs["count"]) if _counts(node, i)), None)
            node.attrs["counter"] = _with_counter(graph, node) if place is None else place


def _drops(body: Graph) -> bool:
    inner = [each for node in body for each in node.attrs.values() if isinstance(each, Graph)]
    return any(node.op == "layers.Dropout" for node in body) or any(map(_drops, inner))


def _counts(loop: Node, place: int) -> bool:
    """Whether a step adds 1 to the variable at `place`."""
    body = loop.attrs["body"]
    node = body.outputs[place].node
    if node.op != "Add" or loop.inputs[place].shape != () or not loop.inputs[place].dtype.startswith("int"):
        return False
    parts = sorted(node.inputs, key=lambda value: value.node.op == "Const")
    return parts[0] is body.inputs[place] and _is_one(parts[1])


def _is_one(value: Value) -> bool:
    held = value.node.attrs.get("value") if value.node.op == "Const" else None
    return held is not None and np.size(held) == 1 and int(np.ravel(held)[0]) == 1


def _with_counter(graph: Graph, loop: Node) -> int:
    """Give `loop` one more variable, which counts its steps from 0; its place."""
    place = loop.attrs["count"]
    zero = _added(graph, Node(f"{loop.name}/first", "Const", [], {"value": np.asarray(0, "int32")}, origin=loop.origin))
    graph.set_inputs(loop, [*loop.inputs[:place], zero, *loop.inputs[place:]])
    arguments = []
    for inner in (loop.attrs["cond"], loop.attrs["body"]):
        arguments.append(_added(inner, Node(f"argument_{place}", "Placeholder")))
        inner.inputs.insert(place, arguments[-1])
    body = loop.attrs["body"]
    one = _added(body, Node("one_step", "Const", [], {"value": np.asarray(1, "int32")}))
    body.outputs.insert(place, _added(body, Node("next_step", "Add", [arguments[-1], one])))
    loop.attrs["count"] += 1
    loop.outputs.append(Value(loop, place, (), (), "int32"))
    return place


def _added(graph: Graph, node: Node) -> Value:
    node.outputs = [Value(node, 0, (), (), "int32")]
    return graph.add(node).out
