"""The result of a check in the forms that people and other programs read. Each is a function from `Result` to text."""

from collections.abc import Callable

from porter.check.output.github import to_github
from porter.check.output.json import to_json
from porter.check.output.junit import to_junit
from porter.check.output.markdown import to_markdown
from porter.check.output.sarif import to_sarif
from porter.check.result import Result

FORMATS: dict[str, Callable[[Result], str]] = {
    "json": to_json,
    "github": to_github,
    "junit": to_junit,
    "sarif": to_sarif,
}

__all__ = ["FORMATS", "to_markdown"]
