"""`porter.toml`: what a repository says of its models and of how it is checked."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from porter.errors import UnreadableSource, UsageError

NAME = "porter.toml"


@dataclass
class ModelSettings:
    """One `[[model]]`. source, checkpoint, reference: relative to porter.toml. The rest are the flags of `convert` and
    `verify`."""

    source: str
    checkpoint: str | None = None
    placeholder: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    freeze: dict[str, Any] = field(default_factory=dict)
    shape: dict[str, str] = field(default_factory=dict)
    weights: str = "auto"
    exact: bool = False
    normalisation: str = "layer"
    tolerance: float | str | None = None
    reference: str | None = None
    levels: list[int] = field(default_factory=list)
    backends: list[str] = field(default_factory=list)
    skip: str = ""


@dataclass
class Settings:
    """exclude: patterns as in .gitignore. select, ignore: codes or their beginnings (PT1). jobs, timeout (seconds for a
    model), memory (GiB for a process, 0: as much as the machine has): limits. discover: also look for models that
    porter.toml does not name."""

    exclude: list[str] = field(default_factory=list)
    select: list[str] = field(default_factory=list)
    ignore: list[str] = field(default_factory=list)
    jobs: int = 0
    timeout: float = 1800.0
    memory: float = 0.0
    discover: bool = True
    baseline: str = "porter-baseline.json"
    cache: str = ".porter_cache"
    model: list[ModelSettings] = field(default_factory=list)

    def wants(self, code: str) -> bool:
        """Whether findings with this code count."""
        selected = not self.select or any(code.startswith(each) for each in self.select)
        return selected and not any(code.startswith(each) for each in self.ignore)


TYPES: dict[str, tuple[type, ...]] = {
    "exclude": (list,), "select": (list,), "ignore": (list,), "jobs": (int,), "timeout": (int, float),
    "memory": (int, float), "discover": (bool,), "baseline": (str,), "cache": (str,), "model": (list,),
    "source": (str,), "inputs": (list,), "outputs": (list,), "freeze": (dict,), "shape": (dict,), "weights": (str,),
    "normalisation": (str,), "exact": (bool,), "tolerance": (int, float, str), "reference": (str,), "levels": (list,),
    "backends": (list,), "skip": (str,), "checkpoint": (str,), "placeholder": (list,),
}  # fmt: skip
ITEMS = {"levels": int, "model": dict}


def read_settings(root: Path) -> Settings:
    """The settings of the repository at `root`, the defaults where it has no porter.toml.

    Raises UsageError for keys and values that do not fit, UnreadableSource where the file is no TOML.
    """
    path = root / NAME
    if not path.is_file():
        return Settings()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as problem:
        raise UnreadableSource(f"{NAME} cannot be read.", where=str(path), why=str(problem), todo="mend it") from None
    known = Settings.__dataclass_fields__.keys()
    _check(content, known, NAME)
    models = [_model(each, f"{NAME}, model {number}") for number, each in enumerate(content.pop("model", []), 1)]
    return Settings(**content, model=models)


def _model(content: dict[str, Any], where: str) -> ModelSettings:
    _check(content, ModelSettings.__dataclass_fields__.keys(), where)
    if "source" not in content:
        raise UsageError("A model has no source", where=where, todo='write source = "path/of/model.ckpt"')
    return ModelSettings(**content)


def _check(content: dict[str, Any], known: Any, where: str) -> None:
    for key, value in content.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            todo = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise UsageError(f"{key} is no setting", where=where, todo=todo)
        kinds = TYPES[key]
        fits = isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds)
        items = ITEMS.get(key, str)
        if fits and isinstance(value, list):
            fits = all(isinstance(each, items) and not isinstance(each, bool) for each in value)
        if not fits:
            wanted = f"list of {items.__name__}" if kinds == (list,) else " or ".join(kind.__name__ for kind in kinds)
            raise UsageError(f"{key} takes a {wanted}", where=where, why=f"received {value!r}", todo="mend it")
