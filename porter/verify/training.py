"""Level 5: training=True, with the same random numbers on both sides: each layer, the outputs, the moving averages.

A layer is fed the original's own tensors at training=True, as in level 2. Keras takes the variance of the batch into
the moving average as it is, TensorFlow 1's fused kernel multiplies it by n / (n - 1) first: that difference is told,
not held against the layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from porter.errors import PorterError
from porter.verify.alone import describe, explain
from porter.verify.calling import Unknown, filled_in, run_call, unchanged
from porter.verify.compare import Comparison, Tolerance, compare
from porter.verify.draws import Draws
from porter.verify.draws_in_loops import settled, uniform_in_loops
from porter.verify.finding import FAILED, PASSED, SKIPPED, Context, Finding, listed
from porter.verify.graphdef import ancestors, split
from porter.verify.layers import LayerOutcome, Layers
from porter.verify.placing import Placed, calls, place, tells_layers, title
from porter.verify.reference import Reference, Refused
from porter.verify.steps import read
from porter.verify.tensors import Tensors
from porter.verify.trials import Case
from porter.verify.updates import Update, find_updates
from porter.verify.weights import find_weight

EXPLAINED = 3
LARGEST = 8  # samples in the batch
MANY = 2**18  # numbers in the inputs; sums over the pixels of more are off by more than 1e-5 in float32, on both sides
SETTLED = (  # what the conversion says where training was left out
    "the model always does what the original does in inference",
    "dropout inside a loop is left out",
)
AVERAGES = ("biased_", "moving_", "renorm_")  # what the names of moving averages start with
BESSEL = 1e-3  # how near the ratio of two variances has to be to n / (n - 1)


def training(context: Context) -> Finding:
    """At training=True layers, outputs and moving averages are the original's, given the same random numbers.

    What only training shows, and the original cannot be asked for, has to be as it was certified.
    """
    finding, shown = _against_original(context)
    unseen = {setting: told for setting, told in context.unseen.items() if setting not in shown}
    if not unseen:
        return finding
    nodes = {each.operation.name: each.row.get("nodes", ()) for each in place(context.model, context.report)[0]}
    faults = [
        f"{told}; nothing that the original does in training shows that this is right (TensorFlow nodes "
        f"{', '.join(nodes.get(layer, ())[:4]) or 'unknown'})"
        for (layer, _), told in unseen.items()
    ]
    known = [finding.reason] if finding.status == FAILED else []
    return finding._replace(status=FAILED, reason=listed([*known, *faults]), applies=True)


def _against_original(context: Context) -> tuple[Finding, set[tuple[str, str]]]:
    """What comparing with the original's training shows, and which layers' arguments it shows to be right."""
    import keras

    trials, reference = context.trials, context.reference
    if reference is None or trials.nothing_to_try:
        return Finding(SKIPPED, trials.nothing_to_try or trials.absent), set()
    if keras.backend.backend() != "tensorflow":
        return Finding(SKIPPED, "it is run with Keras on TensorFlow only"), set()
    if not tells_layers(context.report):
        return Finding(SKIPPED, "the report does not say which tensors the layers stand for"), set()
    in_loops = uniform_in_loops(reference.original.graph_def)
    if not in_loops:
        return _run(context, reference, in_loops)
    with Reference(reference.original, lambda graph_def: settled(graph_def, in_loops)) as settled_reference:
        return _run(context, settled_reference, in_loops)


def _run(context: Context, reference: Reference, in_loops: Mapping[str, int]) -> tuple[Finding, set[tuple[str, str]]]:
    run = _Run(context, reference, in_loops)
    if not run.knobs and not run.draws.of and not run.draws.in_loops:
        return Finding(SKIPPED, "the original does in training what it does in inference", applies=False), set()
    finding = run.finding()
    return finding, run.shown


class _Run:
    """One batch at training=True, on both sides."""

    def __init__(self, context: Context, reference: Reference, in_loops: Mapping[str, int]) -> None:
        trials = context.trials
        self.context, self.reference, self.tolerance = context, reference, trials.tolerance
        self.case: Case = trials.accepted(most=LARGEST)
        if any(np.size(array) > MANY for array in self.case.feeds.values()):
            self.case = trials.accepted(most=3)
        self.knobs = [knob for knob in reference.original.knobs if knob.kind != "frozen"]
        self.layers = Layers(context.model, context.report)
        self.draws = Draws(reference, self.layers.placed, self.case.feeds, trials.seed, in_loops)
        self.layers.draws = self.draws
        self.feeds = {**self.case.feeds, **self.draws.feeds}
        self.notes: list[str] = []
        self.apart = _made_batch_safe(context.report)
        self.shown: set[tuple[str, str]] = set()  # layers and arguments that the original shows to be right

    def finding(self) -> Finding:
        sources = [*self.layers.all_sources(), *self.case.outputs]
        self.tensors = Tensors(self.reference, self.feeds, sources, training=True)
        found = [self._judge(placed) for placed in self.layers.placed]
        outcomes = [outcome for outcome in found if outcome is not None]
        self.notes += [
            f"{placed.title}: not compared by itself in training: {outcome.why}"
            for placed, outcome in zip(self.layers.placed, found, strict=True)
            if outcome is not None and outcome.status == "not compared" and self.layers.trains(placed)
        ]
        differing = [outcome for outcome in outcomes if outcome.status == "differs"]
        for outcome in differing[:EXPLAINED]:
            explain(outcome, self.reference, self.tolerance)
        rows = self.context.report["layers"]
        faults = [describe(outcome, rows) for outcome in differing]
        table: dict[str, Any] = {}
        if not differing:
            faults += self._outputs(table)
        wrong, compared = self._averages(table)
        faults += wrong
        settled = [text for text in self.context.report.get("warnings", ()) if any(each in text for each in SETTLED)]
        if faults and settled:
            status, reason = SKIPPED, listed(["as the conversion said:", *settled])
        elif faults:
            status, reason = FAILED, listed(faults)
        else:
            agreed = sum(outcome.status == "agrees" for outcome in outcomes)
            status = PASSED if agreed or table else SKIPPED
            reason = f"{agreed} of {len(rows)} calls agree by themselves; {compared}"
        return Finding(
            status,
            reason,
            table,
            [self.case.samples],
            ["normal"],
            self.notes,
            layers=[outcome.to_dict() for outcome in outcomes],
        )

    # Layers

    def _judge(self, placed: Placed) -> LayerOutcome | None:
        """How one call does in training; None for one that was made batch-safe, or that the original does not train."""
        if self.apart & set(placed.row.get("outputs", ())):
            return None
        outcome = self.layers.judge(placed, self.tensors, self.tolerance, self.case.samples)
        if outcome.status == "agrees" and self.layers.trains(placed):
            self.shown |= {(placed.operation.name, argument) for argument in ("rate", "stddev")}
        if outcome.status == "differs" and self.draws.turn(placed):  # the original keeps what is below, not above
            again = self.layers.judge(placed, self.tensors, self.tolerance, self.case.samples)
            outcome = again if again.status == "agrees" or not self.draws.turn(placed) else outcome
        if outcome.status == "differs" and self.layers.trains(placed) and self._same_in_inference(placed):
            self.layers.fixed.add(placed.number)
            self.notes.append(
                f"{placed.title}: the original does the same in training as in inference (it was built so); the layer "
                "does not, unless it is called with training=False"
            )
            return None
        return outcome

    def _same_in_inference(self, placed: Placed) -> bool:
        """Whether the original's own nodes do not tell training from inference: its output is the same in both."""
        for source in filter(None, placed.row.get("outputs", ())):
            before = self.tensors.get(source)
            again = self.tensors.again(placed.row.get("inputs", ()), source, training=False)
            if before is None or again is None or before.shape != again.shape:
                return False
            if not np.array_equal(before, again, equal_nan=before.dtype.kind == "f"):
                return False
        return True

    # Outputs

    def _outputs(self, table: dict[str, Any]) -> list[str]:
        """What is wrong with the outputs of the whole model."""
        import keras

        arrays: dict[int, Any] = dict(zip(map(id, self.context.model.inputs), self.case.feeds.values(), strict=True))
        by_node = {id(placed.node): placed for placed in self.layers.placed}
        try:
            for node in calls(self.context.model):
                placed = by_node.get(id(node))
                results = self.layers.call(placed, arrays) if placed else run_call(node.operation, node, arrays)
                arrays.update({id(tensor): result for tensor, result in zip(node.outputs, results, strict=True)})
        except Unknown as problem:
            return [f"the model does not run at training=True: {problem}"]
        faults = []
        names = self.context.trials.converted.outputs
        for name, tensor in zip(names, keras.tree.flatten(self.context.model.outputs), strict=True):
            want = self.tensors.get(name)
            if name in self.context.trials.batch_safe or want is None or not self._repeats(name, want):
                continue
            found = self._compare(arrays[id(tensor)], want, name)
            table[name] = {"on": self.case.label, "clauses": [found.clause] if found.ok else [], **found.to_dict()}
            if not found.ok:
                faults.append(f"{name}: {found.why}")
        return faults

    def _repeats(self, name: str, want: np.ndarray) -> bool:
        """Whether the original gives the same twice: not where it draws numbers that no layer stands for."""
        again = self.tensors.again((), name, training=True)
        same = again is not None and np.array_equal(again, want, equal_nan=want.dtype.kind == "f")
        if not same:
            self.notes.append(f"{name}: the original draws random numbers that no layer stands for; it is not compared")
        return same

    def _compare(self, got: np.ndarray, want: np.ndarray, name: str) -> Comparison:
        """Compare; where that fails, allow for what float64, or inputs moved by one unit in the last place, change."""
        found = compare(got, want, self.tolerance)
        if found.ok or not self.tolerance.rounding or want.dtype.kind not in "fVc":
            return found
        for exact in (self.tensors.in_double((), name), self._moved(name)):
            if exact is not None and not found.ok:
                found = compare(got, want, self.tolerance, exact)
        return found

    def _moved(self, name: str) -> np.ndarray | None:
        """The original's answer to inputs moved by one unit in the last place: batch statistics make much of little."""
        moved = {
            key: np.nextafter(array, np.inf, dtype=array.dtype) if array.dtype.kind == "f" else array
            for key, array in self.case.feeds.items()
        }
        try:
            found = self.reference.run({**self.feeds, **moved}, [name], training=True)
        except Refused:
            return None
        return found[name] if found else None

    # Moving averages

    def _averages(self, table: dict[str, Any]) -> tuple[list[str], str]:
        """What is wrong with the moving averages after one step, and how many were compared."""
        rows = [placed for placed in self.layers.placed if self.layers.trains(placed)]
        moving = [(placed, key, node) for placed in rows for key, node in self._moving(placed)]
        if not moving:
            return [], "there are no moving averages"
        after, why = self._original_averages({node for _, _, node in moving})
        if why:
            self.notes.append(f"moving averages: {why}")
        faults: list[str] = []
        count = 0
        for placed, key, node in moving:
            writes = after.get(node, [])
            chosen = writes if len(writes) == 1 else self._of_row(writes, placed)
            if len(chosen) != 1:
                told = f"{len(writes)} writes in the training graph" if writes else "no write in the training graph"
                self.notes.append(f"{title(placed.row)}/{key}: not compared, {told}")
                continue
            fault = self._average(placed, key, node, chosen[0][1], table)
            faults += [fault] if fault else []
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

    def _average(self, placed: Placed, key: str, node: str, want: np.ndarray, table: dict[str, Any]) -> str:
        """Compare one moving average after one step; "" or what is wrong."""
        try:
            arrays, _, _ = self.layers.inputs(placed, self.tensors)
            got = _after_step(placed, arrays, key)
        except Unknown as problem:
            self.notes.append(f"{placed.title}/{key}: not compared: {problem}")
            return ""
        if got is None:
            return ""
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
                    f"batch's; the average differs by up to {off:.1e} of its value; porter.layers.LegacyBatchNormalization "
                    "moves it as the original did"
                )
        table[name] = {"on": self.case.label, "clauses": [found.clause] if found.ok else [], **found.to_dict()}
        if found.ok:
            self.shown.add((placed.operation.name, "momentum"))
            return ""
        return f"{name}: {found.why}{_by_momentum(placed, got, want, before, self.tolerance)}"

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


def _by_momentum(placed: Placed, got: np.ndarray, want: np.ndarray, before: np.ndarray, tolerance: Tolerance) -> str:
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
    return f". It agrees if momentum is {fitted:g} instead of {momentum:g}" if agrees else ""


def _made_batch_safe(report: Mapping[str, Any]) -> set[str]:
    """The original's tensors in which samples influence each other, where those of the model do not."""
    changes = [change for change in report.get("changes", ()) if change.get("kind") == "batch-safe"]
    return {tensor for change in changes for tensor in (change["layer"], *change.get("tensors", ()))}
