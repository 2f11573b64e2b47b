"""Drops the variables of loops that nothing needs, such as the second of two that count the same."""

from __future__ import annotations

from porter.canonical.growing_arrays import counts
from porter.graph import Graph, Node


def loop_variables(graph: Graph) -> None:
    """Let one variable of each loop count its steps, and drop those that are of no use."""
    for node in graph.ordered():
        if node.op == "While":
            loop_variables(node.attrs["body"])
            _count_once(graph, node)
            _drop(graph, node)


def _count_once(graph: Graph, loop: Node) -> None:
    """Let the first of the variables that count from 0 stand for the others of its type."""
    first: dict[str, int] = {}
    for place in range(loop.attrs["count"]):
        if not counts(loop, place):
            continue
        kept = first.setdefault(loop.inputs[place].dtype, place)
        if kept != place:
            for inner in (loop.attrs["cond"], loop.attrs["body"]):
                inner.replace(inner.inputs[place], inner.inputs[kept])
            body = loop.attrs["body"]
            after = body.outputs[place]
            body.replace(after, body.outputs[kept])
            graph.replace(loop.outputs[place], loop.outputs[kept])
            filled = loop.attrs.get("filled", {})
            filled.update({array: kept for array, counter in filled.items() if counter == place})
            body.outputs[place] = body.inputs[place]
            body.prune()


def _drop(graph: Graph, loop: Node) -> None:
    """Drop variables of which neither the condition, nor another variable, nor anything behind the loop makes use."""
    cond, body, count = loop.attrs["cond"], loop.attrs["body"], loop.attrs["count"]
    filled = loop.attrs.get("filled", {})
    kept = [
        place
        for place in range(len(loop.inputs))
        if place >= count
        or loop.outputs[place].uses
        or graph.is_output(loop.outputs[place])
        or cond.inputs[place].uses
        or body.inputs[place].uses
        or cond.outputs[0] is cond.inputs[place]
        or any(body.outputs[other] is body.inputs[place] for other in range(count) if other != place)
        or place in filled.values()
    ]
    if len(kept) == len(loop.inputs) or not any(place < count for place in kept):
        return
    graph.set_inputs(loop, [loop.inputs[place] for place in kept])
    for inner in (body, cond):
        inner.inputs = [inner.inputs[place] for place in kept]
    body.outputs = [body.outputs[place] for place in kept if place < count]
    loop.outputs = [loop.outputs[place] for place in kept if place < count]
    for place, value in enumerate(loop.outputs):
        value.index = place
    loop.attrs["count"] = len(loop.outputs)
    if filled:
        loop.attrs["filled"] = {kept.index(p): kept.index(counter) for p, counter in filled.items() if p in kept}
    for inner in (body, cond):
        inner.prune()
