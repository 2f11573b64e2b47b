"""What tells the layers that others hold apart, and the layers that generated ones hold."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from porter.graph import Body, Graph, Node, Value, WeightRef

SMALL = 32  # a constant with no more numbers is no table


def layer_key(node: Node) -> tuple[Any, ...]:
    """The same for two calls if one layer does for both: its class, its arguments and its weights are the same."""
    weights = node.attrs.get("weights", {})
    return (node.op, repr(node.attrs["config"]), tuple((path, ref.key) for path, ref in sorted(weights.items())))


def layers_inside(body: Body) -> Iterator[Node]:
    """The calls of layers with weights in a generated layer, and in the loops in it."""
    stack = list(body.nodes)
    while stack:
        node = stack.pop()
        for inner in node.attrs.values():
            if isinstance(inner, Graph):
                stack += inner
        if node.is_call and node.attrs.get("weights"):
            yield node
        yield from filter(None, map(lookup, node.inputs))


def lookup(value: Value) -> Node | None:
    """The call of an `Embedding` that gives some rows of a table, always the same: a decoder's start tokens."""
    node = value.node
    if node.op != "GatherV2" or len(node.inputs) != 2 or node.attrs.get("axis", 0) != 0 or node.attrs.get("batch_dims"):
        return None
    table, ids = node.inputs
    frozen = table.node.op == "Const" and table.rank == 2 and prod(table.shape or ()) > SMALL  # type: ignore[arg-type]
    if table.node.op != "Variable" and not frozen or table.rank != 2 or ids.node.op != "Const" or not ids.rank:
        return None
    own = {} if table.dtype == "float32" else {"dtype": table.dtype}
    attrs = {"config": (tuple(table.shape or ()), own), "weights": {"embeddings": WeightRef(table)}}
    made = Node("embedding", "layers.Embedding", [ids], attrs, origin=node.origin)
    made.outputs = [Value(made, 0, value.shape, value.probe, value.dtype)]
    return made
