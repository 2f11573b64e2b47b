"""`Switch` and `Merge` of TensorFlow 1's `tf.cond` become `Cond(predicate, if_true, if_false)`.

A Switch sends its input down one side; a Merge takes whichever side is alive. What a value depends on tells on which
side of which predicates it lies, so a Merge's predicate is the one on whose two sides its inputs lie. Where one input is
a constant that depends on nothing, the innermost predicate of the other decides.
Source: tensorflow/python/ops/control_flow_ops.py, class CondContext, 1.15.
"""

from __future__ import annotations

import numpy as np

from porter.graph import Graph, Node, Value

Sides = dict[int, tuple[Value, bool]]


def resolve_conditionals(graph: Graph) -> None:
    """Turn Switch and Merge into Cond, outside of while loops. A Cond on a constant is resolved right away."""
    _merge_knobs(graph)
    _select_by_knob(graph)
    sides: dict[int, Sides] = {}  # value -> predicates it lies under, innermost last
    for node in graph.ordered():
        found: Sides = {}
        for value in node.inputs:
            found.update(sides.get(id(value), {}))
        for name in node.attrs.pop("^", ()):
            control = graph.nodes.get(name)
            if control and control.outputs:
                found.update(sides.get(id(control.out), {}))
        if node.op == "Switch":
            predicate = _through_identities(node.inputs[1])
            for value, side in zip(node.outputs, (False, True), strict=True):
                sides[id(value)] = {**found, id(predicate): (predicate, side)}
                value.shape, value.probe = node.inputs[0].shape, node.inputs[0].probe
        elif node.op == "Merge" and not _in_loop(node):
            deciding = _predicate(node, sides)
            if deciding is None:
                continue
            value = _conditional(graph, node, deciding, sides)
            sides[id(value)] = {key: side for key, side in found.items() if key != id(deciding)}
        else:
            for value in node.outputs:
                sides[id(value)] = found
    for node in list(graph):
        if node.op == "Switch" and not _in_loop(node):
            for value in node.outputs:
                graph.replace(value, node.inputs[0])


def _merge_knobs(graph: Graph) -> None:
    """Let all knobs with the same values be one node; one that is the opposite of training stays a knob of its own."""
    known: dict[str, Node] = {}
    for node in list(graph):
        if node.op == "Knob" and not any(value.node is node for value in graph.inputs):
            key = f"{node.out.dtype} {node.attrs['training']!r} {node.attrs['inference']!r}"
            first = known.setdefault(key, node)
            if first is not node:
                graph.replace(node.out, first.out)
                first.origin += node.origin


def _select_by_knob(graph: Graph) -> None:
    """A Select whose condition is one knob is a Cond of which both sides are computed."""
    for node in list(graph):
        if node.op not in ("Select", "SelectV2") or node.inputs[0].node.op != "Knob":
            continue
        knob, true_side, false_side = node.inputs
        training = knob.node.attrs["training"]
        same = all(side.shape is not None and side.shape == node.out.shape for side in node.inputs[1:])
        if np.size(training) != 1 or not same:
            continue
        node.op, node.attrs = "Cond", {}
        if not bool(np.reshape(training, ())):
            graph.set_inputs(node, [_training(graph, knob.node), false_side, true_side])


def _in_loop(node: Node) -> bool:
    """True for the Switch and Merge that a while loop is made of."""
    if node.op == "Merge":
        return any(value.node.op in ("NextIteration", "Enter", "RefEnter", "RefNextIteration") for value in node.inputs)
    return node.inputs[1].node.op == "LoopCond"


def _through_identities(value: Value) -> Value:
    while value.node.op == "Identity":
        value = value.node.inputs[0]
    return value


def _predicate(node: Node, sides: dict[int, Sides]) -> Value | None:
    """The predicate that decides between a Merge's two inputs, None if it can't be told."""
    if len(node.inputs) != 2:
        return None
    one, other = (sides.get(id(value), {}) for value in node.inputs)
    for key in reversed(one):
        if key in other and one[key][1] != other[key][1]:
            return one[key][0]
    only = [key for key in one if key not in other] + [key for key in other if key not in one]
    return {**one, **other}[only[-1]][0] if only else None


def _conditional(graph: Graph, merge: Node, predicate: Value, sides: dict[int, Sides]) -> Value:
    """Put the Cond in place of `merge`; gives the value that stands for its output now."""
    for value, opposite in zip(merge.inputs, reversed(merge.inputs), strict=True):
        if id(predicate) in sides.get(id(value), {}):
            true_side = value if sides[id(value)][id(predicate)][1] else opposite
            break
    false_side = merge.inputs[0] if true_side is merge.inputs[1] else merge.inputs[1]
    constant = predicate.node
    if constant.op == "Const":
        result = true_side if bool(constant.attrs["value"]) else false_side
        graph.replace(merge.out, result)
        return result
    if constant.op == "Knob" and not bool(constant.attrs["training"]):
        # Where the predicate says "inference", let training be the first branch all the same.
        predicate = _training(graph, constant)
        true_side, false_side = false_side, true_side
    node = Node(merge.name, "Cond", [predicate, true_side, false_side], {}, origin=merge.origin)
    node.outputs = [Value(node, 0, merge.out.shape, merge.out.probe, merge.out.dtype)]
    graph.add(node)
    graph.replace(merge.out, node.out)
    return node.out


def _training(graph: Graph, opposite: Node) -> Value:
    """The knob that is True in training, for one that is False then."""
    name = "porter_training"
    if name not in graph.nodes:
        node = Node(name, "Knob", [], {"training": True, "inference": False}, origin=opposite.origin)
        node.outputs = [Value(node, 0, (), (), "bool")]
        graph.add(node)
    return graph.nodes[name].out
