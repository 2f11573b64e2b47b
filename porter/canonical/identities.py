"""Drops what passes a tensor on unchanged."""

from __future__ import annotations

from porter.graph import Graph, Node, Value

# StopGradient is not among them: gradients are compared too.
PASS_ON = {"Identity", "IdentityN", "Snapshot", "PreventGradient", "CheckNumerics", "PlaceholderWithDefault", "Print",
           "EnsureShape", "PlaceholderV2Identity", "ReadVariableOp", "Copy", "DeepCopy"}  # fmt: skip


def drop_identities(graph: Graph) -> None:
    """Let the users of an identity use its input."""
    inputs = {id(value.node) for value in graph.inputs}
    for node in graph.ordered():
        if id(node) in inputs:
            continue
        if node.op == "Cond" and node.inputs[1] is node.inputs[2]:
            graph.replace(node.out, node.inputs[1])
            graph.remove(node)
        elif (factor := _times_one(node)) is not None:
            graph.replace(node.out, factor)
            graph.remove(node)
        elif node.op in PASS_ON or _does_nothing(node):
            for value, source in zip(node.outputs, node.inputs, strict=False):
                if source.shape is None or (value.shape is not None and _known(value) > _known(source)):
                    source.shape, source.probe = value.shape, value.probe or source.probe
                graph.replace(value, source)
            graph.remove(node)


def _times_one(node: Node) -> Value | None:
    """What is multiplied by 1, or divided by it."""
    if node.op not in ("Mul", "RealDiv"):
        return None
    for value, other in (node.inputs, node.inputs[::-1])[: 2 if node.op == "Mul" else 1]:
        constant = other.node.attrs["value"] if other.node.op == "Const" else None
        if constant is not None and constant.size == 1 and constant.dtype.kind == "f" and constant.item() == 1:
            return value if value.shape is not None and value.shape == node.out.shape else None
    return None


def _known(value) -> int:
    return sum(dim is not None for dim in value.shape)


def _does_nothing(node: Node) -> bool:
    """True for an identity by its arguments: a transpose that keeps the order, a cast to the same type, a repetition once."""
    if node.op == "Transpose":
        perm = node.attrs.get("perm")
        return perm is not None and perm == tuple(range(len(perm)))
    if node.op == "Tile":
        return set(node.attrs.get("multiples", (0,))) == {1}
    if node.op == "Cast":
        return node.out.dtype == node.inputs[0].dtype
    if node.op == "Reshape":
        before, after = node.inputs[0], node.out
        if before.shape is None or before.shape != after.shape or not after.shape:
            return before.shape == after.shape == ()
        keeps_first = after.shape[0] is not None or node.attrs.get("shape", (-1,))[0] is None
        return keeps_first and None not in after.shape[1:]
    if node.op in ("Pad", "MirrorPad", "PadV2"):
        return not any(map(any, node.attrs.get("paddings", ((1, 1),))))
    return node.op in ("AddN", "ConcatV2") and len(node.inputs) == 1
