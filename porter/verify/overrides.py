"""Layers that may be further off than others, each with a written reason."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from porter.errors import UnreadableSource, UsageError

EXAMPLE = '[[layer]] with name = "dense_3", tolerance = 1e-3 and reason = "why that is all right"'
KEYS = {"name", "tolerance", "reason"}


class Override(NamedTuple):
    """tolerance: takes the place of rtol for one layer by itself (level 2), where it is larger. reason: a person's."""

    tolerance: float
    reason: str


def read_overrides(file: Path, report: Mapping[str, Any]) -> dict[str, Override]:
    """The overrides in a TOML file, by the name of the layer in `report`.

    Raises UsageError for a layer that does not exist, occurs twice, or has no tolerance or no reason; UnreadableSource
    where the file is no TOML.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as problem:
        raise UnreadableSource(
            "The overrides cannot be read", where=str(file), why=str(problem), todo=f"write {EXAMPLE}"
        ) from None
    rows = content.get("layer")
    if set(content) != {"layer"} or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UsageError("The overrides are no list of layers", where=str(file), todo=f"write {EXAMPLE}")
    known = {row["name"] for row in report["layers"]}
    found: dict[str, Override] = {}
    for number, row in enumerate(rows, 1):
        name, where = row.get("name"), f"{file}, layer {number}"
        if strange := sorted(set(row) - KEYS):
            raise UsageError(f"{strange[0]} is no setting", where=where, todo=f"write {EXAMPLE}")
        if not isinstance(name, str) or name not in known or name in found:
            why = f"{name} stands there twice" if name in found else f"received {name!r}"
            raise UsageError("An override names no layer of its own", where=where, why=why, todo="see report.html")
        found[name] = Override(_tolerance(row.get("tolerance"), where), _reason(row.get("reason"), name, where))
    return found


def _tolerance(number: Any, where: str) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < 1:
        raise UsageError(
            "An override takes a tolerance between 0 and 1",
            where=where,
            why=f"received {number!r}",
            todo="write, for example, tolerance = 1e-3",
        )
    return float(number)


def _reason(text: Any, name: str, where: str) -> str:
    if not isinstance(text, str) or not text.strip():
        todo = 'write reason = "…": it is shown with the proof'
        raise UsageError(f"No reason is given why {name} may be further off", where=where, todo=todo)
    return " ".join(text.split())
