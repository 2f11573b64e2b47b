"""The result of a check in the forms that people and other programs read. Each is a function from `Result` to text."""

from collections.abc import Callable
from pathlib import Path

from porter.check.output.github import to_github
from porter.check.output.json import to_json
from porter.check.output.junit import to_junit
from porter.check.output.markdown import to_markdown
from porter.check.output.sarif import to_sarif
from porter.check.result import Result
from porter.errors import UsageError

FORMATS: dict[str, Callable[[Result], str]] = {
    "json": to_json,
    "github": to_github,
    "junit": to_junit,
    "sarif": to_sarif,
}

SUFFIXES: dict[str, Callable[[Result], str] | None] = {
    ".sarif": to_sarif,
    ".xml": to_junit,
    ".json": to_json,
    ".md": to_markdown,
    ".txt": None,
}


def for_file(path: Path) -> Callable[[Result], str] | None:
    """The form that a file's name asks for; None for plain text. Raises UsageError for a name that says nothing."""
    if path.suffix not in SUFFIXES:
        todo = "name it .sarif, .xml (JUnit), .json, .md or .txt"
        raise UsageError(f"--report {path}: its name does not say which form it takes", todo=todo)
    return SUFFIXES[path.suffix]


__all__ = ["FORMATS", "for_file", "to_markdown"]
