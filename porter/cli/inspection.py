"""What is in a model, and what became of one node of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from porter.cli.consoles import Table, listed
from porter.cli.problems import alike
from porter.errors import PorterError
from porter.report import digest

if TYPE_CHECKING:
    from rich.console import Console

CANDIDATES = 10
OPERATIONS = 12
VARIABLES = 40


def show(console: Console, found: Mapping[str, Any]) -> None:
    """What `porter inspect` prints."""
    _facts(console, found)
    _tensors(console, found)
    _candidates(console, "Candidates for outputs", found.get("output_candidates", ()))
    _candidates(console, "Candidates for inputs", found.get("input_candidates", ()))
    knobs = Table("Knobs", "tensor", "kind", "inference", "training", "recognised from")
    for row in found.get("knobs", ()):
        training = f"{row['training']}{' (a guess)' if row.get('guessed') else ''}"
        knobs.add(row["tensor"], row["kind"], str(row["inference"]), training, row["why"])
    knobs.show(console)
    _variables(console, found)
    _plan(console, found)
    for text in found.get("warnings", ()):
        console.print(f"Warning: {text}", style="yellow")
    _problems(console, found)


def show_explanation(console: Console, node: str, rows: Sequence[Mapping[str, str]]) -> None:
    """What `porter explain` prints: what `node` became, and the misses of rules, the nearest first."""
    became = [row for row in rows if row.get("became")]
    for row in became:
        console.print(
            f"{node} became {row['became']} by the rule {row['rule'] or 'for single operations'}", style="green"
        )
    if not became:
        console.print(f"{node} became no Keras call of its own", style="yellow")
    misses = Table("Why rules did not apply here", "rule", "why")
    for row in rows:
        if not row.get("became"):
            misses.add(row["rule"], row["why"])
    misses.show(console)


def _facts(console: Console, found: Mapping[str, Any]) -> None:
    facts = [found.get("format", ""), f"TensorFlow {found['producer']}" if found.get("producer") else ""]
    if found.get("step") is not None:
        facts.append(f"step {found['step']}")
    facts.append(_size(found.get("bytes", 0)))
    console.print(f"{found.get('path', '')}: {', '.join(filter(None, facts))}", style="bold")
    console.print(
        f"{found.get('nodes', 0):,} nodes, {found.get('kept', 0):,} of them needed for the outputs; "
        f"{found.get('parameters', 0):,} parameters"
    )
    operations = list(found.get("operations", {}).items())
    more = f", and {len(operations) - OPERATIONS} other kinds" if len(operations) > OPERATIONS else ""
    console.print(f"Operations: {', '.join(f'{name} {count}' for name, count in operations[:OPERATIONS])}{more}")
    for signature in found.get("signatures", ()):
        sides = [
            ", ".join(f"{name} = {tensor}" for name, tensor in signature[side].items())
            for side in ("inputs", "outputs")
        ]
        console.print(f"Signature {signature['name']}: {sides[0]} → {sides[1]}")


def _tensors(console: Console, found: Mapping[str, Any]) -> None:
    rows = Table("Inputs and outputs", "", "tensor", "dtype", "shape")
    for kind, key in (("input", "inputs"), ("output", "outputs")):
        for row in found.get(key, ()):
            row = {"tensor": row} if isinstance(row, str) else row
            shape = "" if row.get("shape") is None else digest.shape(row["shape"])
            rows.add(kind, row["tensor"], row.get("dtype", ""), shape)
    rows.show(console)


def _candidates(console: Console, title: str, candidates: Sequence[Mapping[str, Any]]) -> None:
    rows = Table(title, "", "tensor", "score", "why", right=("score",))
    for row in candidates[:CANDIDATES]:
        rows.add("chosen" if row["chosen"] else "", row["tensor"], f"{row['score']:g}", row["why"])
    rows.show(console)
    if len(candidates) > CANDIDATES:
        console.print(f"and {len(candidates) - CANDIDATES} more (--json lists all)", style="dim")


def _variables(console: Console, found: Mapping[str, Any]) -> None:
    variables = found.get("variables", ())
    rows = Table("Variables", "name", "dtype", "shape", "used by")
    for row in variables[:VARIABLES]:
        users = row.get("used_by", ())
        rows.add(row["name"], row["dtype"], str(list(row["shape"])), listed(users, 3))
    rows.show(console)
    if len(variables) > VARIABLES:
        console.print(f"and {len(variables) - VARIABLES} more (--json lists all)", style="dim")
    for why, names in digest.left_by_reason({"weights": found}).items():
        console.print(f"Left, {len(names)}: {why}")


def _plan(console: Console, found: Mapping[str, Any]) -> None:
    plan = found.get("plan", ())
    nodes: Counter[str] = Counter()
    for row in plan:
        nodes[row["class"]] += len(row["nodes"])
    rows = Table(
        "What porter would make of it",
        "Keras",
        "calls",
        "TensorFlow nodes",
        right=("calls", "TensorFlow nodes"),
    )
    for name, calls in Counter(row["class"] for row in plan).most_common():
        rows.add(name, str(calls), str(nodes[name]))
    rows.show(console)


def _problems(console: Console, found: Mapping[str, Any]) -> None:
    problems = [PorterError(row["what"], where=row["where"], why=row["why"]) for row in found.get("problems", ())]
    rows = Table("What porter can't do yet", "what", "why", "where")
    for first, places in alike(problems):
        rows.add(first.what, first.why, listed(places))
    rows.show(console)


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
