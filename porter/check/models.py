"""Converting and proving one model, and what that comes to."""

from __future__ import annotations

import json
import re
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from porter.check import kinds
from porter.check.cache import Cache
from porter.check.discover import Artefact
from porter.check.files import shown
from porter.check.processes import Done, run_porter
from porter.check.result import ModelOutcome
from porter.check.settings import ModelSettings
from porter.lint import Finding

CODES = {
    "refused": "PT401", "unreadable": "PT402", "differs": "PT403", "crashed": "PT404", "over limit": "PT405",
    "not fetched": "PT406", "not proved": "PT407", "settings": "PT408",
}  # fmt: skip
BY_EXIT = {1: "differs", 2: "settings", 3: "refused", 4: "unreadable"}
KEPT = {"converted", "refused", "unreadable", "differs", "not proved", "settings"}  # the same again tomorrow
MEMORY = re.compile(r"MemoryError|bad_alloc|[Cc]annot allocate memory|RESOURCE_EXHAUSTED|out of memory", re.I)
LONGEST = 500


@dataclass(frozen=True)
class Limits:
    """seconds for one model, gigabytes for one process (0: none)."""

    seconds: float
    gigabytes: float


def check_model(root: Path, model: Artefact, settings: ModelSettings, limits: Limits, cache: Cache) -> ModelOutcome:
    """Convert a model and prove it, unless that was done already with the very same content. Never raises."""
    name = shown(model.source)
    if model.format == kinds.POINTER:
        return _outcome(name, model.format, "not fetched", "a Git LFS pointer is here instead of the model")
    if settings.skip:
        return ModelOutcome(name, model.format, "skipped", note=settings.skip)
    start = time.perf_counter()
    try:
        files = [root / path for path in model.files]
        if settings.reference:
            files.append(root / settings.reference)
        key = cache.key(files, [name if not model.files else model.source.name, asdict(settings)])
        if (kept := cache.get(key)) is not None:
            return _outcome(name, model.format, kept["status"], kept["why"], levels=kept["levels"], cached=True)
        status, why, levels = _try(root, model, settings, limits)
    except OSError as problem:
        status, why, levels = "unreadable", str(problem), {}
    else:
        if status in KEPT:
            cache.put(key, {"status": status, "why": why, "levels": levels})
    return _outcome(name, model.format, status, why, levels=levels, seconds=time.perf_counter() - start)


def _outcome(name: str, format: str, status: str, why: str, **more: Any) -> ModelOutcome:
    finding = None
    if status in CODES:
        finding = Finding(CODES[status], name, f"{status}: {why}" if why else status)
    return ModelOutcome(name, format, status, note=why, finding=finding, **more)


def _try(root: Path, model: Artefact, settings: ModelSettings, limits: Limits) -> tuple[str, str, dict[str, str]]:
    """(status, why, status of each level)"""
    end = time.monotonic() + limits.seconds
    with tempfile.TemporaryDirectory(prefix="porter-check-") as work:
        out = str(Path(work) / "model_keras")
        source = f"{root}/{settings.source}" if ".py:" in settings.source else str(root / model.source)
        done = run_porter(
            ["convert", source, "-o", out, *_convert_flags(root, settings)],
            seconds=limits.seconds, gigabytes=limits.gigabytes,
        )  # fmt: skip
        if done.code != 0:
            return *_failure(done, limits), {}
        done = run_porter(
            ["verify", out, "--json", *_verify_flags(root, settings)],
            seconds=max(1.0, end - time.monotonic()), gigabytes=limits.gigabytes,
        )  # fmt: skip
    levels, reasons = _levels(done.stdout)
    if done.code == 0 or (done.code == 3 and levels and not settings.levels):
        skipped = [f"level {number} ({reasons[number]})" for number, status in levels.items() if status == "skipped"]
        return "converted", f"not run: {'; '.join(skipped)}" if skipped else "", levels
    if done.code == 3 and levels:
        missing = [f"level {each}: {reasons.get(str(each), '')}" for each in settings.levels
                   if levels.get(str(each)) != "passed"]  # fmt: skip
        return "not proved", "; ".join(missing), levels
    return *_failure(done, limits), levels


def _convert_flags(root: Path, settings: ModelSettings) -> list[str]:
    flags = []
    if settings.inputs:
        flags += ["--inputs", ",".join(settings.inputs)]
    if settings.outputs:
        flags += ["--outputs", ",".join(settings.outputs)]
    for name, value in settings.freeze.items():
        flags += ["--freeze", f"{name}={value}"]
    for name, shape in settings.shape.items():
        flags += ["--shape", f"{name}={shape}"]
    if settings.checkpoint:
        flags += ["--checkpoint", str(root / settings.checkpoint)]
    for each in settings.placeholder:
        flags += ["--placeholder", each]
    if settings.exact:
        flags.append("--exact")
    if settings.normalisation != "layer":
        flags += ["--normalisation", settings.normalisation]
    if settings.weights != "auto":
        flags += ["--weights", settings.weights]
    return flags


def _verify_flags(root: Path, settings: ModelSettings) -> list[str]:
    flags = []
    if settings.tolerance is not None:
        flags += ["--tolerance", str(settings.tolerance)]
    if settings.reference:
        flags += ["--reference", str(root / settings.reference)]
    if settings.levels:
        flags += ["--level", ",".join(map(str, settings.levels))]
    if settings.backends:
        flags += ["--backend", ",".join(settings.backends)]
    return flags


def _failure(done: Done, limits: Limits) -> tuple[str, str]:
    """(status, why) of a process that did not end with 0."""
    if done.code is None:
        return "over limit", f"it took more than {limits.seconds:g} s"
    said = _said(done.stderr)
    crashed = not said or "internal error" in said or done.code not in BY_EXIT
    if limits.gigabytes and crashed and MEMORY.search(done.stderr):
        return "over limit", f"it needs more than {limits.gigabytes:.3g} GiB of memory"
    if done.code < 0:
        return "crashed", f"it was ended by signal {-done.code}"
    if crashed:
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "")
        return "crashed", said or f"it ended with {done.code}: {last[:LONGEST]}"
    return BY_EXIT[done.code], said


def _said(stderr: str) -> str:
    """The first error in what porter printed, in one line: what, and why."""
    lines = stderr.splitlines()
    starts = [index for index, line in enumerate(lines) if line.startswith("porter: ")]
    if not starts:
        return ""
    text = lines[starts[0]].removeprefix("porter: ").rstrip(".")
    for line in lines[starts[0] + 1 :]:
        if not line.startswith("  "):
            break
        label, _, rest = line.strip().partition(": ")
        if label == "why":
            text += f" ({rest})"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _levels(stdout: str) -> tuple[dict[str, str], dict[str, str]]:
    """(status, reason) of each level, by its number as text."""
    try:
        levels = json.loads(stdout)["levels"]
    except (ValueError, KeyError, TypeError):
        return {}, {}
    return {str(each["level"]): each["status"] for each in levels}, {
        str(each["level"]): each.get("reason") or "" for each in levels
    }
