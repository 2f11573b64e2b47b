"""The baseline: findings that are known and accepted, so that only new ones fail.

A finding is known again by file, code and the text of its line: it may move, and a second one on an equal line is new.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from porter.errors import UnreadableSource, writing
from porter.lint import Finding

Key = tuple[str, str, str]


def load(path: Path) -> Counter[Key]:
    """How often each finding is in the baseline; empty where there is no such file. Raises UnreadableSource."""
    if not path.is_file():
        return Counter()
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["findings"]
        return Counter({(each["path"], each["code"], each["text"]): int(each.get("count", 1)) for each in entries})
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise UnreadableSource(
            f"{path.name} is no baseline of porter.", where=str(path), why=f"{type(problem).__name__}: {problem}",
            todo="restore it, or delete it and write it anew with --update-baseline",
        ) from None  # fmt: skip


def split(findings: Iterable[Finding], known: Counter[Key]) -> tuple[list[Finding], list[Finding], list[Key]]:
    """(new findings, known ones, entries of the baseline that were not found any more)"""
    left = Counter(known)
    new, old = [], []
    for each in findings:
        if left[each.key] > 0:
            left[each.key] -= 1
            old.append(each)
        else:
            new.append(each)
    return new, old, sorted(left.elements())


def save(path: Path, findings: Iterable[Finding], before: Counter[Key], looked_at: Callable[[Key], bool]) -> None:
    """Write the baseline: what was found, and what it knew of files that were not looked at. Raises UsageError."""
    counts = Counter(each.key for each in findings)
    counts.update({key: count for key, count in before.items() if not looked_at(key)})
    entries = [
        {"path": key[0], "code": key[1], "text": key[2], **({"count": count} if count > 1 else {})}
        for key, count in sorted(counts.items())
    ]
    text = json.dumps({"schema": 1, "findings": entries}, indent=1, ensure_ascii=False) + "\n"
    with writing(path, "porter.toml can name another file: baseline"):
        path.write_text(text, encoding="utf-8")
