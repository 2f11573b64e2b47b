"""Where a gradient is meant to be another than the derivative: behind what stops it, or has a formula of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from porter.verify.graphdef import ancestors, split


def stopped(nodes: Mapping[str, Any], outputs: Iterable[str]) -> set[str]:
    """The nodes whose gradient, from one of `outputs`, something on the way changes."""
    behind = ancestors(nodes, outputs)
    consumers: dict[str, list[Any]] = {}
    for name in behind:
        for source in nodes[name].input:
            consumers.setdefault(split(source)[0], []).append(nodes[name])
    stops = [name for name in behind if _stops(nodes[name]) and not _of_moments(nodes, consumers, nodes[name])]
    return set(ancestors(nodes, stops))


def _stops(node: Any) -> bool:
    return node.op in ("StopGradient", "PreventGradient") or "_gradient_op_type" in node.attr


def _of_moments(nodes: Mapping[str, Any], consumers: Mapping[str, list[Any]], node: Any) -> bool:
    """Whether a node stops the gradient by the mean, in the variance about it, as in tf.nn.moments: that is 0 anyway."""
    mean = nodes.get(split(node.input[0])[0]) if node.op == "StopGradient" else None
    squares = consumers.get(node.name, [])
    if mean is None or mean.op != "Mean" or not squares:
        return False
    for square in squares:
        about = [each for each in square.input[:2] if split(each)[0] != node.name]
        taken = consumers.get(square.name, [])
        if square.op != "SquaredDifference" or about != [mean.input[0]] or not taken:
            return False
        if not all(each.op == "Mean" and _axes(nodes, each) == _axes(nodes, mean) for each in taken):
            return False
    return True


def _axes(nodes: Mapping[str, Any], mean: Any) -> Any:
    """The axes of a mean, where they are a constant; else what they are named, which no other mean shares by accident."""
    import tensorflow as tf

    constant = nodes.get(split(mean.input[1])[0])
    if constant is None or constant.op != "Const":
        return mean.input[1]
    return tuple(np.ravel(tf.make_ndarray(constant.attr["value"].tensor)).tolist())
