"""Rewrites that are certain, as edits of text: comments and layout stay as they are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from porter.lint.finding import Edit, Finding


def apply(text: str, findings: Iterable[Finding]) -> str:
    """The text with the edits of all findings made. An edit that overlaps one before it waits for the next run."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    spans = sorted(
        {(starts[edit.line - 1] + edit.column, starts[edit.end_line - 1] + edit.end_column, edit.text)
         for finding in findings for edit in finding.edits}
    )  # fmt: skip
    pieces, at = [], 0
    for begin, end, new in spans:
        if begin < at:
            continue
        pieces += [text[at:begin], new]
        at = end
    return "".join([*pieces, text[at:]])


def difference(path: str, before: str, after: str) -> str:
    """A unified diff, "" where nothing changed."""
    return "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}"
        )
    )


__all__ = ["Edit", "apply", "difference"]
