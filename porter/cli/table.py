"""What went where in a transplant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from porter.cli.consoles import Table, listed

if TYPE_CHECKING:
    from rich.console import Console

    from porter.transplant import Transplanted


def show(console: Console, done: Transplanted) -> None:
    """The table of weights."""
    table = Table("What went where", "weight of the model", "variable of the original", "shape", "decided by")
    for row in done.rows:
        table.add(row.target, row.source or "(left as it was)", str(list(row.shape)), row.why)
    table.show(console)


def show_outcome(console: Console, done: Transplanted) -> None:
    """What is left, and whether the model was compared with the original."""
    if done.left:
        console.print(f"Not used, {len(done.left)} variables: {listed(done.left)}")
    for note in done.notes:
        console.print(f"Note: {note}", style="yellow")
    seen = done.agreement
    if seen is None:
        console.print(
            "Not compared with the original: --source gives its graph, --reference a recording of it.", style="yellow"
        )
    else:
        outputs = ", ".join(seen.outputs)
        console.print(
            f"It computes what the original does: {outputs}, {seen.batches} batch{'es' * (seen.batches != 1)}, {seen.worst}",
            style="green",
        )
    console.print(f"Written: {done.out}")


def as_json(done: Transplanted) -> dict[str, Any]:
    """The same for programs."""
    seen = done.agreement
    return {
        "out": str(done.out),
        "weights": [vars(row) for row in done.rows],
        "left": done.left,
        "notes": done.notes,
        "verified": None
        if seen is None
        else {"outputs": seen.outputs, "batches": seen.batches, **seen.worst.to_dict()},
    }
