"""Puts a reshape that both sides of a conditional end with behind it."""

from __future__ import annotations

from porter.graph import Graph, Node, Value


def reshaped_sides(graph: Graph) -> None:
    """Cond(p, Reshape(a), Reshape(b)) becomes Reshape(Cond(p, a, b)).

    A batch normalisation of vectors that was built twice, once for training, is one normalisation then. Left as they
    are: reshapes that something else uses, too, and those of tensors of different shapes.
    """
    for node in list(graph):
        if node.op != "Cond":
            continue
        predicate, *sides = node.inputs
        first, second = (side.node for side in sides)
        if first.op != "Reshape" or second.op != "Reshape" or first.attrs != second.attrs:
            continue
        inner = [*first.inputs, *second.inputs]
        if len(inner) != 2 or inner[0].shape is None or inner[0].shape != inner[1].shape:
            continue
        if any(len(side.uses) != 1 or graph.is_output(side) for side in sides):
            continue
        chosen = Node(f"{node.name}/chosen", "Cond", [predicate, *inner], {}, origin=node.origin)
        chosen.outputs = [Value(chosen, 0, inner[0].shape, inner[0].probe, inner[0].dtype)]
        graph.add(chosen)
        node.op, node.attrs = "Reshape", dict(first.attrs)
        graph.set_inputs(node, [chosen.out])
