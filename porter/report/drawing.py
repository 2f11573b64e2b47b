"""What the page draws: the graph before and after, the error of each layer, the outputs against the original's."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from math import floor, log10
from typing import Any

from porter.report.digest import Report

HELD = ("Placeholder", "VarHandleOp", "Variable", "VariableV2")  # what stands for a weight in a graph
READ = ("Identity", "ReadVariableOp", "Enter", "RefEnter")
LOWEST, HIGHEST = -9, 0  # decades of an error that a plot shows
WIDE, HIGH, LEFT, BELOW = 520, 190, 46, 24  # of a plot, in pixels


def sides(report: Report) -> dict[str, Any] | None:
    """Both graphs as the page's script takes them; None where the report doesn't hold the first.

    What only knobs give is not drawn as an edge, and weights not at all. A node: path (its scopes and its name, by /),
    label, kind, inputs (numbers of nodes). A layer besides: title, nodes (those that it stands for), told (what there is
    to say of it, by heading), wrong.
    """
    nodes = (report.get("graph") or {}).get("nodes") or []
    if not nodes:
        return None
    knobs = {row["tensor"].rsplit(":", 1)[0] for row in report.get("knobs", ())}
    fed = {row["tensor"].rsplit(":", 1)[0] for row in report.get("inputs", ())}
    weights: set[int] = set()
    for index, (name, op, inputs) in enumerate(nodes):
        held = op in HELD and not inputs and name not in fed and name not in knobs
        if held or (op in READ and weights.issuperset(inputs) and name not in fed):  # a constant is no node here
            weights.add(index)
    place = {old: new for new, old in enumerate(i for i in range(len(nodes)) if i not in weights)}
    hidden = weights | {index for index, (name, *_) in enumerate(nodes) if name in knobs}  # they go everywhere
    before = [
        {
            "path": name, "label": name.rsplit("/", 1)[-1], "kind": op if op != name.rsplit("/", 1)[-1] else "",
            "inputs": [place[i] for i in inputs if i not in hidden],
        }
        for index, (name, op, inputs) in enumerate(nodes)
        if index in place
    ]  # fmt: skip
    number = {name: place[index] for index, (name, *_) in enumerate(nodes) if index in place}
    errors = layer_errors(report)
    maker: dict[str, int] = {}
    after: list[dict[str, Any]] = []
    for row in report.get("inputs", ()):
        maker[row["tensor"]] = len(after)
        node = row["tensor"].rsplit(":", 1)[0]
        after.append(_layer(row["keras"], "Input", node, [number[node]] if node in number else [], [], {}))
    for index, row in enumerate(report.get("layers", ())):
        found = errors.get(index, {})
        taken = sorted({maker[name] for name in row.get("inputs", ()) if name in maker})
        told = {
            "class": [row["class"]], "rule": [row.get("rule") or "a single operation"],
            "TensorFlow nodes": row.get("nodes", []),
            "weights": [f"{key} ← {source}" for key, source in (row.get("weights") or {}).items()],
            "error, alone": [_in_words(found)] if found else [],
            "diagnosis": [found["diagnosis"]] if found.get("diagnosis") else [],
        }  # fmt: skip
        origin = row.get("nodes") or [""]
        name = row.get("name") or row["class"]
        path = "/".join(filter(None, [_scope(origin), name.replace("/", "_")]))
        at = [number[node] for node in origin if node in number]
        after.append(_layer(name, row["class"], path, at, taken, told))
        after[-1]["wrong"] = found.get("status") == "differs"
        maker.update(dict.fromkeys(row.get("outputs", ()), len(after) - 1))
    return {"before": before, "after": after}


def _layer(
    label: str, kind: str, path: str, nodes: list[int], inputs: list[int], told: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    title = label if label == kind else f"{label} ({kind})"
    lines = [[heading, list(texts)] for heading, texts in told.items() if texts]
    return {
        "path": path, "label": label, "kind": kind if kind != label else "", "inputs": inputs, "nodes": nodes,
        "title": title, "told": lines,
        "wrong": False,
    }  # fmt: skip


def _scope(nodes: Sequence[str]) -> str:
    """The scope that all of `nodes` lie in."""
    parts = [node.split("/")[:-1] for node in nodes]
    common: list[str] = []
    for names in zip(*parts, strict=False):
        if len(set(names)) > 1:
            break
        common.append(names[0])
    return "/".join(common)


def _in_words(found: Mapping[str, Any]) -> str:
    if "relative" not in found:
        return f"{found['status']}: {found.get('why', '')}".rstrip(": ")
    return f"{float(found['relative']):.1e} of the spread, {found['status']}"


def layer_errors(report: Report) -> dict[int, Mapping[str, Any]]:
    """What level 2 found of each layer, by its row."""
    levels = (report.get("verified") or {}).get("levels", ())
    return {each["row"]: each for level in levels if level["level"] == 2 for each in level.get("layers", ())}


def error_plot(report: Report) -> str:
    """An SVG: the error of each layer alone, in the order of the model; "" where level 2 compared none."""
    rows = report.get("layers", ())
    found = [
        (index, float(each["relative"]), each["status"] == "differs")
        for index, each in sorted(layer_errors(report).items())
        if "relative" in each and index < len(rows)
    ]
    if not found:
        return ""
    rtol = float(((report.get("verified") or {}).get("tolerance") or {}).get("rtol") or 1e-5)
    last = max(found[-1][0], 1)
    bounds = (LOWEST, HIGHEST)
    parts = [_band(_y(log10(rtol), bounds), HIGH - BELOW)]
    for decade in range(LOWEST, HIGHEST + 1, 3):
        parts.append(_line(_y(decade, bounds), f"1e{decade}"))
    for index, error, wrong in found:
        x = LEFT + 10 + (WIDE - LEFT - 20) * index / last
        row = rows[index]
        told = f"{row.get('name') or row['class']} ({row['class']}): {error:.1e} of the spread"
        parts.append(_dot(x, _y(log10(error) if error > 0 else LOWEST, bounds), told, wrong))
    parts.append(_text(LEFT, HIGH - 6, "first layer") + _text(WIDE - 76, HIGH - 6, "last layer"))
    return _svg(parts, "The error of each layer alone")


def scatter(points: Iterable[Sequence[float]], name: str) -> str:
    """An SVG: how far single elements are off, as a share of what is allowed, over the original's values."""
    pairs = [(float(value), float(off)) for value, off in points]
    if not pairs:
        return ""
    low, high = min(value for value, _ in pairs), max(value for value, _ in pairs)
    most = max(1.25, *(abs(off) for _, off in pairs))
    bounds = (-most, most)
    parts = [_band(_y(1, bounds), _y(-1, bounds)), _line(_y(0, bounds), "0")]
    parts += [_line(_y(1, bounds), "+1"), _line(_y(-1, bounds), "-1")]
    for value, off in pairs:
        x = LEFT + 10 + (WIDE - LEFT - 20) * ((value - low) / (high - low) if high > low else 0.5)
        parts.append(_dot(x, _y(off, bounds), f"{value:.6g}: {off:+.2g} of what is allowed", abs(off) > 1))
    parts.append(_text(LEFT, HIGH - 6, f"{low:.3g}") + _text(WIDE - 60, HIGH - 6, f"{high:.3g}"))
    return _svg(parts, f"{name}: the difference over the original's value")


def _y(value: float, bounds: tuple[float, float]) -> float:
    low, high = bounds
    share = (min(max(value, low), high) - low) / (high - low)
    return 10 + (HIGH - BELOW - 10) * (1 - share)


def _band(top: float, bottom: float) -> str:
    return f'<rect class="band" x="{LEFT}" y="{top:.1f}" width="{WIDE - LEFT}" height="{bottom - top:.1f}"/>'


def _line(y: float, label: str) -> str:
    return f'<line class="axis" x1="{LEFT}" x2="{WIDE}" y1="{y:.1f}" y2="{y:.1f}"/>' + _text(2, floor(y) + 4, label)


def _text(x: float, y: float, text: str) -> str:
    return f'<text class="soft" x="{x}" y="{y}">{html.escape(text)}</text>'


def _dot(x: float, y: float, told: str, wrong: bool) -> str:
    return (
        f'<circle class="dot{" bad" if wrong else ""}" cx="{x:.1f}" cy="{y:.1f}" r="{4 if wrong else 3}">'
        f"<title>{html.escape(told)}</title></circle>"
    )


def _svg(parts: Iterable[str], told: str) -> str:
    return f'<svg viewBox="0 0 {WIDE} {HIGH}" width="{WIDE}" role="img" aria-label="{html.escape(told)}">{"".join(parts)}</svg>'
