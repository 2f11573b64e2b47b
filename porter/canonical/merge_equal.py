"""Merges subexpressions that are equal: the same operation on the same inputs with the same attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from porter.graph import Graph
from porter.graph.operations import RANDOM

# Not worth comparing, or not the same twice.
KEEP = RANDOM | {
    "Placeholder",
    "Variable",
    "Switch",
    "Merge",
    "Enter",
    "Exit",
    "NextIteration",
    "LoopCond",
    "While",
    "ArrayNew",
}


def merge_equal(graph: Graph) -> None:
    """Let equal nodes be one. Random and stateful ones never are."""
    known: dict[Any, Any] = {}
    for node in graph.ordered():
        if node.op in KEEP or "TensorArray" in node.op:
            continue
        key = (
            node.op,
            tuple(id(value) for value in node.inputs),
            _key(node.attrs),
            node.outputs[0].dtype if node.outputs else "",
        )
        first = known.setdefault(key, node)
        if first is not node:
            for value, same in zip(node.outputs, first.outputs, strict=True):
                graph.replace(value, same)
            first.origin += node.origin
            graph.remove(node)


def _key(item: Any) -> Any:
    """Something hashable that is equal for equal attributes; large arrays equal only themselves."""
    if isinstance(item, np.ndarray):
        return (item.dtype.str, item.shape, item.tobytes()) if item.nbytes <= 1024 else id(item)
    if isinstance(item, dict):
        return tuple((name, _key(value)) for name, value in sorted(item.items()))
    if isinstance(item, (list, tuple)):
        return tuple(map(_key, item))
    return repr(item)
