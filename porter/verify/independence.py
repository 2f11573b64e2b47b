"""Level 4: does the answer to one sample depend on its neighbours in the batch?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from porter.errors import OutputsDiffer, Unsupported
from porter.verify.calling import Unknown, run_call
from porter.verify.case import Case
from porter.verify.compare import Tolerance, compare
from porter.verify.converted import same
from porter.verify.inputs import draw, read_inputs, settings, why_none
from porter.verify.placing import Placed, calls, place
from porter.verify.reference import Reference, Refused
from porter.verify.trials import Trials

SAME = Tolerance(rounding=False)
ATTEMPTS = 20  # sizes that are tried for unknown rows and columns
ALIKE = "samples influence each other, as they do in the original"
Answers = Mapping[str, np.ndarray]
Run = Callable[[Mapping[str, np.ndarray]], Answers]
REFUSES = "the original refuses a changed sample"


def check_independence(trials: Trials, case: Case, *, exact: bool) -> tuple[list[str], list[str], list[str]]:
    """Faults, notes, and what could not be decided. `case` has several samples, and the original accepts it.

    The first and the last sample are changed in turn. An output whose samples influence each other is a fault, unless
    they do so in the original (with `exact`, or where nothing in the report says that they were taken apart).
    """

    converted = trials.converted.run

    def original(feeds: Answers) -> Answers:
        assert trials.reference is not None
        return trials.reference.run(feeds, trials.converted.outputs) or {}

    try:
        ours = coupled(converted, case, _axes(trials))
    except OutputsDiffer as problem:
        refusal = _refusal(trials, case, original)
        return ([], [], [refusal]) if refusal else ([problem.what], [], [])
    ours = {name: others for name, others in ours.items() if name not in trials.random}
    if not ours:
        return [], [], []
    if trials.reference is None:
        texts = [f"{name}: {_text(others)}" for name, others in ours.items()]
        if exact and trials.independent is None:
            return [], [], [f"{text}; whether the original does so is not known" for text in texts]
        return texts, [], []
    try:
        theirs = coupled(original, case, _axes(trials))
    except Refused as refusal:
        return [], [], [f"{REFUSES}: {refusal.why}"]
    faults, alike = [], []
    for name, others in ours.items():
        if name in trials.batch_safe:
            faults.append(f"{name} counts as batch-safe, but {_text(others)}")
        elif others - theirs.get(name, set()):
            faults.append(f"{name}: {_text(others - theirs.get(name, set()))}, not so in the original")
        else:
            alike.append(name)
    if faults or not alike:
        return faults, [], []
    return faults, [_why_alike(case, converted, alike)], []


def _refusal(trials: Trials, case: Case, original: Run) -> str:
    """Why the original does not take the changed samples either; "" where it does, or is not at hand."""
    if trials.reference is None:
        return ""
    try:
        coupled(original, case, _axes(trials))
    except Refused as refusal:
        return f"{REFUSES}: {refusal.why}"
    return ""


def refuse_coupled(reference: Reference) -> None:
    """Where a batch size was lifted, see in the original that its samples do not influence each other.

    Raises Unsupported where they do: what it computes for another number of samples is then for nobody to say.
    """
    lift = reference.original.lift
    if lift is None or lift.size == 1:
        return
    tensors = {name: reference.tensor(name) for name in reference.original.inputs}
    told = [
        {"tensor": name, "shape": tensor.shape.as_list(), "dtype": tensor.dtype.name}
        for name, tensor in tensors.items()
    ]
    inputs = read_inputs({"inputs": told}, reference.graph, tensors.get)
    outputs = {name: lift.axes.get(reference.original.stands_for(name)) for name in reference.original.outputs}
    axes = {name: axis for name, axis in outputs.items() if axis is not None and not reference.is_random(name)}
    for setting in islice([] if why_none(inputs) else settings(inputs), ATTEMPTS):
        feeds = draw(inputs, setting, "normal", lift.size, 0)
        along = {name: 0 if name in lift.inputs else None for name in feeds}
        case = Case("normal", feeds, along, lift.size, list(axes), reference)
        try:
            found = coupled(lambda given: reference.run(given, axes) or {}, case, axes)
        except Refused:
            continue
        if found:
            name, pairs = next(iter(found.items()))
            raise Unsupported(
                f"The batch size of {lift.size} cannot be lifted.",
                where=name,
                why=f"the original's samples influence each other: {_text(pairs)}",
                todo="convert without --lift-batch",
            )
        return


def first_mixing(model: Any, report: Mapping[str, Any], case: Case) -> Placed | None:
    """The first call in which samples influence each other, where it can be seen in what the calls give."""
    axes: dict[int, int] = {}

    def run(feeds: Answers) -> Answers:
        arrays: dict[int, Any] = dict(zip(map(id, model.inputs), feeds.values(), strict=True))
        for node in calls(model):
            results = run_call(node.operation, node, arrays)
            arrays.update({id(tensor): result for tensor, result in zip(node.outputs, results, strict=True)})
        axes.update({key: 0 for key, array in arrays.items() if array.shape[:1] == (case.samples,)})
        return {str(key): array for key, array in arrays.items()}

    try:
        run(case.feeds)
        mixed = coupled(run, case, {str(key): axis for key, axis in axes.items()})
    except (Unknown, KeyError):
        return None
    first = next((node for node in calls(model) if any(str(id(tensor)) in mixed for tensor in node.outputs)), None)
    if first is None:
        return None
    makers = {id(tensor): node for node in calls(model) for tensor in node.outputs}
    for tensor in first.arguments.keras_tensors:  # a number for the whole batch, in which it met, as its maximum
        maker = makers.get(id(tensor)) if id(tensor) not in axes else None
        if maker is not None and any(id(taken) in axes for taken in maker.arguments.keras_tensors):
            first = maker
            break
    return next((placed for placed in place(model, report)[0] if placed.node is first), None)


def differences(trials: Trials) -> dict[str, float]:
    """How far the answers of outputs that were made batch-safe are from the original's, for a batch of 3.

    As a share of the spread of the original's answer; left out where it refuses such a batch, or gives another size.
    """
    if not trials.batch_safe or trials.reference is None or trials.nothing_to_try:
        return {}
    case = trials.accepted(most=3)
    got, found = trials.converted.run(case.feeds), {}
    for name in trials.batch_safe & case.want.keys() & got.keys():
        want = np.asarray(case.want[name])
        if case.samples > 1 and want.size and want.size == got[name].size and want.dtype.kind == "f":
            off = compare(got[name].reshape(want.shape), want, SAME)
            found[name] = float(f"{off.relative:.2g}") if np.isfinite(off.relative) else None
    return {name: value for name, value in sorted(found.items()) if value is not None}


def coupled(run: Run, case: Case, axes: Mapping[str, int]) -> dict[str, set[tuple[int, int]]]:
    """For each output whose samples influence each other the pairs (changed sample, sample that changed with it)."""
    before = run(case.feeds)
    found: dict[str, set[tuple[int, int]]] = {}
    for changed in (0, case.samples - 1):
        after = run({name: _disturbed(array, changed, case.axes[name]) for name, array in case.feeds.items()})
        for name, axis in axes.items():
            if any(each.ndim <= axis or each.shape[axis] % case.samples for each in (before[name], after[name])):
                continue
            pairs = zip(_samples(after[name], case, axis), _samples(before[name], case, axis), strict=True)
            others = {
                (changed, index)
                for index, (new, old) in enumerate(pairs)
                if index != changed and not (same(new, old) or compare(new, old, SAME).ok)
            }
            if others:
                found.setdefault(name, set()).update(others)
    return found


def _axes(trials: Trials) -> Mapping[str, int]:
    """The sample axes as they were certified, or else as they can be seen."""
    return sample_axes(trials) if trials.independent is None else trials.independent


def sample_axes(trials: Trials) -> dict[str, int]:
    """The axis of each output along which its samples lie: the one that grows with the batch, else the first.

    Outputs that don't grow with a batch that does have no samples, and are left out.
    """
    outcomes = [trials.outcome("normal", batch) for batch in trials.batches]
    seen = [outcome.got for outcome in outcomes if outcome.got]
    axes = {}
    for name in trials.converted.outputs:
        shapes = {got[name] for got in seen}
        if len(shapes) > 1:
            growing = [axis for axis, sizes in enumerate(zip(*shapes, strict=False)) if len(set(sizes)) > 1]
            axes.update({name: growing[0]} if growing else {})
        elif len(seen) < 2:
            axes[name] = 0
    return axes


def _why_alike(case: Case, converted: Run, names: list[str]) -> str:
    """What to say of outputs whose samples influence each other as they do in the original."""
    sizes = {array.shape[1] for array in case.feeds.values() if array.ndim > 1}
    if len(sizes) == 1 and (size := sizes.pop()) > 1:
        axes = {
            name: 1 if array.ndim > 1 else 0 if array.shape == (size,) else None for name, array in case.feeds.items()
        }
        second = Case(case.label, case.feeds, axes, size, case.outputs, case.reference)
        before = converted(case.feeds)
        along = {name: before[name].shape.index(size) for name in names if size in before[name].shape}
        try:
            independent = len(along) == len(names) and not coupled(converted, second, along)
        except OutputsDiffer:  # samples do not lie there
            independent = False
        if independent:
            return f"{', '.join(names)}: samples lie on the second axis; along that one they are independent"
    return f"{', '.join(names)}: {ALIKE}"


def _disturbed(array: np.ndarray, changed: int, axis: int | None) -> np.ndarray:
    """`array` with sample `changed` far from what it was; integers and bools become another sample's.

    So do floats that are whole numbers: they are ids that the graph casts, and others might not be admitted.
    """
    if axis is None:
        return array
    result = np.moveaxis(array.copy(), axis, 0)
    other = result[(changed + 1) % len(result)]
    if array.dtype.kind in "biuOSU" or np.array_equal(array, np.round(array)):
        result[changed] = ~other if array.dtype.kind == "b" else other
    else:
        result[changed] = (100.0 * other + 1.0).astype(array.dtype)
    return np.moveaxis(result, 0, axis)


def _samples(array: np.ndarray, case: Case, axis: int) -> list[np.ndarray]:
    return np.split(array, case.samples, axis=axis)


def _text(pairs: set[tuple[int, int]]) -> str:
    changed, other = min(pairs)
    return f"changing sample {changed} changes sample {other}"
