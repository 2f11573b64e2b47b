"""Running the linter over many files, in several processes where that pays."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from porter.check.files import shown
from porter.errors import reading
from porter.lint import Finding, apply, difference, lint
from porter.lint.run import layout, read

MANY = 60  # files, from which on a second process is worth its start
Progress = Callable[[int], None]


def lint_files(root: Path, paths: Sequence[Path], jobs: int, progress: Progress = lambda count: None) -> list[Finding]:
    """The findings of all files, in their order. Raises UnreadableSource for one that cannot be read."""
    found: list[Finding] = []
    if jobs == 1 or len(paths) < MANY:
        for path in paths:
            found += _one(root, path)
            progress(1)
        return found
    size = max(1, min(40, len(paths) // (4 * jobs)))
    chunks = [paths[start : start + size] for start in range(0, len(paths), size)]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork")) as pool:
        for chunk, findings in zip(chunks, pool.map(_several, [root] * len(chunks), chunks), strict=True):
            found += findings
            progress(len(chunk))
    return found


def _several(root: Path, paths: Sequence[Path]) -> list[Finding]:
    return [each for path in paths for each in _one(root, path)]


def _one(root: Path, path: Path) -> list[Finding]:
    with reading(shown(path)):
        return lint(shown(path), read(root / path))


def fix(path: Path, name: str, wanted: Callable[[str], bool]) -> tuple[str, str, bytes] | None:
    """(text, text with the certain rewrites made, that as bytes) of a file; None where nothing changes.

    Encoding, line ends and a byte order mark stay as they are; a file that is not what its encoding says is left alone.
    """
    with reading(name):
        content = path.read_bytes()
    mark, encoding = layout(content)
    try:
        raw = content.removeprefix(mark).decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None
    before = after = raw.replace("\r\n", "\n")
    while (changed := apply(after, [each for each in lint(name, after) if wanted(each.code)])) != after:
        after = changed
    if after == before or ("\r\n" in raw and raw.count("\r\n") != raw.count("\n")):
        return None
    lines = after.replace("\n", "\r\n") if "\r\n" in raw else after
    return before, after, mark + lines.encode(encoding)


__all__ = ["difference", "fix", "lint_files"]
