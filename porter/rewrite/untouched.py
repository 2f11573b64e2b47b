"""Batch normalisations whose moving averages were never moved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from porter.graph import Graph, WeightRef


def untouched_statistics(graph: Graph, load: Callable[[str], np.ndarray] | None) -> list[str]:
    """A warning where moving means are all 0 and moving variances all 1, as before the first step of the training.

    load: gives a variable by its node's name. No training leaves such numbers: its UPDATE_OPS were not run.
    """
    layers = [node for node in graph if node.op.endswith((".BatchNormalization", ".LegacyBatchNormalization"))]
    names = [
        node.origin[-1] if node.origin else node.name
        for node in layers
        if all(
            _holds(node.attrs.get("weights", {}).get(name), number, load)
            for name, number in (("moving_mean", 0), ("moving_variance", 1))
        )
    ]
    if not names:
        return []
    which = "all" if len(names) == len(layers) else "some"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [
        f"{which} {len(names)} batch normalisations ({', '.join(names[:3])}{more}) still have mean 0 and variance 1, as "
        "before the first step: the training never ran UPDATE_OPS, so that at inference they do not normalise"
    ]


def _holds(ref: WeightRef | None, number: float, load: Callable[[str], np.ndarray] | None) -> bool:
    node = ref.value.node if ref is not None else None
    while node is not None and node.op in ("Reshape", "Squeeze", "ExpandDims"):
        node = node.inputs[0].node
    if node is not None and node.op == "Const":
        return bool(np.all(node.attrs["value"] == number))
    return node is not None and node.op == "Variable" and load is not None and bool(np.all(load(node.name) == number))
