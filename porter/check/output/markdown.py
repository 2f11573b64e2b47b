"""Markdown, for the summary of a job and for comments of pull requests."""

from __future__ import annotations

from collections import Counter

from porter.check.result import Result
from porter.check.rules import BY_CODE

MOST = 50


def to_markdown(result: Result) -> str:
    """A verdict, the counts by rule, the models, and the first new findings."""
    new, known = len(result.new), len(result.known)
    lines = ["## porter check", ""]
    lines.append(f"**{new} new finding{'s' * (new != 1)}**" if new else "No new findings.")
    lines[-1] += f" {known} known, {len(result.gone)} gone from the baseline." if known or result.gone else ""
    lines += [f"{result.files} source files and {len(result.models)} models in {result.seconds:.1f} s.", ""]
    counts = Counter(each.code for each in result.new)
    if counts:
        lines += ["| rule | what | new |", "| --- | --- | ---: |"]
        lines += [f"| {code} | {_cell(BY_CODE[code].what)} | {count} |" for code, count in sorted(counts.items())]
        lines.append("")
    if result.models:
        lines += ["| model | format | result | levels that hold |", "| --- | --- | --- | --- |"]
        for model in result.models:
            held = ", ".join(number for number, status in model.levels.items() if status == "passed")
            lines.append(f"| {_code(model.source)} | {model.format} | {model.status} | {held} |")
        lines.append("")
    if result.new:
        lines += ["| where | rule | finding |", "| --- | --- | --- |"]
        lines += [
            f"| {_code(f'{each.path}:{each.line}')} | {each.code} | {_cell(each.message)} |"
            for each in result.new[:MOST]
        ]
        if new > MOST:
            lines.append(f"\n… and {new - MOST} more.")
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    for sign in "\\|<>":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def _code(text: str) -> str:
    return f"`{_cell(text).replace('`', '')}`"
