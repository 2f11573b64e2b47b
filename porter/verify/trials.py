"""What the original and the conversion are run on, and how their answers are put side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property

import numpy as np

from porter.errors import OutputsDiffer
from porter.verify.case import Case, Outcome
from porter.verify.close_calls import excused
from porter.verify.compare import Comparison, Tolerance, compare
from porter.verify.converted import Converted, same
from porter.verify.inputs import KINDS, Input, Setting, draw, settings, why_none
from porter.verify.reference import Reference, Refused
from porter.verify.sampled import Sampled
from porter.verify.samples import common_axis, rows

BATCHES = (1, 2, 3, 7)
ATTEMPTS = 200  # inputs that are tried before the original is said to refuse all
MOST_BATCHES = 6


class Trials:
    """Makes cases, runs them, and remembers outcomes (not arrays).

    batch_safe: outputs whose samples the conversion keeps apart where the original does not; they are compared with the
    original run one sample at a time. keeps_axes: outputs that may have axes of size 1 which the original drops.
    absent: why there is no reference. recorded: cases whose answers were recorded. given: the user's own inputs.
    independent: of outputs whose samples were certified not to influence each other, the axis along which these lie.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        converted: Converted,
        reference: Reference | None,
        *,
        tolerance: Tolerance,
        batch_safe: frozenset[str] = frozenset(),
        keeps_axes: frozenset[str] = frozenset(),
        batches: Sequence[int] = BATCHES,
        seed: int = 0,
        absent: str = "",
        recorded: Sequence[Case] = (),
        given: Case | None = None,
        independent: Mapping[str, int] | None = None,
    ) -> None:
        self.inputs, self.converted, self.reference = list(inputs), converted, reference
        self.tolerance, self.batch_safe, self.seed = tolerance, batch_safe, seed
        self.keeps_axes = keeps_axes
        self.wanted_batches = tuple(batches)
        self.absent, self.recorded, self.given = absent, list(recorded), given
        self.independent = independent
        self._outcomes: dict[tuple[Setting, str, int], Outcome] = {}
        self._refusal = ""

    def with_model(self, converted: Converted) -> Trials:
        """The same for another model; what the original accepts is known already."""
        other = copy(self)
        other.converted, other._outcomes = converted, {}
        other.__dict__.pop("recorded_outcomes", None)
        return other

    @cached_property
    def fitting(self) -> tuple[Setting, int] | None:
        """The first setting that the original accepts, with a batch size; None if it refuses all (`nothing_to_try`)."""
        return next(self._accepted(), None)

    @cached_property
    def other_sizes(self) -> Setting | None:
        """A second setting with other rows and columns, where they are unknown and the original accepts it."""
        accepted = self._accepted(limit=8)
        first = next(accepted, None)
        if first is None or not any(
            size is None for given in self.inputs for size in self._free_sizes(given, first[0])
        ):
            return None
        return next((setting for setting, _ in accepted if setting.sizes != first[0].sizes), None)

    @cached_property
    def sizes_of_one(self) -> Setting | None:
        """The setting in which unknown rows, columns or steps are 1, where there are some and the original accepts it."""
        if self.fitting is None:
            return None
        setting, batch = self.fitting
        ones = replace(setting, sizes=(1,) * len(setting.sizes))
        if all(ones.shape(given, batch) == setting.shape(given, batch) for given in self.inputs):
            return None
        for below in (setting.integers, 2, 1):  # a length may be no more than the 1 step there is
            small = replace(ones, integers=below)
            try:
                _ = self.case("normal", batch, small).want
            except Refused:
                continue
            return small
        return None

    @cached_property
    def nothing_to_try(self) -> str:
        """Why there are no inputs to try; "" where there are."""
        if self.reference is None:
            return self.absent or "there is no original to run"
        return why_none(self.inputs) or (
            "" if self.fitting else f"the original refuses every input that was tried: {self._refusal}"
        )

    @cached_property
    def has_batch(self) -> bool:
        """Whether a batch can have several sizes."""
        return self.fitting is not None and any(self.fitting[0].axis_of(given) is not None for given in self.inputs)

    @cached_property
    def batches(self) -> tuple[int, ...]:
        """The batch sizes to try: those asked for, or the one that fits where none of those does."""
        if self.fitting is None:
            return ()
        return self.wanted_batches if self.has_batch and self.fitting[1] in self.wanted_batches else (self.fitting[1],)

    @cached_property
    def random(self) -> frozenset[str]:
        """Outputs that the original draws at random: two runs on the same inputs differ."""
        reference = self.reference
        if reference is None or self.fitting is None:
            return frozenset()
        names = [name for name in self.converted.outputs if reference.is_random(name)]
        if not names:
            return frozenset()
        feeds = self.case("normal", self.fitting[1]).feeds
        first, second = reference.run(feeds, names) or {}, reference.run(feeds, names) or {}
        return frozenset(name for name in names if not same(first[name], second[name]))

    def case(self, kind: str, batch: int, setting: Setting | None = None, *, seed: int | None = None) -> Case:
        """Inputs of `kind`. Only where `fitting` is not None."""
        setting = setting or self._setting
        feeds = draw(self.inputs, setting, kind, batch, self.seed if seed is None else seed)
        axes = {given.tensor: setting.axis_of(given) for given in self.inputs}
        if not self.has_batch:
            fixed = {given.tensor: None for given in self.inputs if given.fixed}
            axes, batch = common_axis({name: array for name, array in feeds.items() if name not in fixed})
            axes |= fixed
        return Case(f"{kind}, batch of {batch}", feeds, axes, batch, self.converted.outputs, self.reference)

    def accepted(self, *, most: int = 2, seed: int | None = None) -> Case:
        """A case that the original accepts, with several samples if there can be: `most`, or as near as can be.

        Only where `fitting` is not None.
        """
        lift = self.reference.original.lift if self.reference is not None else None
        most = lift.size if lift is not None else most  # no other has its inner tensors
        several = [batch for batch in self.batches if batch > 1]
        below = sorted((batch for batch in several if batch <= most), reverse=True)
        above = sorted(batch for batch in several if batch > most)
        for batch in (*below, *above, *self.batches):
            case = self.case("normal", batch, seed=seed)
            try:
                _ = case.want
            except Refused:
                continue
            return case
        assert self.fitting is not None
        return self.case("normal", self.fitting[1], seed=seed)

    def outcome(self, kind: str, batch: int, setting: Setting | None = None) -> Outcome:
        """How the conversion does on inputs of `kind`; each is run once."""
        key = (setting or self._setting, kind, batch)
        if key not in self._outcomes:
            self._outcomes[key] = self.judge(self.case(kind, batch, setting))
        return self._outcomes[key]

    def planned(self, *, thorough: bool = False) -> list[tuple[str, int, Setting | None]]:
        """Kinds of inputs and batch sizes: each size with normal inputs, all kinds with one size of several samples.

        A kind is no harder in another size; thorough: the rest of the product, for those who have the time.
        """
        if not self.batches:
            return []
        others: list[tuple[str, int, Setting | None]] = []
        if self.other_sizes is not None:
            others.append((KINDS[0], self.batches[0], self.other_sizes))
        if thorough:
            return [*((kind, batch, None) for batch in self.batches for kind in KINDS), *others]
        usual = min((batch for batch in self.batches if batch > 1), default=self.batches[0])
        return [
            *((KINDS[0], batch, None) for batch in self.batches),
            *((kind, usual, None) for kind in KINDS[1:]),
            *others,
        ]

    def failing(self, *, thorough: bool = False) -> Case | None:
        """The first case on which the conversion's outputs are wrong, None where they are right on all."""
        for kind, batch, setting in self.planned(thorough=thorough):
            if any(not each.ok for each in self.outcome(kind, batch, setting).comparisons.values()):
                return self.case(kind, batch, setting)
        known = [*self.recorded, *([self.given] if self.given is not None else [])]
        pairs = zip(known, self.recorded_outcomes, strict=False)
        return next((case for case, each in pairs if any(not c.ok for c in each.comparisons.values())), None)

    @cached_property
    def recorded_outcomes(self) -> list[Outcome]:
        own = [self.given] if self.given is not None and self.reference is not None else []
        return [self.judge(case) for case in (*self.recorded, *own)]

    def judge(self, case: Case) -> Outcome:
        """Run original and conversion on `case` and compare."""
        outcome = Outcome(case.label, case.samples)
        try:
            outcome.want = {name: array.shape for name, array in case.want.items()}
        except Refused as refusal:
            outcome.refused = refusal.why
            return outcome
        try:
            got = self.converted.run(case.feeds)
        except OutputsDiffer as problem:
            if not any(
                np.isfinite(np.asarray(array, dtype="float64")).any()
                for array in case.want.values()
                if np.asarray(array).dtype.kind in "fiub"
            ):
                outcome.refused = f"the original has no answer but NaN, and the conversion says so: {problem.what}"
                return outcome
            outcome.comparisons = {name: Comparison(False, why=problem.what, share=1.0) for name in case.want}
            return outcome
        outcome.got = {name: array.shape for name, array in got.items()}
        outcome.comparisons = self.compare(case, got, self.tolerance)
        return outcome

    def compare(self, case: Case, got: Mapping[str, np.ndarray], tolerance: Tolerance) -> dict[str, Comparison]:
        """Compare each output that the original gives; float64 runs are made only where they are needed."""
        found = {}
        for name, want in case.want.items():
            if name not in got:
                continue
            if name in self.keeps_axes and np.size(want) == got[name].size:
                want = want.reshape(got[name].shape)
            if name in self.random:
                found[name] = Comparison(
                    True, "undecided", "the original draws it at random: two of its own runs differ"
                )
            elif isinstance(case.want[name], Sampled):
                found[name] = case.want[name].compare(got[name], tolerance)
            elif name in self.batch_safe:
                found[name] = _compare_singly(case, name, got[name], tolerance)
            else:
                found[name] = _closely(case, name, got[name], want, tolerance)
        return found

    @property
    def _setting(self) -> Setting:
        return self.fitting[0] if self.fitting else Setting()

    def _accepted(self, limit: int = ATTEMPTS) -> Iterator[tuple[Setting, int]]:
        """Settings that the original accepts, each with a batch size that it accepts then."""
        if self.reference is None or why_none(self.inputs):
            return
        usual = 2 if 2 in self.wanted_batches else self.wanted_batches[0]
        sizes = tuple(dict.fromkeys((usual, 1, *self._likely_batches())))[:MOST_BATCHES]
        attempts = ((setting, batch) for setting in settings(self.inputs) for batch in sizes)
        seen = set()
        for setting, batch in attempts:
            shapes = (*(setting.shape(given, batch) for given in self.inputs), setting.integers)
            if shapes in seen:
                continue
            seen.add(shapes)
            try:
                self.reference.run(draw(self.inputs, setting, "normal", batch, self.seed), self.converted.outputs)
                yield setting, batch
            except Refused as refusal:
                self._refusal = self._refusal or refusal.why
            if len(seen) >= limit:
                return

    def _likely_batches(self) -> list[int]:
        """Batch sizes that the graph itself names: what its inputs are reshaped to, and the sizes of other inputs."""
        assert self.reference is not None
        named = [given.shape[0] for given in self.inputs if given.shape and given.shape[0]]
        return [size for size in (*named, *self.reference.batch_sizes()) if 1 < size <= 512]

    def _free_sizes(self, given: Input, setting: Setting) -> list[int | None]:
        return [size for axis, size in enumerate(given.shape) if axis != setting.axis_of(given)]


def _closely(
    case: Case, name: str, got: np.ndarray, want: np.ndarray, tolerance: Tolerance, index: int | None = None
) -> Comparison:
    """Compare; only where that fails and might be rounding, look closer. index: of the sample, if `want` is its alone."""
    found = compare(got, want, tolerance)
    if found.ok or not np.isfinite(found.error):
        return found
    if want.dtype.kind in "biu" and case.reference is not None:
        feeds = case.feeds if index is None else case.sample(index)
        return excused(found, got, want, case.reference, feeds, name, tolerance)
    if not tolerance.rounding or want.dtype.kind not in "fVc":
        return found
    found = compare(got, want, tolerance, case.in_double(name, index))
    near = None if found.ok else case.in_double_beside(name, want, index)
    return found if near is None else compare(got, want, tolerance, near)


def _compare_singly(case: Case, name: str, got: np.ndarray, tolerance: Tolerance) -> Comparison:
    """The worst of the samples, each compared with the original run on it alone."""
    try:
        wants = [answer[name] for answer in case.singly]
    except Refused as refusal:
        why = f"the original cannot be run one sample at a time: {refusal.why or refusal.what}"
        return Comparison(True, "undecided", why)
    found = []
    for index, want in enumerate(wants):
        part = rows(got, index, case.samples, want.shape)
        if part is None:
            why = f"shape {list(got.shape)} for {case.samples} samples; the original gives {list(want.shape)} for one"
            return Comparison(False, why=why, error=np.inf, relative=np.inf, share=1.0)
        found.append(_closely(case, name, part, want, tolerance, index))
    return worst(found)


def worst(comparisons: Sequence[Comparison]) -> Comparison:
    """The one to report: a failure before anything undecided before the largest error."""
    return max(comparisons, key=lambda each: (not each.ok, not each.decided, each.relative))
