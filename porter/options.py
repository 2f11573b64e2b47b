"""How the user wants a model to be converted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Progress = Callable[[str, float], None]


def quiet(stage: str, done: float) -> None:
    """Progress for nobody."""


@dataclass
class Options:
    """How the user wants the model; each is the command line's flag of that name."""

    inputs: list[str] | None = None
    outputs: list[str] | None = None
    freeze: dict[str, Any] = field(default_factory=dict)
    shapes: dict[str, tuple[int | None, ...]] = field(default_factory=dict)
    exact: bool = False
    normalisation: str = "layer"
    weights: str = "auto"
    verify: bool = True
    keep_failed: bool = False
    force: bool = False
    dry_run: bool = False
    checkpoint: str | None = None
    placeholders: list[dict[str, Any]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    map_file: str | None = None
    into: str | None = None
    functions: dict[str, str] = field(default_factory=dict)
    lift_batch: bool = False


def options_of(report: dict[str, Any]) -> Options:
    """The options that a model was converted with."""
    kept = report["options"]
    shapes = {name: tuple(shape) for name, shape in kept["shapes"].items()}
    return Options(
        kept["inputs"], kept["outputs"], kept["freeze"], shapes, exact=kept["exact"],
        normalisation=kept.get("normalisation", "layer"), weights=kept["weights"],
        checkpoint=kept.get("checkpoint"), placeholders=kept.get("placeholders", []),
        names=kept.get("names", {}),
        into=kept.get("into"), functions=kept.get("functions", {}),
        lift_batch=kept.get("lift_batch", False),
    )  # fmt: skip
