"""What a conversion or a proof came to, in a few tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from porter.cli.consoles import Table
from porter.report import digest
from porter.report.digest import Report

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {"passed": "green", "failed": "bold red", "skipped": "yellow"}
VERDICTS = {"proved": "green", "failed": "bold red"}
LONGEST = 160  # letters of a finding in a table
MOST_LAYERS = 24
MOST = 8  # lines of one kind; report.html has all


def show_conversion(console: Console, report: Report, directory: Path | None, seconds: float) -> None:
    """The closing summary of `porter convert`. directory: None after a dry run."""
    source = report["source"]
    origin = ", ".join(
        filter(None, [source["format"], f"TensorFlow {source['producer']}" if source.get("producer") else ""])
    )
    where = f"{directory}" if directory else "nothing written (dry run)"
    console.print(f"{Path(source['path']).name} ({origin}) → {where}, {seconds:.1f} s", style="bold")
    _layers(console, report)
    if others := report.get("not_chosen"):
        console.print(
            f"Outputs: {', '.join(row['tensor'] for row in report['outputs'])}; --outputs would also take, for "
            f"example, {', '.join(others)}"
        )
    _notes(console, "Not an input any more", [f"{knob['tensor']}: {knob['became']}" for knob in report["knobs"]])
    _notes(
        console,
        "Changed on purpose",
        [f"{', '.join(change.get('outputs', ()))}: {digest.change(change)}" for change in report["changes"]],
    )
    _notes(console, "Warnings", report["warnings"], style="yellow")
    verified = report.get("verified") or {}
    if verified:
        _levels(console, verified)
    console.print(digest.sentence(report), style=VERDICTS.get(digest.verdict(verified), "yellow"))
    if directory:
        files = ", ".join(sorted(file.name for file in directory.iterdir() if file.is_file()))
        console.print(f"In {directory}: {files}")


def show_proof(console: Console, proof: Report) -> None:
    """What `porter verify` found."""
    _each_layer(console, proof)
    _levels(console, proof)
    if rule := digest.tolerance(proof):
        console.print(f"Allowed: {rule}.", style="dim")
    for text in digest.overrides(proof):
        console.print(text, style="yellow")
    certificate = proof.get("certificate") or {}
    if certificate.get("stands_in"):
        console.print("The original is not at hand: its recorded answers in certificate.json stood in for it.")
    for text in certificate.get("changed", ()):
        console.print(f"Since it was certified: {text}; it was compared as it is now.", style="yellow")
    if wrong := proof.get("first_wrong"):
        console.print(f"Wrong first, at level {wrong['level']}: {wrong['told']}", style="bold red")
    console.print(digest.sentence({"verified": proof}), style=VERDICTS.get(digest.verdict(proof), "yellow"))


def show_self_test(console: Console, trials: Sequence[Report]) -> None:
    """What `porter verify --self-test` found: each mutation, and what caught it."""
    from rich.text import Text

    colours = {"caught": "green", "missed": "bold red", "no difference": "yellow"}
    rows = Table("Made wrong on purpose", "what", "layer", "result", "level", "how", right=("level",))
    for trial in trials:
        status = Text(trial["status"], colours.get(trial["status"], "dim"))
        level = "" if trial["level"] is None else str(trial["level"])
        how = trial["how"] if len(trial["how"]) <= LONGEST else f"{trial['how'][:LONGEST]}…"
        rows.add(trial["mutation"], trial["layer"], status, level, how)
    rows.show(console)
    counts = {status: sum(trial["status"] == status for trial in trials) for status in ("caught", "missed")}
    alike = sum(trial["status"] == "no difference" for trial in trials)
    console.print(
        f"{counts['caught']} caught, {counts['missed']} missed, {alike} make no difference on this model",
        style="bold red" if counts["missed"] else "green",
    )


def self_test_code(trials: Sequence[Report]) -> int:
    """0 if nothing was missed and something was caught, 1 if something was missed, 3 if there was nothing to catch."""
    found = {trial["status"] for trial in trials}
    return 1 if "missed" in found else 0 if "caught" in found else 3


def exit_code(proof: Report, asked: Sequence[int] = ()) -> int:
    """0 if every level that was asked for ran and holds, 1 if one fails, 3 if one could not run.

    asked: the levels that the user named; with none named, levels that have nothing to check in this model may be left.
    """
    status = {level["level"]: level["status"] for level in proof.get("levels", ())}
    if "failed" in status.values():
        return 1
    if "passed" not in status.values() or any(status.get(level) != "passed" for level in asked):
        return 3
    return 0 if all(level["status"] == "passed" or not level.get("applies", True) for level in proof["levels"]) else 3


def show_refusal(console: Console, proof: Report, code: int) -> None:
    """Why `porter verify` does not end with 0."""
    if code == 1:
        failed = [f"{level['level']} ({level['title']})" for level in proof["levels"] if level["status"] == "failed"]
        what = "it differs from the original" if _outputs_hold(proof) else "outputs differ"
        console.print(f"porter: {what}: {digest.not_holding(failed)}", style="bold red")
        return
    told = [
        f"level {level['level']} ({level['title']}): {level.get('reason', '')}"
        for level in proof["levels"]
        if level["status"] == "skipped"
    ]
    console.print("porter: nothing failed, but not all that was asked for could run", style="bold yellow")
    for text in told:
        console.print(f"  {text}")


def _outputs_hold(proof: Report) -> bool:
    return any(level["level"] == 3 and level["status"] == "passed" for level in proof["levels"])


def _layers(console: Console, report: Report) -> None:
    rows = Table("What became what", "TensorFlow nodes", "Keras", "rule", "calls", right=("TensorFlow nodes", "calls"))
    for group in digest.groups(report["layers"]):
        rows.add(str(group.nodes), group.keras, group.rule, str(group.calls))
    rows.show(console)
    weights = report["weights"]
    counts = [f"{len(weights['copied'])} copied"]
    counts += [f"{len(names)} left ({why})" for why, names in digest.left_by_reason(report).items()]
    console.print(f"Variables: {', '.join(counts)}")


def _notes(console: Console, title: str, texts: Sequence[str], style: str = "") -> None:
    if not texts:
        return
    console.print(f"{title}:", style=style or "bold")
    for text in texts[:MOST]:
        console.print(f"  {text}")
    if len(texts) > MOST:
        console.print(f"  and {len(texts) - MOST} more; report.html has all")


def _each_layer(console: Console, proof: Report) -> None:
    """Level 2's errors in the order of the model; of many layers those that differ and the worst others."""
    from rich.text import Text

    found = [row for level in proof.get("levels", ()) if level["level"] == 2 for row in level.get("layers", ())]
    shown = {id(row) for row in sorted(found, key=digest.size_of_row, reverse=True)[:MOST_LAYERS]}
    rows = Table("Each layer alone", "layer", "result", "error", "why", right=("error",))
    for row in found:
        if id(row) in shown:
            agrees = row["status"] == "agrees"
            status = Text(row["status"], "green" if agrees else "bold red" if row["status"] == "differs" else "yellow")
            why = "" if agrees else (row.get("diagnosis") or row.get("why", ""))[:LONGEST]
            rows.add(row["title"], status, digest.number(row.get("relative")), why)
    rows.show(console)
    if len(found) > len(shown):
        console.print(f"and {len(found) - len(shown)} more with smaller errors; report.html has all", style="dim")


def _levels(console: Console, verified: Report) -> None:
    from rich.text import Text

    rows = Table("Proof", "level", "of what", "result", "worst error", "how", right=("worst error",))
    for level in verified.get("levels", ()):
        status = Text(digest.mark(level), COLOURS.get(level["status"], ""))
        said = {"passed": "", "failed": digest.failure(level, LONGEST)}.get(level["status"], level.get("reason", ""))
        if not said:
            clauses = digest.clauses(level)
            said = "; ".join(filter(None, [f"within {', '.join(clauses)}" if clauses else "", digest.trials(level)]))
        error = digest.worst_error(level)
        rows.add(str(level["level"]), level["title"], status, error, said or level.get("reason", ""))
    rows.show(console)
