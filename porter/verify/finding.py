"""What the levels work on, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from porter.verify.converted import Converted
from porter.verify.overrides import Override
from porter.verify.reference import Reference
from porter.verify.trials import Trials

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class Altered(NamedTuple):
    """An argument of a layer that is not as it was certified. told: in words. certified: its value then."""

    told: str
    certified: Any


@dataclass
class Context:
    """What the levels work on.

    thorough: every kind of input with every batch size, rather than each kind once and each size once. recut: gives the
    original cut so that it has other outputs, such as what a training graph writes into moving averages. uncertified:
    what is not as it was certified, where a certificate stands in for the original. altered: by layer and argument, what
    layers are made with that is not as it was certified. recording: its arrays, by name. overrides: by layer, what it may be
    off by itself.
    """

    model: Any
    report: Mapping[str, Any]
    reference: Reference | None
    trials: Trials
    exact: bool
    thorough: bool
    directory: Path | None
    backends: Sequence[str]
    recut: Callable[[Sequence[str]], Any] | None = None
    uncertified: Sequence[str] | None = None
    altered: Mapping[tuple[str, str], Altered] = field(default_factory=dict)
    recording: Mapping[str, np.ndarray] = field(default_factory=dict)
    overrides: Mapping[str, Override] = field(default_factory=dict)

    def with_model(self, model: Any) -> Context:
        """The same for another model; what was found out of the original is kept."""
        return replace(self, model=model, trials=self.trials.with_model(Converted(model, self.report)))


@dataclass
class LevelResult:
    """What a level found.

    status: "passed", "failed" or "skipped". applies: False where there is nothing that the level could check, such as
    independence in a batch of one. outputs: the worst comparison of each output. notes: what is worth knowing besides.
    layers: how each layer did, by its row in the report. points: of each output some elements, as the original's value and
    how far the conversion's is off, as a share of what is allowed.
    """

    level: int
    title: str
    status: str = PASSED
    reason: str = ""
    applies: bool = True
    outputs: dict[str, Any] = field(default_factory=dict)
    batch_sizes: list[int] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    layers: list[dict[str, Any]] = field(default_factory=list)
    points: dict[str, list[list[float]]] = field(default_factory=dict)
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Finding(NamedTuple):
    """What a level's function returns: the fields of `LevelResult` that it decides."""

    status: str
    reason: str = ""
    outputs: dict[str, Any] = {}
    batch_sizes: Iterable[int] = ()
    kinds: Iterable[str] = ()
    notes: Iterable[str] = ()
    applies: bool = True
    layers: list[dict[str, Any]] = []
    points: dict[str, list[list[float]]] = {}


def listed(texts: Sequence[str], most: int = 6) -> str:
    """The texts in one line each, the first few of them."""
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return "\n".join([*texts[:most], *more])
