"""What is in a source, for `porter inspect`: plain data that `json.dumps` takes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from porter.read.model import Candidate, Original, Source
from porter.read.operations import dtype_name, shape_of
from porter.read.wiring import Wiring, parse


def inspect(source: Source, original: Original) -> dict[str, Any]:
    """Everything worth knowing of a source and of what porter would convert of it.

    Keys: path, format, files, producer, step, nodes and bytes of the whole graph, kept (nodes after the cut),
    parameters, operations (how often each occurs after the cut), signatures, inputs (with dtype and shape), outputs,
    input_candidates and output_candidates (ranked, with reasons), knobs, variables (with the nodes that use them),
    left (stored but not used, with reasons), warnings.
    """
    wiring = Wiring(original.graph_def)
    graph_def = source.graph_def
    version = graph_def.versions.producer
    averages = {each.node: v.name for v in original.variables.values() for each in v.debiased or ()}
    return {
        "path": str(source.path),
        "format": source.format,
        "files": [str(path) for path in source.files],
        "producer": source.producer or (f"graph version {version}" if version else ""),
        "step": source.step,
        "nodes": len(graph_def.node),
        "bytes": sum(path.stat().st_size for path in source.files),
        "kept": len(original.graph_def.node),
        "parameters": sum(int(np.prod(v.shape)) for v in original.variables.values()),
        "operations": dict(Counter(node.op for node in original.graph_def.node).most_common()),
        "signatures": [{"name": s.name, "inputs": s.inputs, "outputs": s.outputs} for s in source.signatures],
        "inputs": [_input(wiring, original, name) for name in original.inputs],
        "outputs": list(original.outputs),
        "input_candidates": [_candidate(c) for c in original.input_candidates],
        "output_candidates": [_candidate(c) for c in original.output_candidates],
        "knobs": [
            {
                "tensor": k.tensor, "kind": k.kind, "inference": _plain(k.inference), "training": _plain(k.training),
                "guessed": k.guessed, "why": k.why,
            }
            for k in original.knobs
        ],
        "variables": [
            {
                "name": v.name, "node": v.node, "shape": list(v.shape), "dtype": v.dtype, "trainable": v.trainable,
                "momentum": v.momentum, "used_by": _scopes(wiring, v.node) or [averages[v.node]],
            }
            for v in original.variables.values()
        ],
        "left": [{"name": name, "why": why} for name, why in original.left],
        "warnings": list(original.warnings),
    }  # fmt: skip


def _input(wiring: Wiring, original: Original, name: str) -> dict[str, Any]:
    node = wiring.nodes[parse(original.stands_for(name))[0]]
    shape = shape_of(node.attr["shape"].shape)
    return {
        "tensor": name,
        "dtype": dtype_name(node.attr["dtype"].type),
        "shape": None if shape is None else list(shape),
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {"tensor": candidate.tensor, "score": candidate.score, "why": candidate.why, "chosen": candidate.chosen}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def _scopes(wiring: Wiring, node: str) -> list[str]:
    """The operations that use a variable, reads looked through, by name."""
    found: dict[str, None] = {}
    stack = [node]
    while stack:
        for user, _, _ in wiring.users.get(stack.pop(), []):
            if wiring.op(user) in ("Identity", "Enter", "Switch"):
                stack.append(user)
            else:
                found[user] = None
    return list(found)[:8]
