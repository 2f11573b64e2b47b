"""The result of a check, for people."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from porter.check.rules import BY_CODE
from porter.cli.consoles import Table

if TYPE_CHECKING:
    from rich.console import Console

    from porter.check.result import Result

COLOURS = {"converted": "green", "skipped": "dim", "refused": "yellow"}
MOST = 10


def show(console: Console, result: Result, *, updated: bool) -> None:
    """Each new finding with its place, the models, the counts by rule, and a verdict."""
    from rich.text import Text

    for each in result.new:
        line = Text()
        line.append(f"{each.path}:{each.line}:{each.column}", "bold")
        line.append(f" {each.code} ", "red" if each.severity == "error" else "yellow")
        line.append(each.message)
        console.print(line)
    models = Table("Models", "model", "format", "result", "levels that hold", "seconds", right=("seconds",))
    for model in result.models:
        held = ", ".join(number for number, status in model.levels.items() if status == "passed")
        status = Text(model.status, COLOURS.get(model.status, "red"))
        models.add(model.source, model.format, status, held, "cached" if model.cached else f"{model.seconds:.1f}")
    models.show(console)
    rules = Table("Findings", "rule", "what it finds", "new", "known", right=("new", "known"))
    new, known = Counter(each.code for each in result.new), Counter(each.code for each in result.known)
    for code in sorted(new | known):
        rules.add(code, BY_CODE[code].what, str(new[code]), str(known[code]))
    rules.show(console)
    if result.left:
        console.print("Seen and not tried:", style="bold")
        for path, why in result.left[:MOST]:
            console.print(f"  {path}: {why}")
        if len(result.left) > MOST:
            console.print(f"  and {len(result.left) - MOST} more")
    console.print(_verdict(result, updated), style="bold red" if result.new else "bold green")


def _verdict(result: Result, updated: bool) -> str:
    looked = f"{result.files} source files and {len(result.models)} models in {result.seconds:.1f} s"
    if updated:
        return f"{len(result.known)} findings are in the baseline now; {looked}"
    said = f"{len(result.new)} new finding{'s' * (len(result.new) != 1)}" if result.new else "Nothing new found"
    said += f", {len(result.known)} known" if result.known else ""
    fixed = f", {len(result.gone)} of the baseline are gone (--update-baseline)" if result.gone else ""
    return f"{said}{fixed}; {looked}"
