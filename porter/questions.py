"""`porter inspect` and `porter explain`: what is in a source, and what became of it."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from porter.errors import PorterError, Unsupported, UsageError
from porter.options import Options, quiet
from porter.stages import open_original, raise_graph


def inspect(source: Path, options: Options | None = None) -> dict[str, Any]:
    """What is in `source`, what porter would make of each part, and what it can't do yet; JSON-able."""
    from porter.read import inspect as look

    options = options or Options()
    original = open_original(Path(source), options, quiet)
    found = look(original.source, original)
    try:
        graph, rewriting = raise_graph(original, options, quiet)
        found["plan"] = [
            {
                "name": "",
                "class": node.op if node.op.startswith("ops.") else node.op.split(".")[-1],
                "nodes": list(node.origin),
            }
            for node in graph.ordered()
            if node.is_call
        ]
        ends = {"batch-safe": "; --exact keeps it"}
        changes = [f"{each['layer']}: {each['why']}{ends.get(each['kind'], '')}" for each in rewriting.changes]
        told = [*found["warnings"], *rewriting.warnings, *rewriting.coupled(found["plan"]), *changes]
        found["warnings"] = list(dict.fromkeys(told))
        found["problems"] = []
    except PorterError as problem:
        found["plan"] = []
        found["problems"] = [
            {"what": each.what, "where": each.where, "why": each.why, "do": each.todo}
            for each in (problem, *problem.also)
        ]
    return found


def explain(source: Path, node: str, options: Options | None = None) -> list[dict[str, str]]:
    """What became of one TensorFlow node: the call it is part of, and why other rules missed there."""
    options = options or Options()
    original = open_original(Path(source), options, quiet)
    known = {definition.name for definition in original.graph_def.node}
    if node not in known:
        close = ", ".join(difflib.get_close_matches(node, known, 3)) or "none"
        raise UsageError(
            f"The converted part of the graph has no node {node}",
            why=f"closest names: {close}",
            todo="give the name of a node; `porter inspect` lists the variables and which nodes use them",
        )
    rows = []
    from porter.rewrite import Rewriting

    rewriting = Rewriting()
    try:
        graph, rewriting = raise_graph(original, options, quiet, rewriting)
        for each in graph:
            if each.is_call and node in each.origin:
                rows.append(
                    {"rule": each.attrs.get("rule", ""), "became": each.op.removeprefix("porter_layers."), "why": ""}
                )
    except Unsupported as problem:
        rows += [{"rule": "", "became": "", "why": each.why} for each in (problem, *problem.also) if each.where == node]
    rows += [
        {"rule": rule, "became": "", "why": f"missed: {miss}"}
        for rule, _, miss in sorted(rewriting.misses.get(node, []), key=lambda found: -found[1])
    ]
    return rows
