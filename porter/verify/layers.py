"""The calls of a model, run one by one: each fed the original's own tensors, and compared with the original's own.

Where the original has no tensor for what a layer takes, as inside a cluster that became several layers, the layers
before it are run too: the group is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from porter.graph.operations import RANDOM
from porter.verify.calling import Unknown, holding, run_call
from porter.verify.case import Case
from porter.verify.compare import Comparison, Tolerance, compare
from porter.verify.converted import same
from porter.verify.draws import Draws
from porter.verify.overrides import Override
from porter.verify.placing import Placed, place, title
from porter.verify.reference import Reference
from porter.verify.steps import read
from porter.verify.tensors import Tensors, fetch


@dataclass
class LayerOutcome:
    """How one row of the report did. status: "agrees", "differs", "not compared" or "missing".

    instead: what the model calls in its place, if that is something else.
    fault: what is wrong with it without its numbers: it is not there, or takes something else.
    together: rows that were run with it, since nothing in the original stands for what lies between; culprit: which of
        these it is, once that is known. suspect: what it takes to look for the reason: the calls that it may be, each
        with a way to make it with another operation, the results, and which of them should be what.
    """

    number: int
    title: str
    status: str
    why: str = ""
    comparison: Comparison | None = None
    instead: str = ""
    together: list[int] = field(default_factory=list)
    statistics: dict[str, Any] = field(default_factory=dict)
    culprit: Placed | None = None
    diagnosis: str = ""
    fault: str = ""
    override: Override | None = None
    suspect: Any = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, as `LevelResult.layers` holds it."""
        found = self.comparison.to_dict() if self.comparison else {}
        kept: dict[str, Any] = {key: found[key] for key in ("clause", "error", "relative", "share") if key in found}
        more: dict[str, Any] = {
            "instead": self.instead,
            "culprit": self.culprit.title if self.culprit else "",
            "statistics": self.statistics,
            "together": self.together,
            "diagnosis": self.diagnosis,
            "fault": self.fault,
            "override": self.override._asdict() if self.override else {},
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
    training what they do in inference. overrides: by layer, what it may be off.
    """

    def __init__(
        self,
        model: Any,
        report: Mapping[str, Any],
        draws: Draws | None = None,
        overrides: Mapping[str, Override] | None = None,
    ) -> None:
        self.report, self.draws, self.overrides = report, draws, overrides or {}
        self.replaced: dict[int, tuple[Any, dict[str, Any]]] = {}  # by row, what is called in its place for a while
        self.fixed: set[int] = set()
        self.held: Mapping[int, Mapping[str, np.ndarray]] = {}  # by row, weights with other numbers for a while
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
        named = {id(tensor): source for source, tensor in placed.taken}
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
        if operation is None:
            operation, more = self.replaced.get(placed.number, (placed.operation, {}))
            arguments = {**more, **arguments}
        if placed.number in self.held:
            with holding(operation, self.held[placed.number]):
                return run_call(operation, placed.node, arrays, **arguments)
        if self.draws is None or not self.trains(placed):
            return run_call(operation, placed.node, arrays, **arguments)
        with self.draws.replay(placed):  # a model hands its own `training` to every call, whatever that was given
            return run_call(operation, placed.node, arrays, **{"training": True, **arguments})

    def behind(
        self, placed: Placed, tensors: Tensors, member: Placed, operation: Any, **arguments: Any
    ) -> list[np.ndarray]:
        """What a call gives if `operation` is called in the place of `member`, which is run together with it."""
        self.replaced = {member.number: (operation, arguments)}
        try:
            arrays, _, _ = self.inputs(placed, tensors)
            return self.call(placed, arrays)
        finally:
            self.replaced = {}

    def trains(self, placed: Placed) -> bool:
        """Whether a call is one that training changes, in a run in training."""
        return (
            self.draws is not None
            and placed.number not in self.fixed
            and "training" in getattr(placed.operation, "_call_context_args", ())
        )

    def allowed(self, placed: Placed, tolerance: Tolerance) -> Tolerance:
        """The tolerance for one call: the wider of what holds for all and what was granted to its layer."""
        override = self.overrides.get(placed.row["name"])
        return tolerance if override is None else replace(tolerance, rtol=max(tolerance.rtol, override.tolerance))

    def judge(self, placed: Placed, tensors: Tensors, tolerance: Tolerance, samples: int) -> LayerOutcome:
        """Compare one call with the original, on a case of that many samples."""
        outcome = LayerOutcome(placed.number, placed.title, "not compared")
        outcome.override = self.overrides.get(placed.row["name"])
        tolerance = self.allowed(placed, tolerance)
        outcome.instead = type(placed.operation).__name__ if placed.instead else ""
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
                near = None if found.ok else tensors.in_double_beside(want, used, source)
                found = found if near is None else compare(results[index], want, tolerance, near)
            if outcome.comparison is None or _worse(found, outcome.comparison):
                outcome.comparison = found
                outcome.statistics = {} if found.ok else {"got": statistics(results[index]), "want": statistics(want)}
                before = [each for each in self.placed if each.number in outcome.together]
                runs = [(each, partial(self.behind, placed, tensors, each)) for each in before]
                runs = [(placed, partial(self.call, placed, arrays)), *runs]
                outcome.suspect = None if found.ok else (runs, results, index, want)
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


def draws_at_random(placed: Placed, reference: Reference) -> bool:
    """Whether a row stands for nodes that draw random numbers."""
    nodes = reference.nodes
    return any(name in nodes and nodes[name].op in RANDOM for name in placed.row.get("nodes", ()))


def check_layers(
    layers: Layers,
    reference: Reference,
    cases: Iterable[Case],
    tolerance: Tolerance,
    closer: Callable[[Placed, Tensors, int], LayerOutcome | None] = lambda *_: None,
) -> list[LayerOutcome]:
    """The outcome of each row of the report, the worst over `cases`.

    closer: looks closer at a call that agrees, on the first case; None if it finds nothing.
    """
    found: dict[int, LayerOutcome] = {}
    for case in cases:
        tensors = Tensors(reference, case.feeds, layers.all_sources())
        for placed in layers.placed:
            outcome = _random(placed, reference, tensors) or layers.judge(placed, tensors, tolerance, case.samples)
            if outcome.status == "agrees" and placed.number not in found:
                outcome = closer(placed, tensors, case.samples) or outcome
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
