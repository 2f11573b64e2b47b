"""The moving averages after one step of training, in the layers and in the original.

Keras takes the variance of the batch into the moving average as it is, TensorFlow 1's fused kernel multiplies it by
n / (n - 1) first: that difference is told, not held against the layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from porter.errors import PorterError
from porter.verify.calling import Unknown, filled_in, unchanged
from porter.verify.case import Case
from porter.verify.compare import Comparison, Tolerance, compare
from porter.verify.diagnose import AGREES
from porter.verify.finding import Context
from porter.verify.graphdef import ancestors, split
from porter.verify.layers import Layers
from porter.verify.placing import Placed, title
from porter.verify.reference import Reference
from porter.verify.steps import read
from porter.verify.tensors import Tensors
from porter.verify.updates import Update, find_updates
from porter.verify.weights import find_weight

AVERAGES = ("biased_", "moving_", "renorm_")  # what the names of moving averages start with
BESSEL = 1e-3  # how near the ratio of two variances has to be to n / (n - 1)
Fault = tuple[str, str]  # what is wrong, and what explains it


class Averages:
    """Moves them once on both sides.

    tensors: the original's on `case` in training. feeds: what it is fed there. table: gets each comparison by name.
    notes: what is worth knowing. shown: the layers and arguments that this shows to be right, or wrong.
    """

    def __init__(
        self,
        context: Context,
        reference: Reference,
        layers: Layers,
        tensors: Tensors,
        case: Case,
        feeds: Mapping[str, Any],
    ) -> None:
        self.context, self.reference, self.layers = context, reference, layers
        self.tensors, self.case, self.feeds = tensors, case, feeds
        self.tolerance = context.trials.tolerance
        self.table: dict[str, Any] = {}
        self.notes: list[str] = []
        self.shown: set[tuple[str, str]] = set()

    def faults(self) -> tuple[dict[int, Fault], str]:
        """By row, what is wrong with its moving averages after one step, and what explains it; how many were compared."""
        rows = [placed for placed in self.layers.placed if self.layers.trains(placed)]
        moving = [(placed, key, node) for placed in rows for key, node in self._moving(placed)]
        if not moving:
            return {}, "there are no moving averages"
        after, why = self._original_averages({node for _, _, node in moving})
        if why:
            self.notes.append(f"moving averages: {why}")
        faults: dict[int, Fault] = {}
        count = 0
        for placed, key, node in moving:
            writes = after.get(node, [])
            chosen = writes if len(writes) == 1 else self._of_row(writes, placed)
            if len(chosen) != 1:
                told = f"{len(writes)} writes in the training graph" if writes else "no write in the training graph"
                self.notes.append(f"{title(placed.row)}/{key}: not compared, {told}")
                continue
            if fault := self._average(placed, key, node, chosen[0][1]):
                before = faults.get(placed.number, ("", ""))
                faults[placed.number] = "; ".join(filter(None, [before[0], fault[0]])), before[1] or fault[1]
            count += 1
        return faults, f"{count} of {len(moving)} moving averages compared after one step"

    def _moving(self, placed: Placed) -> Iterable[tuple[str, str]]:
        """The weights of a layer that are moving averages, and the variables that they come from."""
        nodes = {variable.name: node for node, variable in self.reference.original.variables.items()}
        for key, source in (placed.row.get("weights") or {}).items():
            tensor, steps = read(source) if key.startswith(AVERAGES) and isinstance(source, str) else ("", [])
            if tensor and all(step.startswith("reshaped") for step in steps):
                name = tensor.split(":")[0]
                node = nodes.get(name, name)
                if node in self.reference.original.variables:
                    yield key, node

    def _original_averages(self, wanted: set[str]) -> tuple[dict[str, list[tuple[Update, np.ndarray]]], str]:
        """By variable's node, each write to it with the variable's value after it; or why there are none."""
        original = self.reference.original
        graph_def = getattr(original.source, "graph_def", None)
        if graph_def is None or self.context.recut is None:
            return {}, "the whole training graph is not at hand"
        inputs = [split(name)[0] for name in original.inputs]
        updates = find_updates(graph_def, wanted, inputs)
        tensors = list(dict.fromkeys(update.tensor for each in updates.values() for update in each))
        if not tensors:
            return {}, "the source's graph does not update them"
        try:
            wider = self.context.recut([*original.outputs, *tensors])
            with Reference(wider) as reference:
                arrays = reference.run(self.feeds, tensors, training=True) or {}
        except PorterError as problem:
            return {}, f"the original's updates cannot be run: {problem.what} {problem.why}".strip()
        return {
            node: [(each, each.apply(np.asarray(original.load(node)), arrays[each.tensor])) for each in found]
            for node, found in updates.items()
        }, ""

    def _of_row(self, writes: Sequence[tuple[Update, np.ndarray]], placed: Placed) -> list[tuple[Update, np.ndarray]]:
        """Of several writes those that come from this call: one variable may serve several towers."""
        nodes = {node.name: node for node in self.reference.original.source.graph_def.node}
        own = {split(source)[0] for source in placed.row.get("nodes", ())}
        return [write for write in writes if ancestors(nodes, [write[0].tensor]) & own]

    def _average(self, placed: Placed, key: str, node: str, want: np.ndarray) -> Fault | None:
        """Compare one moving average after one step; None, or what is wrong and what explains it."""
        try:
            arrays, _, _ = self.layers.inputs(placed, self.tensors)
            got = _after_step(placed, arrays, key)
        except Unknown as problem:
            self.notes.append(f"{placed.title}/{key}: not compared: {problem}")
            return None
        if got is None:
            return None
        name = f"{placed.row['name']}/{key} after one step"
        want = want.reshape(got.shape)
        before = np.asarray(self.reference.original.load(node)).reshape(got.shape)
        found = compare(got, want, self.tolerance)
        if not found.ok:
            corrected = self._without_bessel(placed, arrays, got, want, before)
            if corrected is not None:
                found = corrected
                off = np.max(np.abs(got - want) / np.abs(want))
                self.notes.append(
                    f"{name}: by design another estimate of the variance: the original's is n / (n - 1) times the "
                    f"batch's; the average differs by up to {off:.1e} of its value; the layer that --normalisation "
                    "legacy writes moves it as the original did"
                )
        self.table[name] = {"on": self.case.label, "clauses": [found.clause] if found.ok else [], **found.to_dict()}
        diagnosis = "" if found.ok else _by_momentum(placed, got, want, before)
        if found.ok or diagnosis:
            self.shown.add((placed.operation.name, "momentum"))
        return None if found.ok else (f"{key} after one step is {found.why}", diagnosis)

    def _without_bessel(
        self, placed: Placed, arrays: Mapping[int, Any], got: np.ndarray, want: np.ndarray, before: np.ndarray
    ) -> Comparison | None:
        """The comparison with n / (n - 1) taken out of the original's estimate; None if the difference is another."""
        momentum = getattr(placed.operation, "momentum", None)
        x = next((array for array in arrays.values()), None)
        if momentum is None or x is None or not got.size or momentum >= 1:
            return None
        count = x.size / got.size
        if count < 2:
            return None
        ours, theirs = ((each - momentum * before) / (1 - momentum) for each in (got, want))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.median(theirs / ours)
        if not abs(ratio / (count / (count - 1)) - 1) < max(BESSEL / count, 1e-5):
            return None
        taken_out = momentum * before + (1 - momentum) * theirs * (count - 1) / count
        return compare(got, taken_out.astype(got.dtype), self.tolerance)


def _after_step(placed: Placed, arrays: Mapping[int, Any], key: str) -> np.ndarray | None:
    """A layer's moving average after one call at training=True; the layer itself stays as it was."""
    weight = find_weight(placed.operation, key)
    if weight is None:
        return None
    with unchanged(placed.operation):
        args, kwargs = filled_in(placed.node, arrays)
        placed.operation(*args, **{**kwargs, "training": True})
        return np.array(weight.numpy())


def _by_momentum(placed: Placed, got: np.ndarray, want: np.ndarray, before: np.ndarray) -> str:
    """Whether another momentum explains a difference, in words."""
    momentum = getattr(placed.operation, "momentum", None)
    if momentum is None or momentum >= 1:
        return ""
    batch = (got - momentum * before) / (1 - momentum)
    spread = float(((before - batch) ** 2).sum())
    if not spread:
        return ""
    fitted = round(float(((want - batch) * (before - batch)).sum()) / spread, 4)
    agrees = compare((fitted * before + (1 - fitted) * batch).astype(got.dtype), want, Tolerance(1e-3, False)).ok
    return f"{AGREES} momentum is {fitted:g} instead of {momentum:g}" if agrees else ""
