"""From a checkpoint into a model that is there: read, match, fill, compare, write."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice, permutations, product
from pathlib import Path
from typing import Any

import numpy as np

from porter.convert import make
from porter.errors import OutputsDiffer, UnreadableSource, Unsupported, UsageError, writing
from porter.mapping import read_settings, write_map
from porter.options import Options, Progress, quiet
from porter.stages import open_original
from porter.transplant.agree import Agreement, Original, Recording, agreement, run
from porter.transplant.assumed import SETTINGS, Assumed
from porter.transplant.bare import bare_parts, is_bare
from porter.transplant.flow import parts_of
from porter.transplant.into import load_model
from porter.transplant.match import Match, match
from porter.transplant.names import as_asked
from porter.transplant.parts import NEUTRAL, Part, unlike, value

RUNNING = "running it: no other arrangement tried agrees"
TRIES = 64  # arrangements of parts that nothing tells apart but running them


@dataclass
class Row:
    """One weight of the model: what fills it, and why. source: "" for one that is left as it was."""

    target: str
    source: str
    shape: tuple[int, ...]
    why: str


@dataclass
class Transplanted:
    """What was done. left: of the checkpoint, not used. agreement: None where there was nothing to compare with."""

    out: Path
    rows: list[Row]
    left: list[str]
    notes: list[str] = field(default_factory=list)
    agreement: Agreement | None = None


def transplant(
    checkpoint: Path,
    into: str,
    out: Path,
    *,
    source: str | None = None,
    reference: Path | None = None,
    map_file: Path | None = None,
    partial: bool = False,
    options: Options | None = None,
    progress: Progress = quiet,
) -> Transplanted:
    """Fill the Keras 3 model that `into` makes with the weights of `checkpoint`, and write its weights to `out`.

    source: the graph, or the Python source that builds it, where it isn't beside the checkpoint. reference: a recording.
    map_file: pairs that are settled. partial: whether weights may be left as they were.
    Raises UsageError with a proposal written beside `out` where parts are left open, Unsupported where weights find
    nothing, OutputsDiffer where the filled model computes something else.
    """
    options = options or Options()
    model = load_model(into)
    with ExitStack() as stack:
        graph, sources, left, notes = _sources(checkpoint, source, options, model, stack, progress)
        truth = Recording(reference, model) if reference is not None else graph
        _build(model, truth)
        targets = parts_of(model)
        if graph is None:
            as_asked(sources, targets)
        settled, rows, assumed = _settle(map_file, sources, targets, graph is None)
        found = match([p for p in sources if p.weights], [p for p in targets if p.weights])
        seen = None
        _fill(found, settled)
        if truth is not None and not found.missing:
            seen, assumed = _fitted(found, settled, sources, assumed, lambda: _arrange(found, model, truth))
        rows += _rows(found, assumed)
        notes += _differing_settings(found) + (assumed.notes(found) if seen is None else [])
        if found.open and truth is not None and not found.missing:
            notes.insert(0, "no arrangement of them that was tried computes what the original does")
        _refuse_open(found, rows, {name for part in sources for name in part.names.values()}, out, notes)
        if seen is None:
            assumed.refuse(found)
        if found.missing and not partial:
            raise _missing(found, checkpoint)
        rows += [
            Row(name, "", part.shape(role), why) for part, why in found.missing for role, name in part.names.items()
        ]
        if seen is not None and not seen.ok:
            raise _differs(seen, notes)
        _save(model, out)
        left += [name for part in found.left for name in part.names.values()]
        return Transplanted(out, rows, left, notes, seen)


def _sources(
    checkpoint: Path, source: str | None, options: Options, model: Any, stack: ExitStack, progress: Progress
) -> tuple[Original | None, list[Part], list[str], list[str]]:
    """The parts of the original: of its conversion where its graph is there, or else of the names in the checkpoint."""
    from porter.verify import Reference

    if source is not None:
        options.checkpoint = str(checkpoint)
    try:
        original = open_original(Path(source) if source is not None else checkpoint, options, progress)
    except UnreadableSource as problem:
        if source is not None or not is_bare(problem):
            raise
        return None, *bare_parts(checkpoint, options.weights)
    reference = stack.enter_context(Reference(original))
    work = stack.enter_context(tempfile.TemporaryDirectory(prefix="porter-transplant-"))
    made = make(original, options, reference, Path(work), progress)
    known = {row["name"]: row["weights"] for row in made.report["layers"] if row["name"] and row["weights"]}
    parts = parts_of(made.model, lambda layer, role: _plain_name(known.get(layer.name, {}).get(role)))
    left = [row["name"] for row in made.report["weights"]["left"]]
    return Original(original, reference, made.report, model), parts, left, []


def _plain_name(found: Any) -> str:
    return found if isinstance(found, str) else ", ".join(found) if isinstance(found, list) else ""


def _build(model: Any, truth: Original | Recording | None) -> None:
    """Make the weights of a model that makes them when it is called first."""
    if model.built and model.weights:
        return
    for given, _, _ in truth.cases() if truth is not None else ():
        run(model, given)
        return
    raise Unsupported("The model has no weights yet", why="it was never called", todo="build it before it is returned")


def _settle(
    map_file: Path | None, sources: list[Part], targets: list[Part], bare: bool
) -> tuple[dict[int, np.ndarray], list[Row], Assumed]:
    """What --map settles: arrays by the id of the weight that they fill, and what it says of the original.

    Those weights are taken out of their parts. bare: whether there is something to say of the original.
    """
    assumed = Assumed()
    if map_file is None:
        if bare:
            assumed.give(sources)
        return {}, [], assumed
    offered = {name: (part, role) for part in sources for role, name in part.names.items()}
    wanted = {name: (part, role) for part in targets for role, name in part.names.items()}
    pairs, said = read_settings(map_file, SETTINGS if bare else (), wanted, offered)
    assumed = assumed.told(said, map_file)
    if bare:
        assumed.give(sources)
    settled, rows = {}, []
    for target_name, source_name in pairs.items():
        part, role = wanted[target_name]
        giver, its_role = offered[source_name]
        variable = part.weights[role]
        array = np.asarray(giver.weights[its_role])
        if array.size != int(np.prod(variable.shape)) or (array.shape[-1:] != tuple(variable.shape)[-1:]):
            raise UsageError(
                f"{source_name} is {array.shape}, {target_name} {tuple(variable.shape)}",
                where=str(map_file),
                todo="correct the map: the sizes have to agree, the last axis too",
            )
        array = value(giver, part, role) if role == its_role else array.reshape(tuple(variable.shape))
        variable.assign(array)
        settled[id(variable)] = array
        why = f"the map says so{assumed.said(giver, part, role)}"
        rows.append(Row(target_name, source_name, tuple(variable.shape), why))
    for name in pairs:
        part, role = wanted[name]
        part.weights.pop(role)
    used = {row.source for row in rows}
    for part in sources:
        part.weights = {role: each for role, each in part.weights.items() if part.names[role] not in used}
    return settled, rows, assumed


def _rows(found: Match, assumed: Assumed) -> list[Row]:
    rows = []
    for source, target, why in found.pairs:
        for role, name in target.names.items():
            if role in target.weights:
                giver = source.names.get(role, f"none: {NEUTRAL.get(role, 0):g}")
                rows.append(Row(name, giver, target.shape(role), why + assumed.said(source, target, role)))
    return rows


def _fill(found: Match, settled: dict[int, np.ndarray]) -> None:
    for source, target, _ in found.pairs:
        for role, variable in target.weights.items():
            if id(variable) not in settled:
                variable.assign(value(source, target, role))


def _fitted(
    found: Match,
    settled: dict[int, np.ndarray],
    sources: list[Part],
    assumed: Assumed,
    run: Callable[[], Agreement | None],
) -> tuple[Agreement | None, Assumed]:
    """Fill the model and compare it with the original by `run`; try what only running it can tell of what is assumed."""
    seen = None
    for each in (assumed, *assumed.others(found)):
        if each is not assumed:
            each.give(sources)
        _fill(found, settled)
        tried = run()
        seen = seen or tried
        if tried is None or tried.ok:
            return tried, each
    return seen, assumed


def _arrange(found: Match, model: Any, truth: Original | Recording) -> Agreement | None:
    """Try the arrangements of what is open until the model agrees with the original; settles what is open then."""
    if not found.open:
        return agreement(model, truth)
    groups = [_arrangements(sources, targets) for sources, targets in found.open]
    for arrangement in islice(product(*groups), TRIES):
        pairs = [(source, target, RUNNING) for group in arrangement for source, target in group]
        _fill(Match(pairs), {})
        seen = agreement(model, truth)
        if seen is not None and seen.ok:
            found.pairs += pairs
            taken = {id(source) for source, _, _ in pairs}
            found.left = [part for part in found.left if id(part) not in taken]
            found.open = []
            return seen
    return None


def _arrangements(sources: list[Part], targets: list[Part]) -> list[list[tuple[Part, Part]]]:
    """The ways to give each target a source that fits it."""
    if len(sources) > 6:
        return [list(zip(sources, targets, strict=False))]
    orders = permutations(sources, min(len(targets), len(sources)))
    found = [list(zip(order, targets, strict=False)) for order in orders]
    return [pairs for pairs in found if not any(unlike(*pair) for pair in pairs)]


def _refuse_open(found: Match, rows: list[Row], known: set[str], out: Path, notes: list[str]) -> None:
    """Raise UsageError where candidates are left, after writing the proposal to be edited. known: what a map may name."""
    if not found.open:
        return
    file = out.with_name(f"{out.name.split('.')[0]}.map.json")
    proposal = {row.target: row.source for row in rows if row.source in known}
    lines = []
    candidates: dict[str, list[str]] = {}
    for sources, targets in found.open:
        for target in targets:
            for role, name in target.names.items():
                candidates[name] = [source.names[role] for source in sources if role in source.names]
        for source, target in zip(sources, targets, strict=False):
            proposal.update({name: source.names.get(role, "") for role, name in target.names.items()})
        lines.append(f"{', '.join(t.name for t in targets)} may be {', '.join(s.name for s in sources)}")
    write_map(file, proposal, candidates)
    raise UsageError(
        f"{sum(len(targets) for _, targets in found.open)} layers of the model have several candidates",
        where="; ".join(lines[:6]) + (f"; and {len(lines) - 6} more" if len(lines) > 6 else ""),
        why="their shapes and places are alike" + (f"; {notes[0]}" if notes else ""),
        todo=f"a proposal is in {file}: correct it and give it with --map {file}",
    )


def _missing(found: Match, checkpoint: Path) -> Unsupported:
    first = found.missing[:6]
    more = f"; and {len(found.missing) - 6} more" if len(found.missing) > 6 else ""
    unused = ", ".join(f"{part.name} {part.shape()}" for part in found.left[:6])
    return Unsupported(
        f"{len(found.missing)} layers of the model find no weights in {checkpoint.name}",
        where="; ".join(f"{part.name} {part.shape()}: {why}" for part, why in first) + more,
        why=f"not used are {unused}" if unused else "all of the checkpoint's weights have a place",
        todo="--map FILE says what belongs where; --partial leaves the others as they are",
    )


def _differing_settings(found: Match) -> list[str]:
    """What matched layers of the same kind do differently: a transplanted weight does not bring its epsilon."""
    told: dict[str, list[str]] = {}
    for source, target, _ in found.pairs:
        for name in ("epsilon", "strides", "dilation_rate", "padding", "recurrent_activation"):
            one, other = source.settings.get(name), target.settings.get(name)
            if one is None or other is None or one == other:
                continue
            if name == "epsilon" and abs(one - other) < 0.01 * other:
                continue  # TensorFlow's fused kernel knows no smaller one than 1.001e-5
            if name == "padding" and set(source.shape()[:-2]) == {1}:
                continue  # a kernel of one element has nothing to pad
            told.setdefault(f"{name} is {one} in the original, {other} here", []).append(target.name)
    return [
        f"{', '.join(names[:3])}{f' and {len(names) - 3} more' * (len(names) > 3)}: {text}"
        for text, names in told.items()
    ]


def _differs(seen: Agreement, notes: list[str]) -> OutputsDiffer:
    return OutputsDiffer(
        "The filled model does not compute what the original does, so nothing was written",
        why="; ".join([seen.worst.why or str(seen.worst), *notes[:4]]),
        todo="compare the layers' settings; --map corrects a match",
    )


def _save(model: Any, out: Path) -> None:
    """Write a .weights.h5, an .h5 that `load_weights` reads too, or the whole model as .keras."""
    with writing(out):
        if out.name.endswith(".weights.h5"):
            model.save_weights(out)
        elif out.suffix == ".keras":
            model.save(out)
        else:
            import h5py
            from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

            with h5py.File(out, "w") as opened:
                save_weights_to_hdf5_group(opened, model)
