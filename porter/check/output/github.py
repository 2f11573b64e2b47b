"""Workflow commands of GitHub Actions: they become annotations at the lines of a pull request."""

from __future__ import annotations

from porter.check.result import Result


def to_github(result: Result) -> str:
    """A line for each new finding."""
    lines = []
    for each in result.new:
        place = {
            "file": each.path, "line": each.line, "endLine": each.end_line, "col": each.column,
            "endColumn": each.end_column, "title": f"porter {each.code}",
        }  # fmt: skip
        if each.end_line != each.line:
            del place["col"], place["endColumn"]  # columns count only within one line there
        listed = ",".join(f"{key}={_property(str(value))}" for key, value in place.items())
        lines.append(f"::{each.severity} {listed}::{_data(each.message)}\n")
    return "".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
