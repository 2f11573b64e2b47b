"""Proves that a converted model computes what its original does, level by level."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from porter.errors import UnreadableSource, Unsupported, UsageError
from porter.verify.compare import RTOL, Tolerance
from porter.verify.converted import Converted
from porter.verify.elsewhere import BACKENDS
from porter.verify.finding import FAILED, PASSED, SKIPPED, Context, LevelResult
from porter.verify.inputs import Input, Setting, read_inputs
from porter.verify.levels import LEVELS
from porter.verify.reference import Reference
from porter.verify.trials import BATCHES, Case, Trials, common_axis

ALL = tuple(level.number for level in LEVELS)


@dataclass
class Proof:
    """What was proved. rtol, rounding: by which tolerance. exact: whether batch-coupled arithmetic was to be kept."""

    levels: list[LevelResult]
    rtol: float
    rounding: bool
    exact: bool
    seed: int

    @property
    def failed(self) -> bool:
        return any(level.status == FAILED for level in self.levels)

    @property
    def proved(self) -> bool:
        """Nothing failed, and the outputs were compared."""
        return not self.failed and any(level.level == 3 and level.status == PASSED for level in self.levels)

    @property
    def complete(self) -> bool:
        """Every level that was asked for and has something to check ran and holds."""
        return all(level.status == PASSED or not level.applies for level in self.levels)

    @property
    def verdict(self) -> str:
        return "failed" if self.failed else "proved" if self.proved else "unproved"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "verdict": self.verdict,
            "complete": self.complete,
            "tolerance": {"rtol": self.rtol, "rounding": self.rounding},
            "exact": self.exact,
            "seed": self.seed,
            "levels": [level.to_dict() for level in self.levels],
            "skipped": [{"level": each.level, "why": each.reason} for each in self.levels if each.status == SKIPPED],
        }


def prove(
    original: Any | None,
    model: Any,
    report: Mapping[str, Any],
    directory: Path | None = None,
    *,
    levels: Iterable[int] = ALL,
    exact: bool = False,
    tolerance: float | None = None,
    batch_sizes: Sequence[int] | None = None,
    backends: Sequence[str] | None = None,
    seed: int = 0,
    reference: Reference | None = None,
    reference_npz: Path | None = None,
    thorough: bool = False,
    recut: Callable[[Sequence[str]], Any] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Proof:
    """Compare `model` with `original`, with recorded outputs, or with both.

    report: what report.json holds. directory: where model.py and model.keras are, for level 7. tolerance: rtol, with
    atol = rtol times the scale and no allowance for the original's own rounding. reference: the original's, where one
    is open already; it stays open. reference_npz: a recording, arrays `in:TENSOR` and `out:TENSOR`, and `in1:TENSOR`,
    `out1:TENSOR` for a batch of one. backends: Keras backends for level 7, those installed by default. thorough: every
    kind of input with every batch size. recut: gives the original cut so that it has other outputs. progress: called
    with the title of each level before it runs.
    Raises UsageError for names that do not exist, UnreadableSource for a recording that cannot be read.
    """
    chosen = _chosen(levels, backends, batch_sizes)
    measure = Tolerance() if tolerance is None else Tolerance(rtol=tolerance, rounding=False)
    given = reference
    reference, absent = (given, "") if given else _reference(original)
    try:
        _check_outputs(reference, report)
        find = (lambda name: reference.tensor(name) if reference.has(name) else None) if reference else None
        inputs = read_inputs(report, reference and reference.graph, find)
        converted = Converted(model, report)
        changed = (
            name for change in report.get("changes", ()) if change["kind"] == "batch-safe" for name in change["outputs"]
        )
        trials = Trials(
            inputs,
            converted,
            reference,
            tolerance=measure,
            batch_safe=frozenset() if exact else frozenset(changed),
            batches=tuple(batch_sizes or BATCHES),
            seed=seed,
            absent=absent,
            recorded=_recorded(reference_npz, inputs, converted, reference) if reference_npz else (),
        )
        context = Context(model, report, reference, trials, exact, thorough, directory, tuple(backends or ()), recut)
        results = []
        for level in LEVELS:
            if level.number not in chosen:
                continue
            if level.check is None:
                results.append(
                    LevelResult(
                        level.number, level.title, SKIPPED, "not yet run: this level is not built", applies=False
                    )
                )
                continue
            if progress:
                progress(level.title)
            start = time.perf_counter()
            found = level.check(context)
            results.append(
                LevelResult(
                    level.number,
                    level.title,
                    found.status,
                    found.reason,
                    found.applies,
                    found.outputs,
                    list(found.batch_sizes),
                    list(found.kinds),
                    list(found.notes),
                    found.layers,
                    round(time.perf_counter() - start, 3),
                )
            )
        return Proof(results, RTOL if tolerance is None else tolerance, measure.rounding, exact, seed)
    finally:
        if reference and reference is not given:
            reference.close()


def _chosen(levels: Iterable[int], backends: Sequence[str] | None, batch_sizes: Sequence[int] | None) -> set[int]:
    chosen = set(levels)
    if unknown := sorted(chosen - set(ALL)):
        raise UsageError(f"There is no level {unknown[0]}", todo=f"choose from {', '.join(map(str, ALL))}")
    if strange := [name for name in backends or () if name not in BACKENDS]:
        raise UsageError(f"Keras has no backend {strange[0]}", todo=f"choose from {', '.join(BACKENDS)}")
    if wrong := [size for size in batch_sizes or () if size < 1]:
        raise UsageError(f"A batch of {wrong[0]} holds nothing", todo="give sizes of 1 and up")
    return chosen


def _reference(original: Any | None) -> tuple[Reference | None, str]:
    """The original, ready to run; or None and why there is none."""
    if original is None:
        return None, "the original is not at hand"
    try:
        return Reference(original), ""
    except Unsupported as problem:
        return None, f"{problem.what}: {problem.why}"


def _check_outputs(reference: Reference | None, report: Mapping[str, Any]) -> None:
    missing = [item["tensor"] for item in report["outputs"] if reference and not reference.has(item["tensor"])]
    if missing:
        raise UsageError(f"The original has no output {missing[0]}", why="the report belongs to another source")


def _recorded(path: Path, inputs: Sequence[Input], converted: Converted, reference: Reference | None) -> list[Case]:
    """The cases of a recording. Recorded knobs are passed over, as are outputs that the model does not have."""
    try:
        with np.load(path, allow_pickle=False) as npz:
            arrays = {key: npz[key] for key in npz.files}
    except (OSError, ValueError, BadZipFile) as problem:
        raise UnreadableSource("The recording cannot be read", where=str(path), why=str(problem)) from problem
    cases = []
    for suffix, label in (("", "recorded"), ("1", "recorded, batch of one")):
        want = {name: arrays[f"out{suffix}:{name}"] for name in converted.outputs if f"out{suffix}:{name}" in arrays}
        if not want:
            continue
        missing = [given.tensor for given in inputs if f"in{suffix}:{given.tensor}" not in arrays]
        if missing:
            raise UsageError(
                f"The recording feeds no {missing[0]}",
                where=str(path),
                why=f"the model has this input, and the recording holds {', '.join(sorted(arrays))[:300]}",
                todo=f"add an array in{suffix}:{missing[0]} to the recording",
            )
        feeds = {given.tensor: np.asarray(arrays[f"in{suffix}:{given.tensor}"], given.dtype) for given in inputs}
        axes = {given.tensor: Setting().axis_of(given) for given in inputs}
        samples = next((feeds[name].shape[axis] for name, axis in axes.items() if axis is not None), 1)
        if all(axis is None for axis in axes.values()):
            axes, samples = common_axis(feeds)
        cases.append(Case(label, feeds, axes, samples, converted.outputs, reference, want))
    if not cases:
        outs = sorted(key for key in arrays if key.startswith("out"))
        raise UsageError(
            "The recording holds no output of this model", where=str(path), why=f"it holds {', '.join(outs)[:300]}"
        )
    return cases
