"""Small questions to a GraphDef protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def split(tensor: str) -> tuple[str, int]:
    """Node and output index of an input as a GraphDef writes it: "x", "x:1" or the control input "^x" (index -1)."""
    if tensor.startswith("^"):
        return tensor[1:], -1
    node, _, index = tensor.partition(":")
    return node, int(index or 0)


def layout(node: Any) -> bytes:
    """The node's data format, b"" where it has none. (Asking a protobuf's map for what it lacks would put it there.)"""
    return node.attr["data_format"].s if "data_format" in node.attr else b""


def by_name(graph_def: Any) -> dict[str, Any]:
    """The nodes of a GraphDef by their names."""
    return {node.name: node for node in graph_def.node}


def ancestors(nodes: Mapping[str, Any], tensors: Iterable[str], stop: Iterable[str] = ()) -> set[str]:
    """Names of all nodes that `tensors` depend on, their own included; names that are not there are left out.

    stop: nodes that are not looked behind, and not named.
    """
    found: set[str] = set(stop)
    stack = [split(tensor)[0] for tensor in tensors]
    while stack:
        name = stack.pop()
        if name not in found and name in nodes:
            found.add(name)
            stack.extend(split(source)[0] for source in nodes[name].input)
    return found.difference(stop)
