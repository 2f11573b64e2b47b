"""Source that Python 3 does not parse: Python 2's, and broken."""

from __future__ import annotations

import re

from porter.lint.finding import Finding
from porter.lint.rule import SourceRule

BROKEN = SourceRule(
    code="PT001",
    name="not-python",
    what="A file that names TensorFlow or Keras and that Python cannot parse.",
    why="Nothing in it can be checked: merge conflicts, templates and half-copied files look like this.",
    instead="Mend the file, or put it under `exclude` in porter.toml if it is no Python source.",
)

PYTHON2 = SourceRule(
    code="PT002",
    name="python-2",
    what="Python 2 source: print statements, `except E, e`, backticks, `<>`, old octal numbers, tabs mixed with spaces.",
    why="TensorFlow 2 and Keras 3 need Python 3, and nothing else in this file can be checked before it parses.",
    instead="Translate it first (`2to3`, or `python-modernize`), then run `porter check` again.",
    references=("https://docs.python.org/3.11/library/2to3.html",),
)

FAILED = SourceRule(
    code="PT003",
    name="rule-failed",
    what="A rule that failed on a file.",
    why="That is a bug of porter; what the rule would have found in the file is not known.",
    instead="Please report it with the file, if you may. The other rules have looked at it.",
)

RULES = (BROKEN, PYTHON2, FAILED)

MARKS = (
    (r"^\s*print\s+[^(=\s]", "a print statement"),
    (r"^\s*print\s*$", "a print statement"),
    (r"^\s*print\s*>>", "a print statement"),
    (r"^\s*except\s+[\w.()\s,]+,\s*\w+\s*:", "`except Error, name`"),
    (r"^\s*raise\s+[\w.]+\s*,", "`raise Error, value`"),
    (r"^\s*exec\s+[\"'\w]", "an exec statement"),
    (r"<>", "the operator <>"),
    (r"`[^`]+`", "backticks"),
    (r"\b[uU][rR][\"']", "a ur string"),
    (r"(?<![\w.])0\d+\b(?!\.)", "an octal number such as 0777"),
    (r"\b\d+[lL]\b", "a long number such as 1L"),
    (r"\b(lambda|def\s+\w+)\s*\(?[^:]*\(\s*\w+\s*,", "parameters that unpack tuples"),
)


def failed(path: str, code: str, problem: Exception) -> Finding:
    """The finding for a rule that raised."""
    said = " ".join(str(problem).split())[:200]
    return Finding(
        "PT003", path, f"rule {code} failed here, which is a bug of porter: {type(problem).__name__}: {said}"
    )


def explain(path: str, text: str, problem: Exception) -> Finding:
    """The finding for a file that does not parse: which of the two rules, and where."""
    line = getattr(problem, "lineno", None) or 1
    lines = text.split("\n")
    at = lines[line - 1] if line <= len(lines) else ""
    said = getattr(problem, "msg", None) or str(problem) or type(problem).__name__
    sign = _python2(lines, line, said, problem)
    code, what = ("PT002", f"Python 2 source ({sign})") if sign else ("PT001", f"not Python: {said}")
    column = max(1, getattr(problem, "offset", None) or 1)
    return Finding(
        code, path, f"{what}; nothing else in this file could be checked", line=line, column=column,
        end_line=line, end_column=max(column, len(at) + 1), text=at.strip(),
    )  # fmt: skip


def _python2(lines: list[str], line: int, said: str, problem: Exception) -> str:
    """What in the lines around the error is Python 2's; "" if nothing is."""
    if isinstance(problem, TabError):
        return "tabs mixed with spaces"
    if "Missing parentheses in call to" in said:
        return "a print statement" if "print" in said else "an exec statement"
    for number in (line, line - 1):
        text = lines[number - 1] if 0 < number <= len(lines) else ""
        for pattern, meaning in MARKS:
            if re.search(pattern, text):
                return meaning
    return ""
