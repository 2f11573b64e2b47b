"""Level 2: each layer by itself, fed the original's own inputs to it and compared with the original's own output.

A wrong layer is found where it is, whatever the layers before it do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from porter.verify.calling import Unknown, run_call
from porter.verify.case import Case
from porter.verify.close_up import close_up
from porter.verify.compare import Tolerance, compare
from porter.verify.diagnose import AGREES, diagnose, now
from porter.verify.finding import FAILED, PASSED, SKIPPED, Context, Finding, listed
from porter.verify.layers import LayerOutcome, Layers, check_layers
from porter.verify.numbers_in import numbers_in
from porter.verify.placing import calls, heading, input_order, tells_layers, title
from porter.verify.reference import Reference
from porter.verify.steps import after, read
from porter.verify.suspect import Suspect, weight_name
from porter.verify.tensors import Tensors
from porter.verify.trials import Trials
from porter.verify.weights import Owners, find_weight, original_weights

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
    if turned := input_order(context.model, context.report):
        return Finding(FAILED, turned)
    layers = Layers(context.model, context.report, overrides=context.overrides)
    whole = trials.accepted()
    closer = partial(close_up, layers, trials.tolerance)
    found = check_layers(layers, reference, _apart(whole, trials), trials.tolerance, closer)
    failing = None
    if not any(outcome.status == "differs" for outcome in found):
        failing = trials.failing(thorough=context.thorough)  # a bound on large values shows in large inputs alone
        if failing is not None:
            found = check_layers(
                layers, reference, [*_apart(whole, trials), *_apart(failing, trials)], trials.tolerance
            )
    if failing is None and all(each.instead for each in found if each.status == "differs"):
        failing = trials.failing(thorough=context.thorough)
        for outcome in found if failing is None else ():  # it does the same by another way
            if outcome.instead and outcome.title.startswith("ops."):
                outcome.status = "not compared"
    known = layers.faults
    if failing is not None and not any(each.status == "differs" for each in found) and all(n is None for n, _ in known):
        known = [*known, *misled(layers, context.model, reference, _apart(failing, trials)[0], trials.tolerance)]
    for number, fault in known:
        if number is not None:
            found[number].fault = "; ".join(filter(None, [found[number].fault, fault]))
    differing = [outcome for outcome in found if outcome.status == "differs" or outcome.fault]
    compared = [outcome for outcome in found if outcome.status == "agrees"]
    notes = [
        *layers.notes,
        *granted(context),
        *(f"{each.title}: {each.why}" for each in found if each.status == "not compared"),
    ]
    faults = [fault for number, fault in known if number is None]
    unexplained = [each for each in differing if each.status == "differs" and not each.fault]
    explain_all(unexplained[:EXPLAINED], context, reference)
    if differing or faults:
        told = [describe(outcome, context.report["layers"]) for outcome in differing]
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


def granted(context: Context) -> list[str]:
    """What layers may be off by themselves, with the reason that was given."""
    rtol = context.trials.tolerance.rtol
    return [
        f"{name}: {max(rtol, each.tolerance):g} is allowed instead of {rtol:g}: {each.reason}"
        for name, each in context.overrides.items()
    ]


def _apart(case: Case, trials: Trials) -> list[Case]:
    """A case as the layers are to be run on it: sample by sample where the samples were made independent."""
    return [case.alone(index) for index in range(case.samples)] if trials.batch_safe else [case]


def recorded_layers(context: Context) -> Finding:
    """In the place of the original, what was recorded of tensors inside of it, compared with the model's own.

    Here layers are not alone: the first that differs is named.
    """
    import keras

    layers = Layers(context.model, context.report, overrides=context.overrides)
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
            allowed = layers.allowed(placed, context.trials.tolerance)
            found = compare(keras.ops.convert_to_numpy(arrays[id(tensor)]), want, allowed)
            table[name] = {"on": case.label, "clauses": [found.clause] if found.ok else [], **found.to_dict()}
            faults += [] if found.ok else [f"{placed.title}: {name} {found.why}"]
    if not table:
        return Finding(SKIPPED, "no layer gives a tensor that was recorded")
    rows = context.report["layers"]
    faults += [fault if number is None else f"{heading(rows[number])} {fault}" for number, fault in layers.faults]
    status = FAILED if faults else PASSED
    reason = listed(faults) if status == FAILED else f"{len(table)} recorded tensors inside agree"
    return Finding(status, reason, table, [case.samples], notes=layers.notes)


def explain_all(outcomes: Iterable[LayerOutcome], context: Context, reference: Reference) -> None:
    """Look for what makes each of these failing layers agree."""
    owners = Owners(context.report, reference)
    certified: dict[str, dict[str, Any]] = {}
    for (layer, argument), altered in context.altered.items():
        certified.setdefault(layer, {}).update({argument: altered.certified} if argument else {})
    for outcome in outcomes:
        _explain(outcome, reference, context.trials.tolerance, owners, certified)


def _explain(
    outcome: LayerOutcome,
    reference: Reference,
    tolerance: Tolerance,
    owners: Owners,
    certified: Mapping[str, Mapping[str, Any]],
) -> None:
    """Look for a change that makes a failing layer agree, or one of those that were run together with it."""
    if outcome.suspect is None:
        return
    runs, results, index, want = outcome.suspect
    outcome.suspect = None
    suspects = []
    for placed, run in runs:
        sources = _by_weight(placed.operation, original_weights(reference, placed.row))
        got = results if placed.number == outcome.number else None
        wanted = placed.row["class"] if placed.instead else ""
        made = certified.get(placed.operation.name)
        numbers = numbers_in(reference, placed.row)
        suspects.append(Suspect(placed.operation, run, got, sources, wanted, made, owners.of, numbers, placed.node))
    known = [(placed, suspect.unlike_sources()) for (placed, _), suspect in zip(runs, suspects, strict=True)]
    unlike = [
        f"{each[0].title}/{name}{now(it, [name])}" for each, it in zip(known, suspects, strict=True) for name in each[1]
    ]
    for (placed, names), suspect in zip(known, suspects, strict=True):
        if unlike and len(runs) > 1 and not names:
            continue
        only = bool(unlike) and len(runs) > 1  # of several calls, the one with other numbers: the rest takes too long
        diagnosis = diagnose(suspect, index, want, tolerance, numbers_only=only)
        if placed.number == outcome.number or diagnosis.startswith(AGREES):
            outcome.diagnosis = diagnosis
        if diagnosis.startswith(AGREES):
            outcome.culprit = None if placed.number == outcome.number else placed
            return
    if len(runs) > 1 and unlike:
        outcome.diagnosis = f"Other numbers than the original's: {', '.join(unlike)}"


def _by_weight(operation: Any, sources: Mapping[str, Any]) -> dict[str, Any]:
    """The original's arrays by the weights' names in `operation`, in the place of the report's names for them."""
    found = {}
    for key, array in sources.items():
        weight = find_weight(operation, key.replace("/", ".")) if getattr(operation, "weights", None) else None
        found[key if weight is None else weight_name(weight, operation)] = array
    return found


def describe(outcome: LayerOutcome, rows: Sequence[Mapping[str, Any]]) -> str:
    """A failing layer in words: where it comes from, how far it is off, what both sides look like, what explains it."""
    told = heading(outcome.culprit.row if outcome.culprit else rows[outcome.number])
    if outcome.fault:
        return f"{told} {outcome.fault}"
    told += f", for which the model has {outcome.instead}," if outcome.instead and not outcome.culprit else ""
    if outcome.culprit:
        told += f" is wrong, as {outcome.title} behind it shows: {outcome.why}"
    else:
        others = [title(rows[number]) for number in outcome.together]
        told += f", or {', '.join(others)} in front of it, of which the original shows nothing," if others else ""
        told += f" differs while its inputs agree: {outcome.why}"
    if outcome.statistics:
        sides = [_in_words(side, outcome.statistics[side]) for side in ("got", "want")]
        told += f" [{'; '.join(sides)}]"
    return f"{told}. {outcome.diagnosis}" if outcome.diagnosis else told


def _in_words(side: str, numbers: Mapping[str, Any]) -> str:
    rest = ", ".join(f"{key} {value:g}" for key, value in numbers.items() if key != "shape")
    return f"{'converted' if side == 'got' else 'original'}: {rest or numbers['shape']}"


def misled(
    layers: Layers, model: Any, reference: Reference, case: Case, tolerance: Tolerance
) -> list[tuple[int | None, str]]:
    """Where the model goes wrong although all layers agree by themselves, each with the number of its row if it has one.

    That is the row that should have made what a layer is not fed, or else the first layer that is fed something else.
    Nothing where the outputs agree.
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
        return [(None, f"the model does not run: {problem}")]
    import keras

    outputs = list(zip(case.outputs, keras.tree.flatten(model.outputs), strict=True))
    wrong = [(name, tensor) for name, tensor in outputs if differs(name, tensor, ())]
    if not wrong:
        return []
    there = {placed.number for placed in layers.placed}
    rows = enumerate(layers.report["layers"])
    absent = {
        source: number for number, row in rows if number not in there for source in row.get("outputs", ()) if source
    }
    for placed in layers.placed:
        for source, tensor in placed.taken:
            if not differs(source, tensor, ()):
                continue
            if source in absent:
                return [(absent[source], f"is not in the model: {placed.title} takes something else in its place")]
            told = f"agrees by itself, but is fed something else than {source}: the way there is wrong"
            return [(placed.number, told)]
    for name, _ in wrong:
        if name in absent:
            return [(absent[name], f"is not in the model: {name} is taken from something else")]
    makers = {id(tensor): node for node in calls(model) for tensor in node.outputs}
    taken = []
    for name, tensor in wrong:
        maker = layers.maker.get(id(tensor))
        if maker is not None:
            taken.append(
                f"{name} is taken from {maker.title}, which gives {layers.sources.get(id(tensor)) or 'another tensor'}"
            )
        elif id(tensor) in makers:
            added = makers[id(tensor)].operation
            taken.append(f"{name} is taken from {type(added).__name__} {added.name}, which the report does not name")
    return [(None, f"all layers agree by themselves, but the outputs are the wrong ones: {'; '.join(taken)}")]
