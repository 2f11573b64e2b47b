"""The levels of the proof: each a function that takes the `Context` and says what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from porter.errors import OutputsDiffer
from porter.verify.alone import each_layer
from porter.verify.archive import differs_from_source
from porter.verify.case import Case, Outcome
from porter.verify.compare import Comparison, scale_of
from porter.verify.elsewhere import BACKENDS, run_elsewhere
from porter.verify.finding import FAILED, PASSED, SKIPPED, Context, Finding, listed
from porter.verify.gradients import gradients
from porter.verify.independence import check_independence, first_mixing
from porter.verify.inputs import KINDS, Input, draw
from porter.verify.layers import LayerOutcome
from porter.verify.placing import heading, input_order, tells_layers
from porter.verify.reference import Refused
from porter.verify.training import training
from porter.verify.trials import Trials
from porter.verify.weights import check_weights

MOST_POINTS, MOST_PICTURES = 200, 6  # elements of an output, and outputs, that the report draws


def weights(context: Context) -> Finding:
    """Every checkpoint variable is copied or left for a reason; every Keras weight has one source, bit for bit."""
    if not {"layers", "weights"} <= context.report.keys():
        return Finding(SKIPPED, "the report does not say where the weights came from")
    faults, notes, checked = check_weights(context.model, context.report, context.reference)
    faults += context.uncertified or ()
    if faults:
        return Finding(FAILED, listed(faults), notes=notes)
    if context.reference is None and context.uncertified is not None:
        told = f"all files, and the numbers of {len(context.model.weights)} weights, are as they were certified"
        return Finding(PASSED, told, notes=notes)
    if context.reference is None:
        return Finding(SKIPPED, "the original is not at hand; only the report's own account was checked, and it holds")
    total = len(context.model.weights)
    return Finding(PASSED, f"{checked} of {total} weights hold their source's bits", notes=notes, applies=total > 0)


def shapes(context: Context) -> Finding:
    """Shapes and dtypes are the original's, with an unknown batch, and unknown rows and columns where it had them."""
    trials = context.trials
    promised = _promises(context)
    if trials.nothing_to_try and not trials.recorded_outcomes:
        return Finding(FAILED, listed(promised)) if promised else Finding(SKIPPED, trials.nothing_to_try)
    outcomes = [trials.outcome("normal", batch) for batch in trials.batches]
    others = []
    if trials.other_sizes is not None:
        others.append(trials.outcome("normal", trials.batches[0], trials.other_sizes))
    outcomes += [*others, *trials.recorded_outcomes]
    faults = [*promised, *_fixed_batch(context)]
    notes = [f"{each.label}: the original refuses it: {each.refused}" for each in outcomes if each.refused]
    for outcome in outcomes:
        faults += [f"{outcome.label}: {text}" for text in _wrong_shapes(context, outcome)]
    ran = [outcome for outcome in outcomes if not outcome.refused]
    if faults:
        return Finding(FAILED, listed(faults), notes=notes)
    if not ran:
        return Finding(SKIPPED, "the original refused all inputs", notes=notes)
    return Finding(
        PASSED,
        "with other rows and columns, too" if others else "",
        batch_sizes=_sizes(ran),
        kinds=["normal", *(outcome.label for outcome in trials.recorded_outcomes if not outcome.refused)],
        notes=notes,
    )


def _promises(context: Context) -> list[str]:
    """Where the Keras tensors are not what the report says."""
    import keras

    turned = input_order(context.model, context.report)
    faults = [turned] if turned else []
    for side, tensors in (("inputs", context.model.inputs), ("outputs", keras.tree.flatten(context.model.outputs))):
        items = context.report[side]
        if len(items) != len(tensors):
            faults.append(f"the report names {len(items)} {side}, the model has {len(tensors)}")
            continue
        for item, tensor in zip(items, tensors, strict=True):
            dtype = "string" if _gives_words(tensor) else keras.backend.standardize_dtype(tensor.dtype)
            if dtype != item["dtype"]:
                faults.append(f"{item['tensor']} is {dtype} in the model, {item['dtype']} in the report")
            if side == "inputs" and list(tensor.shape) != list(item["shape"]):
                faults.append(
                    f"{item['tensor']} has shape {list(tensor.shape)} in the model, {item['shape']} in the report"
                )
    return faults


def _gives_words(tensor: Any) -> bool:
    """Whether a Keras tensor holds words, of which Keras' own StringLookup says that they are integers."""
    layer = getattr(getattr(tensor, "_keras_history", None), "operation", None)
    return type(layer).__name__ == "StringLookup" and bool(getattr(layer, "invert", False))


def _fixed_batch(context: Context) -> list[str]:
    """Inputs whose batch is fixed in the model, while the original takes any."""
    trials, reference = context.trials, context.reference
    if reference is None or trials.fitting is None:
        return []
    setting, _ = trials.fitting
    narrow = [
        given
        for given in trials.inputs
        if given.shape and given.shape[0] is not None and _has_any_batch(context, given)
    ]
    if not narrow:
        return []
    other = 1 + max(given.shape[0] or 0 for given in narrow)
    wide = [replace(given, shape=(None, *given.shape[1:])) if given in narrow else given for given in trials.inputs]
    try:
        reference.run(draw(wide, setting, "normal", other, trials.seed), trials.converted.outputs)
    except Refused:
        return []
    return [f"{given.tensor}: the batch is fixed at {given.shape[0]}, the original takes any" for given in narrow]


def _has_any_batch(context: Context, given: Input) -> bool:
    """Whether the original's own placeholder says nothing of its first size."""
    reference = context.reference
    if reference is None or not reference.has(given.tensor):
        return False
    shape = reference.tensor(given.tensor).shape
    return bool(shape.rank) and shape[0] is None


def _wrong_shapes(context: Context, outcome: Outcome) -> list[str]:
    import keras

    static = dict(zip(context.trials.converted.outputs, keras.tree.flatten(context.model.outputs), strict=False))
    faults = []
    for name, comparison in outcome.comparisons.items():
        if comparison.why.startswith(("shape", "dtype", "The conversion raises")):
            faults.append(f"{name}: {comparison.why}")
        shape = tuple(static[name].shape) if name in static else ()
        got = outcome.got.get(name, shape)
        if len(shape) != len(got) or any(known not in (None, size) for known, size in zip(shape, got, strict=True)):
            faults.append(f"{name}: the model's own shape {list(shape)} is not what it gives: {list(got)}")
    return faults


def outputs(context: Context) -> Finding:
    """The outputs agree, for all batch sizes, on normal, uniform, constant, large and small inputs."""
    trials = context.trials
    if trials.nothing_to_try and not trials.recorded_outcomes:
        return Finding(SKIPPED, trials.nothing_to_try)
    outcomes = list(trials.recorded_outcomes)
    kinds = [outcome.label for outcome in outcomes if not outcome.refused] + [kind for kind in KINDS if trials.batches]
    outcomes += [trials.outcome(*planned) for planned in trials.planned(thorough=context.thorough)]
    if trials.batches and "sizes of 1" in context.report.get("trials", ()):
        if trials.sizes_of_one is None:
            return Finding(SKIPPED, "sizes of 1, which the model takes another way, could not be tried")
        outcomes.append(trials.outcome("normal", trials.batches[0], trials.sizes_of_one))
    found = summarize(outcomes, trials.converted.outputs, kinds)
    return found._replace(points=_points(trials)) if found.status != SKIPPED else found


def _points(trials: Trials) -> dict[str, list[list[float]]]:
    """Elements of each output, evenly taken out of one case: [the original's value, the difference over that allowed]."""
    if trials.reference is None or trials.nothing_to_try:
        return {}
    case = trials.accepted()
    case = case.alone(0) if trials.batch_safe else case
    try:
        got = trials.converted.run(case.feeds)
        want = {name: array for name, array in case.want.items() if name in got and name not in trials.random}
    except (OutputsDiffer, Refused):
        return {}
    found = {}
    for name in list(want)[:MOST_PICTURES]:
        one, other = got[name].ravel(), np.asarray(want[name]).ravel()
        if one.size != other.size or other.dtype.kind != "f" or not other.size:
            continue
        step = -(-other.size // MOST_POINTS)
        one, other = one[::step].astype("float64"), other[::step].astype("float64")
        fine = np.isfinite(one) & np.isfinite(other)
        rtol = trials.tolerance.rtol
        allowed = rtol * scale_of(np.asarray(want[name])) + rtol * np.abs(other[fine])
        off = (one[fine] - other[fine]) / allowed
        found[name] = [[float(f"{a:.6g}"), float(f"{b:.3g}")] for a, b in zip(other[fine], off, strict=True)]
    return found


def summarize(outcomes: Sequence[Outcome], names: Sequence[str], kinds: Iterable[str] = ()) -> Finding:
    """One finding of many outcomes: failed if any output failed anywhere, passed if each was decided somewhere."""
    ran = [outcome for outcome in outcomes if not outcome.refused]
    notes = [f"{each.label}: the original refuses it: {each.refused}" for each in outcomes if each.refused]
    if not ran:
        return Finding(SKIPPED, "the original refused all inputs", notes=notes)
    table, failed, open_ = {}, [], []
    for name in names:
        seen = [(outcome.label, outcome.comparisons[name]) for outcome in ran if name in outcome.comparisons]
        decided = [pair for pair in seen if pair[1].decided]
        label, comparison = max(
            decided or seen, key=lambda pair: _severity(pair[1]), default=("", Comparison(False, why="never compared"))
        )
        table[name] = {
            "on": label,
            "clauses": sorted({each.clause for _, each in seen if each.ok}),
            **comparison.to_dict(),
        }
        if any(not each.ok for _, each in seen):
            count = sum(not each.ok for _, each in seen)
            failed.append(f"{name}: {comparison.why} ({label}; in {count} of {len(seen)} cases)")
        elif not decided:
            open_.append(f"{name}: {comparison.why}")
        else:
            notes += [f"{name} on {on}: {each.why}" for on, each in seen if not each.decided]
    if failed:
        return Finding(FAILED, listed(failed), table, _sizes(ran), kinds, notes)
    if open_:
        return Finding(SKIPPED, listed(open_), table, _sizes(ran), kinds, notes)
    return Finding(PASSED, "", table, _sizes(ran), kinds, notes)


def _severity(comparison: Comparison) -> tuple[bool, float]:
    return not comparison.ok, comparison.relative


def independence(context: Context) -> Finding:
    """Changing one sample changes no other; with `exact`, no more of them than in the original."""
    trials = context.trials
    if trials.reference is None and trials.independent == {}:
        return Finding(SKIPPED, "no output was certified to have independent samples", applies=False)
    cases = [trials.case("normal", batch) for batch in sorted(trials.batches, key=lambda batch: (batch < 3, batch))]
    case = next((case for case in (*cases, *trials.recorded) if case.samples > 1 and not _refuses(case)), None)
    if case is None:
        alone = any(each.samples == 1 and not _refuses(each) for each in (*cases, *trials.recorded))
        reason = "there is one sample only, and no other that it could change" if alone else trials.nothing_to_try
        return Finding(SKIPPED, reason, applies=not alone)
    faults, notes, undecided = check_independence(trials, case, exact=context.exact)
    status = FAILED if faults else SKIPPED if undecided else PASSED
    rows = []
    if faults and not context.exact and tells_layers(context.report):  # with it, the original's own may come first
        placed = first_mixing(context.model, context.report, case)
        if placed is not None:
            told = "is the first call in which changing one sample changes another"
            rows.append(LayerOutcome(placed.number, placed.title, "differs", fault=told).to_dict())
            faults = [f"{heading(placed.row)} {told}", *faults]
    reason = listed(faults or undecided)
    return Finding(status, reason, batch_sizes=[case.samples], kinds=["normal"], notes=notes, layers=rows)


def elsewhere(context: Context) -> Finding:
    """Again from model.py and model.keras, in a fresh process on each backend, and compiled."""
    trials = context.trials
    if context.directory is None:
        return Finding(SKIPPED, "nothing has been written to a directory")
    cases = [*trials.recorded, *([trials.given] if trials.given and trials.reference else [])]
    if not trials.nothing_to_try:
        largest = [batch for batch in trials.batches if batch <= 3] or trials.batches
        cases += [trials.case("normal", largest[-1]), trials.case("uniform", largest[0])]
    cases = [case for case in cases if not _refuses(case)]
    if not cases:
        return Finding(SKIPPED, trials.nothing_to_try or "the original refused all inputs")
    found, faults, notes, missing = run_elsewhere(
        context.directory, cases, trials, context.backends or BACKENDS, context.report.get("only_tensorflow", "")
    )
    summary = summarize(found, trials.converted.outputs) if found else Finding(SKIPPED, listed(missing))
    faults += differs_from_source(context.directory, context.model)
    if faults:
        known = [summary.reason] if summary.status == FAILED else []
        summary = summary._replace(status=FAILED, reason=listed([*faults, *known]))
    elif missing and context.backends and summary.status == PASSED:
        summary = summary._replace(status=SKIPPED, reason=listed(missing))
    return summary._replace(notes=[*notes, *missing, *summary.notes])


def _refuses(case: Case) -> bool:
    try:
        return not case.want
    except Refused:
        return True


def _sizes(outcomes: Iterable[Outcome]) -> list[int]:
    return sorted({outcome.samples for outcome in outcomes})


class Level(NamedTuple):
    """A level of the proof. check: what finds out whether it holds."""

    number: int
    title: str
    check: Callable[[Context], Finding]


LEVELS = (
    Level(0, "weights", weights),
    Level(1, "shapes and dtypes", shapes),
    Level(2, "each layer alone", each_layer),
    Level(3, "outputs", outputs),
    Level(4, "batch independence", independence),
    Level(5, "training", training),
    Level(6, "gradients", gradients),
    Level(7, "fresh processes", elsewhere),
)
