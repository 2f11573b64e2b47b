"""Level 5: training=True, with the same random numbers on both sides: each layer, the outputs, the moving averages.

A layer is fed the original's own tensors at training=True, as in level 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from porter.graph.operations import RANDOM
from porter.verify.alone import EXPLAINED, describe, explain_all
from porter.verify.averages import Averages
from porter.verify.calling import Unknown, run_call
from porter.verify.case import Case
from porter.verify.compare import Comparison, compare
from porter.verify.diagnose import AGREES
from porter.verify.draws import Draws
from porter.verify.draws_in_loops import settled, uniform_in_loops
from porter.verify.finding import FAILED, PASSED, SKIPPED, Context, Finding, listed
from porter.verify.graphdef import ancestors, split
from porter.verify.layers import LayerOutcome, Layers
from porter.verify.only_in_training import only_in_training
from porter.verify.placing import Placed, calls, heading, place, tells_layers
from porter.verify.reference import Reference, Refused
from porter.verify.steps import read
from porter.verify.tensors import Tensors

LARGEST = 8  # samples in the batch
MANY = 2**18  # numbers in the inputs; sums over the pixels of more are off by more than 1e-5 in float32, on both sides
LEFT_OUT = (  # what the conversion says where it left training out
    "the model always does what the original does in inference",
    "dropout inside a loop is left out",
)
IN_TRAINING = (
    "momentum",
    "rate",
    "dropout",
    "recurrent_dropout",
    "stddev",
    "trainable",
)  # of a layer, what inference does not show


def training(context: Context) -> Finding:
    """At training=True layers, outputs and moving averages are the original's, given the same random numbers.

    What only training shows, and the original cannot be asked for, has to be as it was certified.
    """
    finding, shown = _against_original(context)
    unseen = {key: each for key, each in context.altered.items() if key[1] in IN_TRAINING and key not in shown}
    if not unseen:
        return finding
    placed = {each.operation.name: each for each in place(context.model, context.report)[0]}
    faults, rows = [], []
    for (layer, argument), altered in unseen.items():
        told = f"{altered.told}; nothing that the original does in training shows that this is right"
        if layer in placed:
            each = placed[layer]
            now = getattr(each.operation, argument, None)
            diagnosis = f"{AGREES} {argument} is {altered.certified} instead of {now}, as it was certified"
            rows.append(LayerOutcome(each.number, each.title, "differs", told, diagnosis=diagnosis).to_dict())
            told = f"{heading(each.row)}: {told}. {diagnosis}"
        faults.append(told)
    known = [finding.reason] if finding.status == FAILED else []
    told = listed([*known, *faults])
    return finding._replace(status=FAILED, reason=told, applies=True, layers=[*finding.layers, *rows])


def _against_original(context: Context) -> tuple[Finding, set[tuple[str, str]]]:
    """What comparing with the original's training shows, and which layers' arguments it shows to be right, or wrong."""
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
        faults = only_in_training(context.model, run.case.feeds, run.layers.placed)
        if faults:
            return Finding(FAILED, listed(faults), batch_sizes=[run.case.samples], kinds=["normal"]), set()
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
        self.shown: set[tuple[str, str]] = set()  # layers and arguments that the original shows to be right, or wrong
        warnings = context.report.get("warnings", ())
        self.left_out = [text for text in warnings if any(each in text for each in LEFT_OUT)]

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
        for outcome in outcomes:
            if outcome.status == "differs" and self._was_left_out(outcome):
                outcome.status, outcome.why = "not compared", "its training was left out"
        differing = [outcome for outcome in outcomes if outcome.status == "differs"]
        explain_all(differing[:EXPLAINED], self.context, self.reference)
        rows = self.context.report["layers"]
        averages = Averages(self.context, self.reference, self.layers, self.tensors, self.case, self.feeds)
        moved, compared = averages.faults()
        self.notes += averages.notes
        self.shown |= averages.shown
        faults, table = [], averages.table
        for outcome in outcomes:
            if outcome.status == "differs":
                faults.append(describe(outcome, rows))
            elif outcome.number in moved:
                outcome.status, (outcome.why, outcome.diagnosis) = "differs", moved[outcome.number]
                told = f"{heading(rows[outcome.number])}: {outcome.why}"
                faults.append(f"{told}. {outcome.diagnosis}" if outcome.diagnosis else told)
        if not differing and not self.left_out:
            faults += self._outputs(table)
        if faults:
            status, reason = FAILED, listed(faults)
        elif self.left_out:
            agreed = sum(outcome.status == "agrees" for outcome in outcomes)
            told = f"{agreed} of {len(rows)} calls agree by themselves; of others the conversion left the training out"
            status, reason = SKIPPED, listed([told, *self.left_out])
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

    def _was_left_out(self, outcome: LayerOutcome) -> bool:
        """Whether calls that know no training stand for nodes that do: the conversion said that it left some out."""
        group = {outcome.number, *outcome.together}
        trained = any(self.layers.trains(placed) for placed in self.layers.placed if placed.number in group)
        if not self.left_out or trained:
            return False
        rows, nodes = [self.context.report["layers"][number] for number in group], self.reference.nodes
        made = {source for row in rows for source in row.get("outputs", ()) if source}
        taken = {source for row in rows for source in row.get("inputs", ()) if source} - made
        stop = {split(read(source)[0])[0] for source in taken}
        knobs = {split(knob.tensor)[0] for knob in self.knobs}
        between = ancestors(nodes, [read(source)[0] for source in made], stop)
        return any(name in knobs or nodes[name].op in RANDOM for name in between)

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


def _made_batch_safe(report: Mapping[str, Any]) -> set[str]:
    """The original's tensors in which samples influence each other, where those of the model do not."""
    changes = [change for change in report.get("changes", ()) if change.get("kind") == "batch-safe"]
    return {tensor for change in changes for tensor in (change["layer"], *change.get("tensors", ()))}
