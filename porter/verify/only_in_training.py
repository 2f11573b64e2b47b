"""What a converted model does in training alone, for an original that does the same in training and in inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from porter.verify.calling import Unknown, run_call
from porter.verify.placing import Placed, calls, heading

SLACK = 1e-5  # of the largest number: what a call in training may round otherwise


def only_in_training(model: Any, feeds: Mapping[str, np.ndarray], placed: Sequence[Placed]) -> list[str]:
    """The calls that give something else in training, given what they take in inference.

    Layers that keep averages are passed over: in training batch normalisation is what it is, whatever the graph that was
    frozen knew of it. So is what draws numbers in inference too.
    """
    arrays: dict[int, Any] = dict(zip(map(id, model.inputs), feeds.values(), strict=True))
    rows = {id(each.node): each.row for each in placed}
    faults = []
    try:
        for node in calls(model):
            operation = node.operation
            trains = "training" in getattr(operation, "_call_context_args", ())
            results = run_call(operation, node, arrays, **({"training": False} if trains else {}))
            arrays.update({id(tensor): result for tensor, result in zip(node.outputs, results, strict=True)})
            if not trains or (operation.trainable and operation.non_trainable_weights):
                continue
            if _same(results, run_call(operation, node, arrays, training=True)):
                continue
            if _same(results, run_call(operation, node, arrays, training=False)):
                row = rows.get(id(node))
                name = heading(row) if row else f"{type(operation).__name__} {operation.name}"
                faults.append(
                    f"{name}: in training it gives something else; the original does what it does in inference"
                )
    except Unknown as problem:
        return [*faults, f"the model does not run at training=True: {problem}"]
    return faults


def _same(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> bool:
    return all(_close(one, other) for one, other in zip(before, after, strict=True))


def _close(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape or one.dtype.kind not in "fV":
        return np.array_equal(one, other)
    one, other = one.astype(np.float64), other.astype(np.float64)
    largest = float(np.abs(one[np.isfinite(one)]).max(initial=0))
    return np.allclose(other, one, rtol=SLACK, atol=SLACK * largest, equal_nan=True)
