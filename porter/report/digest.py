"""What people want to know of a report, gathered from its JSON; for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

Report = Mapping[str, Any]
MARKS = {"passed": "holds", "failed": "FAILS", "skipped": "not run"}


class Group(NamedTuple):
    """Layers of one class that came about in the same way. nodes: how many TensorFlow nodes they stand for."""

    keras: str
    rule: str
    calls: int
    nodes: int


class Worst(NamedTuple):
    """The worst that a level saw of one output. error: relative to the output's spread, as text."""

    output: str
    error: str
    share: str
    clause: str
    on: str


def groups(layers: Sequence[Report]) -> list[Group]:
    """The layers by class and rule, those with weights first, then the others, the most frequent ones first."""
    rows: dict[tuple[str, str], list[Report]] = {}
    for row in layers:
        rows.setdefault((row["class"], row.get("rule", "")), []).append(row)
    order = sorted(rows.items(), key=lambda item: (not any(row.get("weights") for row in item[1]), -len(item[1])))
    return [
        Group(keras, rule, len(found), len({node for row in found for node in row.get("nodes", ())}))
        for (keras, rule), found in order
    ]


def left_by_reason(report: Report) -> dict[str, list[str]]:
    """The variables of the checkpoint that were left, by why."""
    reasons: dict[str, list[str]] = {}
    for row in report.get("weights", {}).get("left", ()):
        reasons.setdefault(row["why"], []).append(row["name"])
    return reasons


def verdict(verified: Report) -> str:
    """ "proved", "failed", "unproved" (nothing failed, and the outputs were not compared) or "not verified"."""
    levels = verified.get("levels", ())
    if not levels:
        return "not verified"
    if any(level["status"] == "failed" for level in levels):
        return "failed"
    return "proved" if any(level["level"] == 3 and level["status"] == "passed" for level in levels) else "unproved"


def sentence(report: Report) -> str:
    """The verdict in words."""
    verified = report.get("verified") or {}
    levels = verified.get("levels", ())
    held = [str(level["level"]) for level in levels if level["status"] == "passed"]
    told = {
        "proved": f"Proved: it computes what the original does (levels {', '.join(held)}).",
        "failed": "NOT PROVED: it does not compute the same as the original.",
        "unproved": "Not proved: nothing failed, but the outputs could not be compared.",
        "not verified": "Not proved: nothing was compared.",
    }[verdict(verified)]
    if verdict(verified) == "unproved" and all(level["level"] != 3 for level in levels):
        told = (
            f"Nothing failed (levels {', '.join(held) or 'none'} hold); the outputs, level 3, were not to be compared."
        )
    if verdict(verified) == "failed" and any(level["level"] == 3 and level["status"] == "passed" for level in levels):
        told = f"NOT PROVED: {_beside_outputs([level['level'] for level in levels if level['status'] == 'failed'])}."
    changes = [change for change in report.get("changes", ()) if change.get("kind") == "batch-safe"]
    if changes and verdict(verified) == "proved":
        told += " Where it was made batch-safe, that is the original run one sample at a time."
    return told


def _beside_outputs(failed: Sequence[int]) -> str:
    """What does not hold, in words, though the outputs agree."""
    if set(failed) <= {5, 6}:
        return f"it answers as the original does, but does not train as it does; {not_holding(failed)}"
    if set(failed) == {7}:
        return f"it computes the same here, but not everywhere from its files; {not_holding(failed)}"
    return f"its outputs agree with the original's, but {not_holding(failed)}"


def not_holding(levels: Sequence[Any]) -> str:
    """ "level 3 does not hold", "levels 2, 3 and 5 do not hold"."""
    *first, last = map(str, levels)
    return f"levels {', '.join(first)} and {last} do not hold" if first else f"level {last} does not hold"


def mark(level: Report) -> str:
    """How a level ended, in a word or two."""
    clauses = {clause for seen in level.get("outputs", {}).values() for clause in seen.get("clauses", ())}
    if level["status"] == "skipped" and not level.get("applies", True):
        return "nothing to check"
    undecided = level["status"] == "skipped" and "undecided" in clauses
    return "undecided" if undecided else MARKS.get(level["status"], str(level["status"]))


def failure(level: Report, longest: int) -> str:
    """Why a level fails, in brief: the first layer, or output, and how many more there are."""
    rows = [row for row in level.get("layers", ()) if row["status"] == "differs" or row.get("fault")]
    told = [
        f"{row.get('culprit') or row['title']}: {row.get('fault') or row.get('diagnosis') or row.get('why', '')}"
        for row in rows
    ]
    told = told or level.get("reason", "").splitlines() or [""]
    first = told[0] if len(told[0]) <= longest else f"{told[0][:longest]}…"
    return f"{first}; and {len(told) - 1} more" if len(told) > 1 else first


def change(found: Report) -> str:
    """What was changed on purpose, and how far that takes the answers to a batch from the original's."""
    apart = [value for value in (found.get("difference") or {}).values() if isinstance(value, (int, float))]
    why = str(found.get("why", ""))
    if not apart:
        return why
    return f"{why}; for a batch of 3 the answers differ from the original's by up to {max(apart):g} of their spread"


def worst(level: Report) -> list[Worst]:
    """What a level saw of each output, the worst first."""
    rows = []
    for name, seen in level.get("outputs", {}).items():
        clause = ", ".join(seen.get("clauses") or [seen.get("clause", "")]) if seen.get("ok", True) else ""
        rows.append(
            (_size(seen), Worst(name, number(seen.get("relative")), percent(seen), clause, str(seen.get("on", ""))))
        )
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])]


def worst_error(level: Report) -> str:
    """The largest error of a level relative to the spread, "" where it compared nothing."""
    found = worst(level)
    if found:
        return found[0].error
    compared = [row for row in level.get("layers", ()) if "relative" in row]
    return number(max(compared, key=size_of_row)["relative"]) if compared else ""


def clauses(level: Report) -> list[str]:
    """By which clauses of the tolerance the outputs of a level passed."""
    return list(dict.fromkeys(clause for row in worst(level) for clause in row.clause.split(", ") if clause))


def number(value: Any) -> str:
    """A measured number in two digits. Infinities and NaN come as text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return "0" if value == 0 else f"{value:.1e}"


def percent(seen: Report) -> str:
    """The share of elements that are off, "" where none is."""
    share = seen.get("share") or 0
    return "" if not share or seen.get("ok", True) else f"{100 * share:.2g} %"


def shape(sizes: Sequence[int | None]) -> str:
    """[null, 28, 28] as [batch, 28, 28]."""
    words = [
        "batch" if index == 0 and size is None else "?" if size is None else str(size)
        for index, size in enumerate(sizes)
    ]
    return f"[{', '.join(words)}]"


def trials(level: Report) -> str:
    """On what a level tried the model."""
    sizes = ", ".join(str(size) for size in level.get("batch_sizes", ()))
    kinds = ", ".join(level.get("kinds", ()))
    return "; ".join(part for part in (f"batches of {sizes}" if sizes else "", kinds) if part)


def tolerance(verified: Report) -> str:
    """The tolerance in words, "" where the report does not hold it."""
    used = verified.get("tolerance") or {}
    if "rtol" not in used:
        return ""
    allowance = ", or within 8 times the original's own rounding" if used.get("rounding") else ""
    return f"{used['rtol']:g} of the output's spread plus {used['rtol']:g} of the value{allowance}"


def overrides(verified: Report) -> list[str]:
    """Layers that were allowed to be further off by themselves, and why."""
    rows = [row for level in verified.get("levels", ()) if level["level"] == 2 for row in level.get("layers", ())]
    return list(
        dict.fromkeys(
            f"Allowed for {row['title']} by itself: {row['override']['tolerance']:g}: {row['override']['reason']}"
            for row in rows
            if row.get("override")
        )
    )


def size_of_row(row: Report) -> float:
    """For sorting: how far off a layer is."""
    return _size({"ok": row.get("status") != "differs", **row})


def _size(seen: Report) -> float:
    """For sorting: what failed, and what is not finite, is worse than any number."""
    relative = seen.get("relative") or 0.0
    finite = not isinstance(relative, str) and isfinite(relative)
    return (1e30 if not seen.get("ok", True) else 0.0) + (float(relative) if finite else 1e20)
