"""Axes of size 1 that the original drops when it meets them, and the model keeps."""

from __future__ import annotations

from typing import Any

from porter.graph import Graph


def kept_axes(graph: Graph) -> list[dict[str, Any]]:
    """What `tf.squeeze` without axes makes of a batch of one, as report.json has it: the number of axes would depend on
    the size of the batch, which that of a Keras tensor does not. outputs: the places of the graph's outputs."""
    behind: dict[int, set[int]] = {}
    for place, value in enumerate(graph.outputs):
        for node in graph.ancestors([value.node]):
            if node.op == "Squeeze" and node.attrs.get("perhaps_more"):
                behind.setdefault(id(node), set()).add(place)
    return [
        {
            "kind": "keeps-axes",
            "layer": node.out.name,
            "outputs": sorted(behind[id(node)]),
            "why": "the original drops every axis of size 1, the batch's among them if it holds one sample; the model keeps it",
        }
        for node in graph
        if id(node) in behind
    ]
