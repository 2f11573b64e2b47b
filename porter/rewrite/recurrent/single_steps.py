"""Cells inside loops that stay loops: a decoder that feeds on its own words takes one step of a Keras cell at a time."""

from __future__ import annotations

from collections.abc import Sequence

from porter.graph import Graph, Value
from porter.pattern import Matcher
from porter.rewrite.recurrent.layers import NOT_ORTHOGONAL, OF_CELLS
from porter.rewrite.recurrent.lift import add_all
from porter.rule import Cell, Step, many
from porter.rule.calls import SHORT_FLOATS


def raise_single_steps(graph: Graph, cells: Sequence[Cell]) -> None:
    """Put Keras' cells in the place of their formulas in `graph`, the inside of a loop."""
    for cell in cells:
        if not cell.alone:
            continue
        matcher = Matcher(graph)
        for node in reversed([each for each in graph.ordered() if each.op in cell.roots]):
            if graph.nodes.get(node.name) is not node:
                continue
            for value in node.outputs:
                step = next((each for each in cell.steps(matcher, value) if _is_whole(graph, matcher, each)), None)
                if step is not None:
                    _put(graph, step)
                    matcher = Matcher(graph)
                    break


def _is_whole(graph: Graph, matcher: Matcher, step: Step) -> bool:
    """True if Keras has a cell for the step alone, and nothing else looks into it."""
    is_cell = step.layer.op in OF_CELLS or step.layer.op.startswith("porter_layers.")
    if not is_cell or not step.x.shape or step.x.shape[-1] is None:
        return False
    inside = {id(node) for node in step.nodes}
    given = {id(step.out), *(id(after) for _, after in step.states)}
    return not any(
        graph.is_output(value) or any(id(user) not in inside for user, _ in value.uses)
        for node in step.nodes
        for value in node.outputs
        if id(value) not in given and not matcher.is_static(value)
    )


def _put(graph: Graph, step: Step) -> None:
    if step.layer.op in OF_CELLS and step.x.dtype in SHORT_FLOATS:
        step.layer.kwargs["recurrent_initializer"] = NOT_ORTHOGONAL
    called = step.layer(step.x, [before for before, _ in step.states])
    made = many(called, 1 + len(step.states))
    node = called.node
    node.attrs["gives_states"] = True
    node.name = f"{step.out.node.name}~"
    node.origin = tuple(dict.fromkeys(name for each in reversed(step.nodes) for name in each.origin))
    old: list[Value] = [step.out, *(after for _, after in step.states)]
    for value, before in zip(made, old, strict=True):
        value.shape, value.probe, value.dtype = before.shape, before.probe, before.dtype
    add_all(graph, list(made), step.cell.name)
    for value, before in zip(made, old, strict=True):
        graph.replace(before, value)
    for each in step.nodes:
        if graph.nodes.get(each.name) is each and not graph.is_used(each):
            graph.remove(each)
