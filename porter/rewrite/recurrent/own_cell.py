"""A cell made for one loop: what no known cell covers of a step, between sequences that come in and states."""

from __future__ import annotations

from porter.graph import Graph, Node, Value
from porter.pattern import Miss
from porter.rewrite.recurrent.lift import ELEMENTWISE_CALLS, Lifter
from porter.rewrite.recurrent.scan import Scan, State


def own_cell(scan: Scan, states: list[State], lifter: Lifter) -> tuple[Graph, Value, Value]:
    """The step from one input and `states` to an output and the states after it, as a graph of its own.

    Also gives the sequence of its input, and the value of the loop's step that is its output. Raises `Miss` where a cell
    of Keras cannot do it: it takes one sequence and nothing that does not change, its states are vectors of known sizes,
    and it gives one output.
    """
    for state in states:
        shape = state.before.shape
        if shape is None or len(shape) != 2 or shape[1] is None:
            raise Miss(f"a state of shape {shape}, not [batch, units]", state.after.node)
        if state.after.shape is None or len(state.after.shape) != len(shape) or state.after.dtype != state.before.dtype:
            raise Miss("a state changes its shape", state.after.node)
    outputs = [value for value in scan.writes.values() if not _is_lifted(lifter, value)]
    distinct = list({id(value): value for value in outputs}.values())
    if len(distinct) > 1:
        raise Miss("a step writes several things that depend on the step before", scan.loop)
    out = distinct[0] if distinct else states[0].after
    if out.rank != 2 or out.shape[1] is None:  # type: ignore[index]
        raise Miss(f"a step writes something of shape {out.shape}, not [batch, units]", out.node)
    if any(each.dtype != "float32" for each in (out, *(state.after for state in states))):
        raise Miss(f"a step gives {out.dtype}, which keras.layers.RNN would turn into float32", out.node)
    before = {id(state.before) for state in states}
    frontier, nodes = _between([out, *(state.after for state in states)], before, scan, lifter)
    if len(frontier) != 1:
        raise Miss(f"a step takes {len(frontier)} sequences", scan.loop)
    x = frontier[0]
    sequence = lifter.lift(x)
    if sequence.rank is None or sequence.rank < 3 or sequence.dtype != "float32":
        raise Miss(f"the sequence is {sequence.dtype} of rank {sequence.rank}", x.node)
    return _graph(scan.step, x, states, out, nodes), sequence, out


def _is_lifted(lifter: Lifter, value: Value) -> bool:
    try:
        lifter.lift(value)
    except Miss:
        return False
    return True


def _between(ends: list[Value], before: set[int], scan: Scan, lifter: Lifter) -> tuple[list[Value], list[Node]]:
    """The sequences that `ends` are computed from beside the states, and the nodes in between, in order."""
    frontier: dict[int, Value] = {}
    order: list[Node] = []
    done: set[int] = set()
    stack: list[tuple[Value, bool]] = [(value, False) for value in reversed(ends)]
    while stack:
        value, leaving = stack.pop()
        node = value.node
        if leaving:
            order.append(node)
            continue
        if id(value) in before or id(node) in done:
            continue
        if id(value) in lifter.sources or node.op in ELEMENTWISE_CALLS and _is_lifted(lifter, value):
            frontier[id(value)] = value
            continue
        if id(value) in scan.outside or node.op == "Placeholder":
            raise Miss("a step takes something that does not change, beside its weights", scan.loop)
        if node.op == "While" or node.op in ELEMENTWISE_CALLS:
            raise Miss(f"{node.op} in a step", node)
        done.add(id(node))
        stack.append((value, True))
        stack.extend((each, False) for each in reversed(node.inputs))
    return list(frontier.values()), order


def _graph(step: Graph, x: Value, states: list[State], out: Value, nodes: list[Node]) -> Graph:
    result = Graph()
    result.sizes = step.sizes
    copies: dict[int, Value] = {}
    for place, value in enumerate([x, *(state.before for state in states)]):
        node = Node(f"argument_{place}", "Placeholder")
        node.outputs = [Value(node, 0, value.shape, value.probe, value.dtype)]
        result.add(node)
        copies[id(value)] = node.out
    result.inputs = [node.out for node in result]
    for node in nodes:
        twin = Node(
            node.name, node.op, [copies[id(value)] for value in node.inputs], dict(node.attrs), origin=node.origin
        )
        twin.outputs = [Value(twin, v.index, v.shape, v.probe, v.dtype) for v in node.outputs]
        result.add(twin)
        copies.update({id(value): made for value, made in zip(node.outputs, twin.outputs, strict=True)})
    result.outputs = [copies[id(value)] for value in (out, *(state.after for state in states))]
    return result
