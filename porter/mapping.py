"""The file of --map: what belongs to what, written by porter as a proposal and by people as the answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from porter.errors import UnreadableSource, UsageError, writing

CANDIDATES = "several candidates"  # the note in a proposal on what nothing decided


def read_map(file: Path, wanted: Iterable[str] | None = None, offered: Iterable[str] | None = None) -> dict[str, str]:
    """The pairs in a map file: by the name of what is to be filled, the name of what fills it.

    An empty or null value leaves it out. wanted, offered: the names that there are, where they are known.
    Raises UnreadableSource for a file that is no such map, UsageError for names that are not there.
    """
    return read_settings(file, (), wanted, offered)[0]


def read_settings(
    file: Path, settings: Sequence[str], wanted: Iterable[str] | None = None, offered: Iterable[str] | None = None
) -> tuple[dict[str, str], dict[str, Any]]:
    """The pairs of a map file as `read_map` gives them, and what else it says. settings: the names that are no weights'."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it holds no JSON object from names to names")
        found.pop(CANDIDATES, None)
        said = {name: found.pop(name) for name in settings if name in found}
        if not all(isinstance(value, str | None) for value in found.values()):
            raise ValueError("it holds no JSON object from names to names")
    except (OSError, ValueError) as problem:
        todo = '{"my_layer/kernel": "scope/weights"}'
        raise UnreadableSource(f"{file} is no map", why=str(problem), todo=f"write {todo}") from None
    pairs = {name: value for name, value in found.items() if value}
    for names, there, what in ((pairs, wanted, "to be filled"), (pairs.values(), offered, "in the checkpoint")):
        known = set(names if there is None else there)
        if unknown := [name for name in names if name not in known]:
            raise UsageError(
                f"{file} names what is not {what}: {', '.join(unknown[:5])}", where=str(file), todo="correct the names"
            )
    return pairs, said


def write_map(file: Path, pairs: dict[str, str], candidates: dict[str, list[str]] | None = None) -> None:
    """Write a map. candidates: for pairs that are guessed, what else may fill them; a note for people, not read again.

    Raises UsageError where it can't be written.
    """
    with writing(file, "name another file"):
        file.write_text(json.dumps(pairs | ({CANDIDATES: candidates} if candidates else {}), indent=1) + "\n")
