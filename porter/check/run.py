"""A check from beginning to end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from porter.check import baseline, discover, files, source
from porter.check.cache import Cache
from porter.check.discover import Artefact, Found
from porter.check.models import Limits, check_model
from porter.check.processes import cores, end_all, machine
from porter.check.result import ModelOutcome, Result
from porter.check.settings import ModelSettings, Settings
from porter.errors import UnreadableSource
from porter.lint import Finding

Progress = Callable[[str, int, int], None]


@dataclass
class Request:
    """What is asked for on one occasion; `Settings` is what holds for the repository.

    shard: (i, n) takes the i-th of n equal parts, from 1. changed_since: a revision of git.
    """

    paths: Sequence[Path] = ()
    source: bool = True
    models: bool = True
    jobs: int = 0
    shard: tuple[int, int] = (1, 1)
    changed_since: str | None = None
    update_baseline: bool = False
    cached: bool = True


def check(root: Path, settings: Settings, request: Request, progress: Progress = lambda *_: None) -> Result:
    """Look at everything that is asked for. progress gets "source" or a model's name, how many are done, of how many.

    Raises UsageError and UnreadableSource for what is wrong with the request; what is wrong with the repository is in
    the result.
    """
    start = time.perf_counter()
    found = look(root, settings, request)
    known = baseline.load(root / settings.baseline)
    jobs = request.jobs or settings.jobs or cores()
    result = Result(root, left=[(files.shown(path), why) for path, why in found.left])
    findings: list[Finding] = []
    if request.source:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            progress("source", done, len(found.sources))

        findings += source.lint_files(root, found.sources, jobs, advance)
        result.files = len(found.sources)
    if request.models:
        result.models = _models(root, found.models, settings, request, jobs, progress)
        findings += [outcome.finding for outcome in result.models if outcome.finding]
    findings = sorted((each for each in findings if settings.wants(each.code)), key=lambda each: (each.path, each.line))
    seen = {files.shown(path) for path in found.sources if request.source}
    seen |= {outcome.source for outcome in result.models}
    whole = request.changed_since is None and request.shard == (1, 1) and not request.paths

    def looked_at(key: baseline.Key) -> bool:
        if key[1].startswith("PT4"):
            return request.models and (whole or key[0] in seen)
        return request.source and (whole or key[0] in seen)

    if request.update_baseline:
        baseline.save(root / settings.baseline, findings, known, looked_at)
        result.known = findings
    else:
        result.new, result.known, gone = baseline.split(findings, known)
        result.gone = [key for key in gone if looked_at(key)]
    result.seconds = time.perf_counter() - start
    return result


def look(root: Path, settings: Settings, request: Request) -> Found:
    """The source and the models that a request is about."""
    listed = files.list_files(root, request.paths or [root], settings.exclude)
    found = discover.discover(root, listed) if request.models else discover.Found(
        sources=[path for path in listed if path.suffix in files.SOURCE]
    )  # fmt: skip
    forbidden = {path for path in found.sources if not os.access(root / path, os.R_OK)}
    found.left += [(path, "it cannot be read: permission denied") for path in sorted(forbidden)]
    found.sources = [path for path in found.sources if path not in forbidden]
    if not settings.discover:
        found.models = []
    if request.models and not request.paths:
        _name(root, found, settings)
    if request.changed_since is not None:
        changed = files.changed_since(root, request.changed_since)
        found.sources = [path for path in found.sources if path in changed]
        if Path("porter.toml") not in changed:
            found.models = [model for model in found.models if changed & set(model.files)]
    index, count = request.shard
    found.sources = found.sources[index - 1 :: count]
    found.models = found.models[index - 1 :: count]
    return found


def _name(root: Path, found: Found, settings: Settings) -> None:
    """Add what porter.toml names, also where ignore files hide it. Raises UnreadableSource for what is not there."""
    by_source = {each.source: each for each in found.models}
    for named in settings.model:
        path = Path(named.source)
        parts = [root / _file(named.source)] if ".py:" in named.source else _parts(root / path)
        parts += _parts(root / named.checkpoint) if named.checkpoint else []
        if not parts or not all(each.is_file() for each in parts):
            raise UnreadableSource(
                f"{named.source} is not there.", where="porter.toml", todo="mend its source, or take the model out"
            )
        files = tuple(each.relative_to(root) for each in parts)
        known = by_source.get(path)
        for each in [model for model in by_source.values() if set(model.files) <= set(files)]:
            del by_source[each.source]  # the same model by another name, or the weights of this one
        by_source[path] = known or Artefact(path, "named in porter.toml", files)
    found.models = sorted(by_source.values(), key=lambda each: each.source)


def _file(source: str) -> str:
    """net.py of net.py:build."""
    return source[: source.index(".py:") + 3]


def _parts(path: Path) -> list[Path]:
    """The files of a model that porter.toml names by a file, a folder, or a checkpoint's prefix."""
    if path.is_dir():
        return sorted(each for each in path.rglob("*") if each.is_file())
    beside = [each for each in path.parent.glob(f"{path.name}*") if each.is_file()] if path.parent.is_dir() else []
    return sorted(each for each in beside if each == path or each.name[len(path.name) :].startswith((".", "-")))


def _models(
    root: Path, models: Sequence[Artefact], settings: Settings, request: Request, jobs: int, progress: Progress
) -> list[ModelOutcome]:
    """The outcomes, in the order of the models."""
    cache = Cache(root / settings.cache if request.cached else None)
    limits = Limits(settings.timeout, settings.memory or machine())
    by_source = {Path(each.source): each for each in settings.model}
    done = 0

    def one(model: Artefact) -> ModelOutcome:
        nonlocal done
        named = by_source.get(model.source) or ModelSettings(model.source.as_posix())
        outcome = check_model(root, model, named, limits, cache)
        done += 1
        progress(f"{outcome.source}: {outcome.status}", done, len(models))
        return outcome

    with ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(one, model) for model in models]
        try:
            return [each.result() for each in waiting]
        except BaseException:
            for each in waiting:
                each.cancel()
            end_all()
            raise
