"""What tells the layers that others hold apart, and values inside generated layers that need no weight of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from porter.graph import Body, Graph, Node, Value, WeightRef

# These arrange numbers anew: out of equal ones come equal ones.
ARRANGING = ("ConcatV2", "ExpandDims", "Reshape", "Slice", "Squeeze", "Stack", "StridedSlice", "Tile", "Transpose")


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
    if table.node.op != "Variable" or table.rank != 2 or ids.node.op != "Const" or not ids.rank:
        return None
    own = {} if table.dtype == "float32" else {"dtype": table.dtype}
    attrs = {"config": (tuple(table.shape or ()), own), "weights": {"embeddings": WeightRef(table)}}
    made = Node("embedding", "layers.Embedding", [ids], attrs, origin=node.origin)
    made.outputs = [Value(made, 0, value.shape, value.probe, value.dtype)]
    return made


def uniform(value: Value) -> np.ndarray | None:
    """The array of a value that holds one number throughout, such as a state of zeros; None for others."""
    if value.shape is None or None in value.shape:
        return None
    number, seen, stack = None, set(), [value]
    while stack:
        node = stack.pop().node
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.op in ARRANGING:
            stack += node.inputs[:1] if node.op not in ("ConcatV2", "Stack") else node.inputs
        elif node.op == "Fill" and node.inputs:
            stack.append(node.inputs[-1])
        elif node.op == "Const":
            held = np.asarray(node.attrs["value"])
            if not held.size or held.dtype.kind not in "biuf" or (held != held.flat[0]).any():
                return None
            if number is not None and number != held.flat[0]:
                return None
            number = held.flat[0]
        else:
            return None
    return None if number is None else np.full(value.shape, number, number.dtype)  # type: ignore[arg-type]
