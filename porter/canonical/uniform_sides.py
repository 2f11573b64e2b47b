"""Takes a number where a tensor was filled with it, on one side of a choice between two."""

from __future__ import annotations

import numpy as np

from porter.graph import Graph, Node, Value


def uniform_sides(graph: Graph) -> None:
    """Select(mask, ones_like(scores) * number, scores) becomes SelectV2(mask, number, scores).

    TensorFlow 1's own choice takes two tensors of one shape, so people filled one for the scores of attention that are not
    to count. Left as they are: those filled to another tensor's shape, and choices of rows by a vector.
    """
    for node in list(graph):
        if node.op not in ("Select", "SelectV2") or not node.out.dtype.startswith(("float", "int")):
            continue
        if node.inputs[0].rank is None or node.inputs[0].rank != node.out.rank:
            continue
        for place, other in ((1, 2), (2, 1)):
            number, like = _filled(node.inputs[place])
            if number is None or like is None or not _same(like, node.inputs[other]):
                continue
            made = Node(f"{node.name}/number", "Const", attrs={"value": number}, origin=node.origin)
            made.outputs = [Value(made, 0, (), (), node.out.dtype)]
            graph.add(made)
            node.op = "SelectV2"
            graph.set_inputs(node, [made.out if at == place else value for at, value in enumerate(node.inputs)])
            break


def _filled(value: Value) -> tuple[np.ndarray | None, Value | None]:
    """The number that a tensor is filled with, perhaps through a product, and what it has the shape of."""
    node = value.node
    if node.op == "Mul":
        for filled, factor in (node.inputs, node.inputs[::-1]):
            if factor.node.op == "Const" and factor.rank == 0:
                held, like = _filled(filled)
                return (None if held is None else held * factor.node.attrs["value"]), like
        return None, None
    if node.op in ("OnesLike", "ZerosLike"):
        return np.asarray(float(node.op == "OnesLike"), value.dtype), node.inputs[0]
    if node.op != "Fill" or node.inputs[-1].node.op != "Const":
        return None, None
    shape = node.inputs[0].node
    like = shape.inputs[0] if shape.op == "Shape" else value
    return node.inputs[-1].node.attrs["value"], like


def _same(like: Value, other: Value) -> bool:
    """True if two tensors are known to have one shape."""
    if like is other:
        return True
    return like.probe is not None and like.probe == other.probe
