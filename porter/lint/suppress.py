"""Comments that silence findings: `# porter: ignore[PT101, PT103]`, `# porter: ignore`, `# porter: ignore-file`."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable

from porter.lint.finding import Finding

COMMENT = re.compile(r"#\s*porter:\s*(ignore-file|ignore)\b\s*(?:\[([^\]]*)\])?")
ALL = frozenset({"*"})


def kept(findings: Iterable[Finding], text: str) -> list[Finding]:
    """The findings that no comment silences.

    A comment counts for the line it stands in, for the whole statement when it stands in its first line's or last
    line's end, and alone in a line for the next one; `ignore-file` counts for the file. Without codes: all codes.
    """
    if "porter:" not in text:
        return list(findings)
    whole, lines = _comments(text)
    return [
        each
        for each in findings
        if not _named(each.code, whole)
        and not any(_named(each.code, lines.get(line, frozenset())) for line in {each.line, each.end_line})
    ]


def _named(code: str, codes: frozenset[str]) -> bool:
    return "*" in codes or code in codes


def _comments(text: str) -> tuple[frozenset[str], dict[int, frozenset[str]]]:
    """(codes for the file, codes by line)"""
    whole: frozenset[str] = frozenset()
    lines: dict[int, frozenset[str]] = {}
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return whole, lines
    for token in tokens:
        if token.type != tokenize.COMMENT or not (found := COMMENT.search(token.string)):
            continue
        listed = frozenset(code.strip().upper() for code in (found[2] or "").split(",") if code.strip())
        codes = listed or ALL
        if found[1] == "ignore-file":
            whole |= codes
            continue
        alone = not token.line[: token.start[1]].strip()
        line = token.start[0] + alone
        lines[line] = lines.get(line, frozenset()) | codes
    return whole, lines
