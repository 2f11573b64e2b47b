"""Writes out loops that turn weights into weights, such as the power iteration of a spectral norm.

The rules know such an iteration as steps one after another.
"""

from __future__ import annotations

from porter.canonical.counted_loops import steps_of
from porter.graph import Graph, Node, Value

MOST = 5  # steps that are written out, as many as the rules know
WRITTEN_OUT = {
    "Add", "Const", "ExpandDims", "MatMul", "Maximum", "Mul", "Norm", "Pow", "RealDiv", "Reshape", "Rsqrt", "Sqrt", "Square",
    "Squeeze", "StopGradient", "Sub", "Sum", "Transpose", "Variable",
}  # fmt: skip


def weight_loops(graph: Graph) -> None:
    """Put the steps of each such loop in its place, where constants say how many there are.

    Only loops whose results go into further arithmetic on weights: what a layer holds is to have a name in the original.
    """
    fixed: set[int] = set()
    loops: list[Node] = []
    for node in graph.ordered():
        if node.op in ("Const", "Variable") or node.inputs and all(id(value.node) in fixed for value in node.inputs):
            fixed.add(id(node))
            loops += [node] if node.op == "While" else []
    for loop in loops:
        users = [user for value in loop.outputs for user, _ in value.uses]
        ends = any(graph.is_output(value) for value in loop.outputs)
        plain = all(node.op in WRITTEN_OUT | {"Placeholder"} for node in loop.attrs["body"])
        if plain and not ends and all(id(user) in fixed for user in users):
            steps = steps_of(loop)
            if steps is not None and 0 < steps <= MOST:
                _write_out(graph, loop, steps)


def _write_out(graph: Graph, loop: Node, steps: int) -> None:
    body, count = loop.attrs["body"], loop.attrs["count"]
    state = list(loop.inputs)
    for step in range(steps):
        known = {id(inner): outer for inner, outer in zip(body.inputs, state, strict=True)}
        for node in body.ordered():
            if node.op == "Placeholder":
                continue
            inputs = [known[id(value)] for value in node.inputs]
            made = graph.nodes.get(node.name)
            if made is None or made.op != node.op or made.inputs != inputs:
                attrs = {name: value for name, value in node.attrs.items() if name != "^"}
                made = graph.add(Node(f"{node.name}/step_{step}", node.op, inputs, attrs, origin=node.origin))
                made.outputs = [Value(made, v.index, v.shape, v.probe, v.dtype) for v in node.outputs]
            known.update((id(old), new) for old, new in zip(node.outputs, made.outputs, strict=True))
        state[:count] = [known[id(value)] for value in body.outputs[:count]]
    for value, last in zip(loop.outputs, state, strict=False):
        graph.replace(value, last)
    graph.remove(loop)
