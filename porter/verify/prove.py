"""Proves that a converted model computes what its original does, level by level."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from porter.errors import Unsupported, UsageError
from porter.verify.arrays import given_data, read_recording, recorded
from porter.verify.compare import Tolerance
from porter.verify.converted import Converted
from porter.verify.elsewhere import BACKENDS
from porter.verify.finding import FAILED, PASSED, SKIPPED, Altered, Context, LevelResult
from porter.verify.independence import differences
from porter.verify.inputs import read_inputs
from porter.verify.levels import LEVELS
from porter.verify.overrides import read_overrides
from porter.verify.records import record, recorded_cases
from porter.verify.reference import Reference
from porter.verify.trials import BATCHES, Trials

ALL = tuple(level.number for level in LEVELS)
SEARCHED = (2, 5, 0, 1, 3, 4, 6, 7)  # in this order, for what is wrong first: where a layer is named, before outputs


def _wrong_row(level: LevelResult) -> dict[str, Any] | None:
    """The first layer that a level says is wrong."""
    return next((row for row in level.layers if row["status"] == "differs" or row.get("fault")), None)


@dataclass
class Proof:
    """What was proved.

    rtol, rounding: by which tolerance. exact: whether batch-coupled arithmetic was to be kept. records: some of the
    original's answers, if they were asked for, to prove by where it is not at hand. apart: of outputs that were made
    batch-safe, how far the answer to a batch is from the original's, as a share of its spread.
    """

    levels: list[LevelResult]
    rtol: float
    rounding: bool
    exact: bool
    seed: int
    records: dict[str, Any] | None = None
    apart: dict[str, float] = field(default_factory=dict)

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
    def first_wrong(self) -> dict[str, Any] | None:
        """What goes wrong first: a layer that differs while its inputs agree, or else what a level says; None if nothing.

        Layers are looked for at level 2, in inference, and then at level 5, in training; then weights.
        """
        failed = {level.level: level for level in self.levels if level.status == FAILED}
        found = [(level, _wrong_row(level)) for level in filter(None, map(failed.get, SEARCHED))]
        found.sort(key=lambda pair: pair[1] is None and pair[0].level != 0)  # in this order otherwise
        for level, row in found:
            told = level.reason.splitlines()[0]
            return {
                "level": level.level,
                "told": told,
                **({"layer": row.get("culprit") or row["title"], "row": row["row"]} if row else {}),
            }
        return None

    @property
    def verdict(self) -> str:
        return "failed" if self.failed else "proved" if self.proved else "unproved"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "verdict": self.verdict,
            "complete": self.complete,
            "tolerance": {"rtol": self.rtol, "rounding": self.rounding},
            **({"first_wrong": self.first_wrong} if self.failed else {}),
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
    keep_records: bool = False,
    progress: Callable[[str], None] | None = None,
    **how: Any,
) -> Proof:
    """Compare `model` with `original`, with recorded outputs, or with both.

    keep_records: whether to keep some of the original's answers. progress: called with the title of each level before
    it runs. The other arguments are those of `prepared`.
    Raises UsageError for names that do not exist, UnreadableSource for arrays that cannot be read.
    """
    chosen = set(levels)
    if unknown := sorted(chosen - set(ALL)):
        raise UsageError(f"There is no level {unknown[0]}", todo=f"choose from {', '.join(map(str, ALL))}")
    with prepared(original, model, report, directory, **how) as context:
        results = []
        for level in LEVELS:
            if level.number not in chosen:
                continue
            if progress:
                progress(level.title)
            start = time.perf_counter()
            found = level.check(context)
            result = LevelResult(level.number, level.title, **_plain(found._asdict()))
            result.seconds = round(time.perf_counter() - start, 3)
            results.append(result)
        measure = context.trials.tolerance
        kept = record(context) if keep_records else None
        apart = differences(context.trials) if 3 in chosen else {}
        return Proof(results, measure.rtol, measure.rounding, context.exact, context.trials.seed, kept, apart)


@contextmanager
def prepared(
    original: Any | None,
    model: Any,
    report: Mapping[str, Any],
    directory: Path | None = None,
    *,
    exact: bool = False,
    tolerance: float | str | None = None,
    batch_sizes: Sequence[int] | None = None,
    backends: Sequence[str] | None = None,
    seed: int = 0,
    reference: Reference | None = None,
    reference_npz: Path | None = None,
    data: Path | None = None,
    thorough: bool = False,
    recut: Callable[[Sequence[str]], Any] | None = None,
    records: Mapping[str, Any] | None = None,
    uncertified: Sequence[str] | None = None,
    altered: Mapping[tuple[str, str], Altered] | None = None,
    overrides: Path | None = None,
) -> Iterator[Context]:
    """What levels work on, for as long as it is open.

    report: what report.json holds. directory: where model.py and model.keras are, for level 7. exact: whether
    arithmetic that couples the samples of a batch was to be kept. tolerance: see `Tolerance.named`. backends: Keras
    backends for level 7, those installed by default. reference: the original's, where one is open already; it stays
    open. reference_npz: a recording, arrays `in:TENSOR` and `out:TENSOR`, `in1:TENSOR` and `out1:TENSOR` for a batch
    of one, `inner:TENSOR` for tensors on the way, `grad:TENSOR` for gradients of the outputs times `proj:TENSOR`.
    data: the user's own inputs, arrays by the names of the inputs. thorough: every kind of input with every batch
    size. recut: gives the original cut so that it has other outputs. records: what an earlier proof kept of the
    original's answers; uncertified: what has changed since. altered: arguments of layers that have. overrides: see
    `read_overrides`.
    """
    _check(backends, batch_sizes)
    allowed = read_overrides(overrides, report) if overrides else {}
    given = reference
    reference, absent = (given, "") if given else _reference(original)
    try:
        _check_outputs(reference, report)
        find = (lambda name: reference.tensor(name) if reference.has(name) else None) if reference else None
        inputs = read_inputs(report, reference and reference.graph, find)
        converted = Converted(model, report)
        recording = read_recording(reference_npz) if reference_npz else {}
        known = recorded(reference_npz, recording, inputs, converted, reference) if reference_npz else []
        known += recorded_cases(records, inputs, converted.outputs) if records else []
        trials = Trials(
            inputs,
            converted,
            reference,
            tolerance=Tolerance.named(tolerance),
            batch_safe=frozenset() if exact else _changed(report, "batch-safe"),
            keeps_axes=_changed(report, "keeps-axes"),
            batches=tuple(batch_sizes or _batches(original)),
            seed=seed,
            absent=absent,
            recorded=known,
            given=given_data(data, inputs, converted, reference, report) if data else None,
            independent=records["independent"] if records else None,
        )
        yield Context(
            model, report, reference, trials, exact, thorough, directory, tuple(backends or ()), recut, uncertified,
            altered or {}, recording, allowed,
        )  # fmt: skip
    finally:
        if reference and reference is not given:
            reference.close()


def _changed(report: Mapping[str, Any], kind: str) -> frozenset[str]:
    """The outputs that are changed on purpose in this way."""
    changes = [change for change in report.get("changes", ()) if change["kind"] == kind]
    return frozenset(name for change in changes for name in change["outputs"])


def _plain(finding: Mapping[str, Any]) -> dict[str, Any]:
    """What a level found, with lists for whatever can be iterated over."""
    lists = ("batch_sizes", "kinds", "notes")
    return {name: list(value) if name in lists else value for name, value in finding.items()}


def _batches(original: Any) -> tuple[int, ...]:
    """The sizes to try: where the original takes one only, that too."""
    lift = original.lift if original is not None else None
    return BATCHES if lift is None or lift.size in BATCHES else (*BATCHES, lift.size)


def _check(backends: Sequence[str] | None, batch_sizes: Sequence[int] | None) -> None:
    if strange := [name for name in backends or () if name not in BACKENDS]:
        raise UsageError(f"Keras has no backend {strange[0]}", todo=f"choose from {', '.join(BACKENDS)}")
    if wrong := [size for size in batch_sizes or () if size < 1]:
        raise UsageError(f"A batch of {wrong[0]} holds nothing", todo="give sizes of 1 and up")


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
        raise UsageError(
            f"The original has no output {missing[0]}",
            why="the report belongs to another source",
            todo="name the original with --source",
        )
