"""Consoles and tables for stdout and stderr.

On a terminal, colours and frames; into a pipe, plain lines, one for each row. Rich honours NO_COLOR. Texts are never
read as markup: names in a graph may hold brackets.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def to_stdout() -> Console:
    """The console for data."""
    return _console(stderr=False)


def to_stderr() -> Console:
    """The console for everything else."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=not terminal)


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


class Table:
    """Rows under a title. right: the columns of numbers. Without rows nothing is printed, title included."""

    def __init__(self, title: str, *columns: str, right: Sequence[str] = ()) -> None:
        self.title, self.columns, self.right = title, columns, right
        self.rows: list[tuple[str | Text, ...]] = []

    def add(self, *cells: str | Text) -> None:
        """Add a row."""
        self.rows.append(cells)

    def show(self, console: Console) -> None:
        """Print the title and the rows, framed on a terminal."""
        if not self.rows:
            return
        console.print()
        console.print(self.title, style="bold")
        if console.is_terminal:
            self._show_framed(console)
            return
        texts = [[str(cell).replace("\n", "; ") for cell in row] for row in (self.columns, *self.rows)]
        wide = [max(len(row[index]) for row in texts) for index in range(len(self.columns))]
        for row in texts:
            cells = [
                text.rjust(size) if column in self.right else text.ljust(size)
                for text, size, column in zip(row, wide, self.columns, strict=True)
            ]
            console.print(f"  {'  '.join(cells)}".rstrip())

    def _show_framed(self, console: Console) -> None:
        from rich import box
        from rich.table import Table as Framed

        framed = Framed(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
        for column in self.columns:
            framed.add_column(column, justify="right" if column in self.right else "left", overflow="fold")
        for row in self.rows:
            framed.add_row(*row)
        console.print(framed)
