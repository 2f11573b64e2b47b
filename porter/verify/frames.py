"""Values that a loop computes from weights alone: they cannot be fetched from inside of it, so they are computed outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from porter.verify.graphdef import by_name, split

ENTER = ("Enter", "RefEnter")


def in_frames(original: Any, names: Iterable[str]) -> list[str]:
    """Those of the tensors that are computed inside of a loop, from what comes into it."""
    nodes = by_name(original.graph_def)
    return [
        name for name in names if any(nodes[each].op in ENTER for each in _needs(nodes, [original.stands_for(name)]))
    ]


def _needs(nodes: Mapping[str, Any], tensors: Iterable[str]) -> list[str]:
    """The nodes that `tensors` are computed from."""
    found: dict[str, None] = {}
    stack = [split(tensor)[0] for tensor in tensors]
    while stack:
        name = stack.pop()
        if name not in found and name in nodes:
            found[name] = None
            stack += [split(text)[0] for text in nodes[name].input if not text.startswith("^")]
    return list(found)


def compute(original: Any, names: list[str]) -> dict[str, np.ndarray]:
    """Arrays of tensors inside of loops that depend on weights and constants alone, by name."""
    import tensorflow as tf

    nodes = by_name(original.graph_def)
    tensors = {name: original.stands_for(name) for name in names}
    cone = tf.compat.v1.GraphDef(versions=original.graph_def.versions)
    feeds = {}
    for name in _needs(nodes, tensors.values()):
        node = cone.node.add()
        node.CopyFrom(nodes[name])
        kept = [text for text in node.input if not text.startswith("^")]
        if node.op in ENTER:
            kind = node.attr["T"].type
            node.Clear()
            node.name, node.op = name, "Identity"
            node.attr["T"].type = kind
        else:
            del node.input[:]
        node.input[:] = kept
        if name in original.variables:
            feeds[f"{name}:0"] = original.load(name)
    for knob in original.knobs:
        if split(original.stands_for(knob.tensor))[0] in {node.name for node in cone.node}:
            feeds[original.stands_for(knob.tensor)] = knob.inference
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(cone, name="")
        with tf.compat.v1.Session(graph=graph) as session:
            return session.run(tensors, feeds)
