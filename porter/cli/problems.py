"""Telling people what went wrong."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from porter.cli.consoles import listed, to_stderr
from porter.errors import PorterError

if TYPE_CHECKING:
    from rich.console import Console

INTERNAL = 3  # the exit code for porter's own bugs: this source is not supported, another may be


def show_error(problem: PorterError) -> None:
    """What happened, where, why and what to do; for every problem that was found, equal ones together."""
    console = to_stderr()
    kinds = alike([problem, *problem.also])
    for number, (first, places) in enumerate(kinds):
        said_below = number + 1 < len(kinds) and kinds[number + 1][0].todo == first.todo
        told = {"where": listed(places), "why": first.why, "do": "" if said_below else first.todo}
        lines = [(label, text) for label, text in told.items() if text]
        if console.is_terminal:
            _show_panel(console, first.what, lines)
            continue
        console.print(f"porter: {first.what}")
        for label, text in lines:
            console.print(f"  {label}: {text}")


def show_internal_error(problem: Exception, subject: str, *, verbose: bool) -> None:
    """One line for a bug of porter; `verbose` puts the traceback before it."""
    if verbose:
        traceback.print_exception(problem)
    text = " ".join(str(problem).split())[:500]
    advice = "please report it with the file, if you may, and what -v prints"
    to_stderr().print(
        f"porter: internal error: porter failed on {subject}: {type(problem).__name__}: {text}; "
        f"this is a bug in porter, {advice}"
    )


def alike(problems: Sequence[PorterError]) -> list[tuple[PorterError, list[str]]]:
    """Problems that say the same of different places, as one with its places."""
    found: dict[tuple[str, str, str], tuple[PorterError, dict[str, None]]] = {}
    for each in problems:
        _, places = found.setdefault((each.what, each.why, each.todo), (each, {}))
        if each.where:
            places[each.where] = None
    return [(first, list(places)) for first, places in found.values()]


def _show_panel(console: Console, what: str, lines: list[tuple[str, str]]) -> None:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    body = Table.grid(padding=(0, 1))
    body.add_column(style="dim")
    body.add_column(overflow="fold")
    for label, text in [("", what), *lines]:
        body.add_row(label, Text(text, "" if label else "bold"))
    console.print(Panel(body, title=Text("error", "bold red"), title_align="left", border_style="red"))
