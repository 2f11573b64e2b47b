"""Level 2: each layer by itself, fed the original's own inputs to it and compared with the original's own output.

A wrong layer is found where it is, whatever the layers before it do. Where the original has no tensor for what a layer
takes, as inside a cluster that became several layers, the layers before it are run too: the group is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from porter.verify.calling import Unknown, run_call
from porter.verify.compare import Comparison, Tolerance, compare
from porter.verify.converted import same
from porter.verify.diagnose import Suspect, diagnose
from porter.verify.draws import Draws
from porter.verify.finding import FAILED, PASSED, SKIPPED, Context, Finding, listed
from porter.verify.placing import Placed, calls, pairs, place, tells_layers, title
from porter.verify.reference import RANDOM, Reference
from porter.verify.steps import after, read
from porter.verify.tensors import Tensors, fetch
from porter.verify.trials import Case
from porter.verify.weights import original_weights


def recorded_layers(context: Context) -> Finding:
    """In the place of the original, what was recorded of tensors inside of it, compared with the model's own.

    Here layers are not alone: the first that differs is named.
    """
    import keras

    layers = Layers(context.model, context.report)
    case = next((case for case in context.trials.recorded if case.label == "recorded"), None)
    if case is None or not tells_layers(context.report):
        return Finding(SKIPPED, "there is no recorded batch, or the report does not tell what its layers stand for")
    known = {f"{name.removeprefix('inner:')}": array for name, array in context.recording.items() if "inner:" in name}
    arrays: dict[int, Any] = dict(zip(map(id, context.model.inputs), case.feeds.values(), strict=True))
    table: dict[str, Any] = {}
    for node in calls(context.model):
        try:
            results = run_call(node.operation, node, arrays)
        except Unknown as problem:
            return Finding(FAILED, f"{node.operation.name}: {problem}")
        arrays.update({id(tensor): result for tensor, result in zip(node.outputs, results, strict=True)})
    faults = []
    for placed in layers.placed:
        for source, tensor in zip(placed.row.get("outputs", ()), placed.node.outputs, strict=False):
            name, steps = read(source)
            want = after(steps, known[name]) if name in known else None
            if want is None:
                continue
            found = compare(keras.ops.convert_to_numpy(arrays[id(tensor)]), want, context.trials.tolerance)
            table[name] = {"on": case.label, "clauses": [found.clause] if found.ok else [], **found.to_dict()}
            faults += [] if found.ok else [f"{placed.title}: {name} {found.why}"]
    if not table:
        return Finding(SKIPPED, "no layer gives a tensor that was recorded")
    status = FAILED if faults or layers.faults else PASSED
    reason = listed([*faults, *layers.faults]) if status == FAILED else f"{len(table)} recorded tensors inside agree"
    return Finding(status, reason, table, [case.samples], notes=layers.notes)


EXPLAINED = 3  # failing layers for which a reason is looked for: later ones may have the same


def each_layer(context: Context) -> Finding:
    """Each layer alone gives what the original does, fed the original's own tensors."""
    trials, reference = context.trials, context.reference
    if reference is None and any(name.startswith("inner:") for name in context.recording):
        return recorded_layers(context)
    if reference is None or trials.nothing_to_try:
        return Finding(SKIPPED, trials.nothing_to_try or trials.absent)
    if not tells_layers(context.report):
        return Finding(SKIPPED, "the report does not say which tensors the layers stand for")
    layers = Layers(context.model, context.report)
    whole = trials.accepted()
    cases = [whole.alone(index) for index in range(whole.samples)] if trials.batch_safe else [whole]
    found = check_layers(layers, reference, cases, trials.tolerance)
    differing = [outcome for outcome in found if outcome.status == "differs"]
    compared = [outcome for outcome in found if outcome.status == "agrees"]
    notes = [*layers.notes, *(f"{each.title}: {each.why}" for each in found if each.status == "not compared")]
    faults = layers.faults
    if layers.notes and not differing:
        wrong = misled(layers, context.model, reference, cases[0], trials.tolerance)
        faults = [*faults, wrong] if wrong else faults
    for outcome in differing[:EXPLAINED]:
        explain(outcome, reference, trials.tolerance)
    if differing or faults:
        told = [describe(outcome, context.report["layers"][outcome.number]) for outcome in differing]
        status, reason = FAILED, listed([*told, *faults])
    elif compared:
        status, reason = PASSED, f"{len(compared)} of {len(found)} calls agree by themselves"
    else:
        status, reason = SKIPPED, "no layer could be compared"
    return Finding(
        status,
        reason,
        batch_sizes=[1 if trials.batch_safe else whole.samples],
        kinds=["normal"],
        notes=notes,
        applies=bool(found),
        layers=[outcome.to_dict() for outcome in found],
    )


@dataclass
class LayerOutcome:
    """How one row of the report did. status: "agrees", "differs", "not compared" or "missing".

    together: rows that were run with it, since nothing in the original stands for what lies between. suspect: what it
        takes to look for the reason: the call, a way to make it with another operation, its results, and which of them
        should be what.
    """

    number: int
    title: str
    status: str
    why: str = ""
    comparison: Comparison | None = None
    together: list[int] = field(default_factory=list)
    statistics: dict[str, Any] = field(default_factory=dict)
    diagnosis: str = ""
    suspect: Any = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        found = self.comparison.to_dict() if self.comparison else {}
        kept: dict[str, Any] = {key: found[key] for key in ("clause", "error", "relative", "share") if key in found}
        more: dict[str, Any] = {
            "statistics": self.statistics,
            "together": self.together,
            "diagnosis": self.diagnosis,
        }
        return {
            "row": self.number,
            "title": self.title,
            "status": self.status,
            **({"why": self.why} if self.why else {}),
            **kept,
            **{key: value for key, value in more.items() if value},
        }


class Layers:
    """The calls of a model, to be run one by one.

    draws: random numbers for a run in training; without them, calls are made as in inference. fixed: rows that do in
    training what they do in inference.
    """

    def __init__(self, model: Any, report: Mapping[str, Any], draws: Draws | None = None) -> None:
        self.report, self.draws = report, draws
        self.fixed: set[int] = set()
        self.placed, self.faults, self.notes = place(model, report)
        self.maker = {id(tensor): each for each in self.placed for tensor in each.node.outputs}
        self.sources = {id(t): item["tensor"] for item, t in zip(report["inputs"], model.inputs, strict=False)}
        for each in self.placed:
            for source, tensor in zip(each.row.get("outputs", ()), each.node.outputs, strict=False):
                self.sources.setdefault(id(tensor), source)

    def all_sources(self) -> list[str]:
        rows = self.report["layers"]
        return list(dict.fromkeys(s for row in rows for side in ("inputs", "outputs") for s in row.get(side, ())))

    def inputs(self, placed: Placed, tensors: Tensors) -> tuple[dict[int, Any], list[int], list[str]]:
        """Arrays for what a call takes, by Keras tensor; the rows run for them; the original's tensors used.

        Raises Unknown where an array cannot be had.
        """
        named = {id(tensor): source for source, tensor in pairs(placed.row, placed.node)}
        arrays: dict[int, Any] = {}
        together: list[int] = []
        used: list[str] = []
        for tensor in placed.node.arguments.keras_tensors:
            source = named.get(id(tensor)) or self.sources.get(id(tensor), "")
            array = tensors.get(source)
            if array is not None and _may_be(array, tensor):
                arrays[id(tensor)] = array
                used.append(source)
                continue
            maker = self.maker.get(id(tensor))
            if maker is None:
                raise Unknown(f"nothing in the original stands for {source or 'one of its inputs'}")
            inner, before, sources = self.inputs(maker, tensors)
            results = self.call(maker, inner)
            arrays.update({id(made): result for made, result in zip(maker.node.outputs, results, strict=False)})
            together += [*before, maker.number]
            used += sources
        return arrays, together, used

    def call(
        self, placed: Placed, arrays: Mapping[int, Any], operation: Any = None, **arguments: Any
    ) -> list[np.ndarray]:
        """What a call gives for these arrays; with `operation` in the place of its own. Raises Unknown if it raises."""
        operation = placed.operation if operation is None else operation
        if self.draws is None or not self.trains(placed):
            return run_call(operation, placed.node, arrays, **arguments)
        with self.draws.replay(placed):  # a model hands its own `training` to every call, whatever that was given
            return run_call(operation, placed.node, arrays, **{"training": True, **arguments})

    def trains(self, placed: Placed) -> bool:
        """Whether a call is one that training changes, in a run in training."""
        return (
            self.draws is not None
            and placed.number not in self.fixed
            and "training" in getattr(placed.operation, "_call_context_args", ())
        )

    def judge(self, placed: Placed, tensors: Tensors, tolerance: Tolerance, samples: int) -> LayerOutcome:
        """Compare one call with the original, on a case of that many samples."""
        outcome = LayerOutcome(placed.number, placed.title, "not compared")
        sources = enumerate(placed.row.get("outputs", ()))
        wanted = [(i, source, array) for i, source in sources if (array := tensors.get(source)) is not None]
        if not wanted:
            outcome.why = "the original has no tensor for what it gives"
            return outcome
        try:
            arrays, outcome.together, used = self.inputs(placed, tensors)
        except Unknown as problem:
            outcome.why = str(problem)
            return outcome
        try:
            results = self.call(placed, arrays)
        except Unknown as problem:
            outcome.status, outcome.why = "differs", str(problem)
            return outcome
        for index, source, want in wanted:
            if index >= len(results):
                continue
            if samples == 1 and results[index].shape == (1, *want.shape):
                want = want[None]  # a sample's pixels that the original moved into the batch
            found = compare(results[index], want, tolerance)
            if not found.ok and tolerance.rounding and np.isfinite(found.error) and want.dtype.kind in "fVc":
                found = compare(results[index], want, tolerance, tensors.in_double(used, source))
            if outcome.comparison is None or _worse(found, outcome.comparison):
                outcome.comparison = found
                outcome.statistics = {} if found.ok else {"got": statistics(results[index]), "want": statistics(want)}
                outcome.suspect = (
                    None if found.ok else (placed, partial(self.call, placed, arrays), results, index, want)
                )
        if outcome.comparison is not None:
            outcome.status = "agrees" if outcome.comparison.ok else "differs"
            outcome.why = outcome.comparison.why
        return outcome


def statistics(array: np.ndarray) -> dict[str, Any]:
    """What people compare at a glance."""
    fine = array[np.isfinite(array)] if array.dtype.kind in "fVc" else array
    if not fine.size or fine.dtype.kind not in "iufV":
        return {"shape": list(array.shape)}
    fine = fine.astype(np.float64)
    numbers = {"mean": fine.mean(), "std": fine.std(), "min": fine.min(), "max": fine.max()}
    return {"shape": list(array.shape), **{key: float(f"{value:.6g}") for key, value in numbers.items()}}


def explain(outcome: LayerOutcome, reference: Reference, tolerance: Tolerance) -> None:
    """Look for a change that makes a failing layer agree."""
    if outcome.suspect is None:
        return
    placed, run, results, index, want = outcome.suspect
    sources = original_weights(reference, placed.row)
    outcome.diagnosis = diagnose(Suspect(placed.operation, run, results, sources), index, want, tolerance)
    outcome.suspect = None


def describe(outcome: LayerOutcome, row: Mapping[str, Any]) -> str:
    """A failing layer in words: where it comes from, how far it is off, what both sides look like, what explains it."""
    nodes = list(row.get("nodes", ()))
    told = (
        f"{outcome.title} (rule {row.get('rule') or 'of a single operation'}; TensorFlow nodes {', '.join(nodes[:4])}"
    )
    told += f" and {len(nodes) - 4} more)" if len(nodes) > 4 else ")"
    told += f" differs while its inputs agree: {outcome.why}"
    if outcome.statistics:
        sides = [_in_words(side, outcome.statistics[side]) for side in ("got", "want")]
        told += f" [{'; '.join(sides)}]"
    return f"{told}. {outcome.diagnosis}" if outcome.diagnosis else told


def _in_words(side: str, numbers: Mapping[str, Any]) -> str:
    rest = ", ".join(f"{key} {value:g}" for key, value in numbers.items() if key != "shape")
    return f"{'converted' if side == 'got' else 'original'}: {rest or numbers['shape']}"


def draws_at_random(placed: Placed, reference: Reference) -> bool:
    """Whether a row stands for nodes that draw random numbers."""
    nodes = reference.nodes
    return any(name in nodes and nodes[name].op in RANDOM for name in placed.row.get("nodes", ()))


def check_layers(
    layers: Layers, reference: Reference, cases: Iterable[Case], tolerance: Tolerance
) -> list[LayerOutcome]:
    """The outcome of each row of the report, the worst over `cases`."""
    found: dict[int, LayerOutcome] = {}
    for case in cases:
        tensors = Tensors(reference, case.feeds, layers.all_sources())
        for placed in layers.placed:
            outcome = _random(placed, reference, tensors) or layers.judge(placed, tensors, tolerance, case.samples)
            before = found.get(placed.number)
            if before is None or _rank(outcome) > _rank(before):
                found[placed.number] = outcome
    for number, row in enumerate(layers.report["layers"]):
        found.setdefault(number, LayerOutcome(number, title(row), "missing", "it was not found in the model"))
    for outcome in list(found.values()):
        for number in outcome.together if outcome.status == "agrees" else ():
            if found[number].status == "not compared":
                found[number].status, found[number].why = "agrees", f"together with {outcome.title}"
    return [found[number] for number in sorted(found)]


def misled(layers: Layers, model: Any, reference: Reference, case: Case, tolerance: Tolerance) -> str:
    """Where the model goes wrong although all layers agree by themselves: the first that is fed something else.

    "" where its outputs agree.
    """
    tensors = Tensors(reference, case.feeds, [*layers.all_sources(), *case.outputs])
    arrays: dict[int, Any] = dict(zip(map(id, model.inputs), case.feeds.values(), strict=True))

    def differs(source: str, tensor: Any, used: Iterable[str]) -> bool:
        want, got = tensors.get(source), arrays.get(id(tensor))
        if want is None or got is None:
            return False
        found = compare(got, want, tolerance)
        return not found.ok and not compare(got, want, tolerance, tensors.in_double(used, source)).ok

    try:
        for node in calls(model):
            results = run_call(node.operation, node, arrays)
            arrays.update({id(tensor): result for tensor, result in zip(node.outputs, results, strict=True)})
    except Unknown as problem:
        return f"the model does not run: {problem}"
    import keras

    if not any(map(differs, case.outputs, keras.tree.flatten(model.outputs), [()] * len(case.outputs))):
        return ""
    for placed in layers.placed:
        for source, tensor in pairs(placed.row, placed.node):
            if differs(source, tensor, ()):
                return (
                    f"{placed.title} agrees by itself, but is fed something else than {source}: the way there is wrong"
                )
    return "all layers agree by themselves, but the outputs are taken from the wrong ones"


def _random(placed: Placed, reference: Reference, tensors: Tensors) -> LayerOutcome | None:
    """An outcome for a row whose output the original draws at random, so that two of its own runs differ."""
    if not draws_at_random(placed, reference):
        return None
    names = [read(source)[0] for source in placed.row.get("outputs", ()) if source]
    names = [name for name in names if name in tensors.raw]
    again = fetch(reference, tensors.feeds, names)
    if all(same(again[name], tensors.raw[name]) for name in again):
        return None
    return LayerOutcome(placed.number, placed.title, "not compared", "the original draws it at random")


def _rank(outcome: LayerOutcome) -> tuple[int, float]:
    order = ("not compared", "missing", "agrees", "differs").index(outcome.status)
    return order, outcome.comparison.relative if outcome.comparison else 0.0


def _worse(one: Comparison, other: Comparison) -> bool:
    return (not one.ok, one.relative) > (not other.ok, other.relative)


def _may_be(array: np.ndarray, tensor: Any) -> bool:
    """Whether an array has the shape that a Keras tensor tells."""
    shape = tuple(tensor.shape)
    return len(shape) == array.ndim and all(
        known in (None, size) for known, size in zip(shape, array.shape, strict=True)
    )
