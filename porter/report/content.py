"""What report.json holds."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from porter import __version__
from porter.errors import UnreadableSource
from porter.graph import Graph
from porter.report.digest import verdict
from porter.report.held_twice import held_twice

SCHEMA = 1
DT_STRING = 7  # of TensorFlow's types.proto
OF_TEXT = ("LookupTableFindV2", "StringToHashBucketFast", "StringToHashBucketStrong", "Equal", "NotEqual")
NAMED, LIKELY = 10.0, 1.0  # what a candidate for an output is worth that was named, and one that may be wanted
# For proving a model again.
NEEDED = {
    "source": dict, "options": dict, "inputs": list, "outputs": list, "layers": list, "changes": list, "weights": dict,
}  # fmt: skip


def content(
    original: Any, options: Any, graph: Graph, emitted: Any, rewriting: Any, folded: set[str]
) -> dict[str, Any]:
    """The content of report.json."""
    source = original.source
    names = {node: variable.name for node, variable in original.variables.items()}
    copied = sorted({names[node] for node in emitted.variables})
    unused = sorted(set(names.values()) - set(copied))
    tensors = [row["tensor"] for row in emitted.outputs]
    changes = [{**change, "outputs": [tensors[place] for place in change["outputs"]]} for change in rewriting.changes]
    became = {
        "training": "training argument",
        "keep_prob": "Dropout rate",
        "rate": "Dropout rate",
        "frozen": "constant",
    }
    bound, instead = _only_tensorflow(emitted, original)
    warnings = [
        *original.warnings,
        *rewriting.warnings,
        *rewriting.coupled(emitted.layers),
        *([] if bound else _wide_types(graph)),
    ]
    warnings += [f"The model runs on the TensorFlow backend alone: {bound}. {instead}".strip()] if bound else []
    warnings += held_twice(graph, emitted.bindings, names)
    for knob in original.knobs:
        if knob.guessed:
            name = knob.tensor.split(":")[0]
            warnings.append(f"the rate of {name} is not in the graph: 0.5 is written; --freeze {name}=VALUE gives it")
    return {
        "schema": SCHEMA,
        "porter": __version__,
        "source": {
            "path": str(source.path),
            "format": source.format,
            "producer": source.producer,
            "sha256": {file.name: _sha256(file) for file in source.files},
            **({"executed": source.executed} if source.executed else {}),
        },
        "options": {
            "inputs": options.inputs, "outputs": original.outputs, "freeze": options.freeze,
            "shapes": {name: list(shape) for name, shape in options.shapes.items()}, "exact": options.exact,
            "lift_batch": options.lift_batch,
            "normalisation": options.normalisation,
            "weights": options.weights, "checkpoint": options.checkpoint, "placeholders": options.placeholders,
            "names": options.names,
            "into": options.into, "functions": options.functions,
        },
        "inputs": emitted.inputs,
        "outputs": emitted.outputs,
        "not_chosen": not_chosen(original),
        "knobs": [
            {"tensor": knob.tensor, "became": became.get(knob.kind, knob.kind), "why": knob.why} for knob in original.knobs
        ],
        "layers": emitted.layers,
        "graph": {"nodes": drawn(original.graph_def)},
        "changes": changes,
        "weights": {
            "copied": copied,
            "computed": sorted(folded),
            "left": [
                *({"name": name, "why": why} for name, why in original.left),
                *({"name": name, "why": "the converted layers have no use for it"} for name in unused),
            ],
        },
        "warnings": list(dict.fromkeys(warnings)),
        "only_tensorflow": bound,
        "trials": ["sizes of 1"] if rewriting.sizes_of_one else [],
        "verified": {},
    }  # fmt: skip


def _only_tensorflow(emitted: Any, original: Any) -> tuple[str, str]:
    """Why no other backend can run the model, and what would run anywhere; both "" where all can.

    Text is nothing that JAX or PyTorch compute on.
    """
    ends = [row for row in [*emitted.inputs, *emitted.outputs] if row["dtype"] == "string"]
    if not ends:
        return "", ""
    rows = [row for row in emitted.layers if row["class"] in ("StringLookup", "Hashing")]
    names = {name for row in rows for name in row["nodes"]}
    looked_up = [node for node in original.graph_def.node if node.name in names and node.op in OF_TEXT]
    made = [f"{node.name} ({node.op})" for node in looked_up]
    more = f" and {len(made) - 2} more" if len(made) > 2 else ""
    why = f"{ends[0]['tensor']} is text" + (f", for {', '.join(made[:2])}{more}" if made else "")
    instead = []
    if ends[0] in emitted.inputs:
        numbers = [f"{node.name}:0" for node in looked_up if node.attr["Tout"].type != DT_STRING]
        instead += [f"takes the numbers that are found, with --inputs {','.join(numbers)}"] if numbers else []
    if ends[-1] in emitted.outputs:
        instead.append("gives no text, with other --outputs")
    return why, f"A model runs on any backend that {' and '.join(instead)}." if instead else ""


def not_chosen(original: Any) -> list[str]:
    """Other tensors that could have been outputs, the best first; none where the user or a signature named them."""
    found = original.output_candidates
    if all(each.chosen for each in found) or any(each.score >= NAMED for each in found):
        return []
    return [each.tensor for each in found if not each.chosen and each.score >= LIKELY][:5]


def drawn(graph_def: Any) -> list[list[Any]]:
    """The original's nodes as [name, operation, numbers of the nodes it takes from]; constants are left out."""
    kept = [node for node in graph_def.node if node.op != "Const"]
    number = {node.name: index for index, node in enumerate(kept)}
    return [
        [node.name, node.op, sorted({number[name] for name in map(_source, node.input) if name in number})]
        for node in kept
    ]


def _source(tensor: str) -> str:
    """The node that gives a tensor, or that is waited for."""
    return tensor.removeprefix("^").split(":")[0]


def _wide_types(graph: Graph) -> list[str]:
    """What JAX will compute in 32 bits where the original had 64."""
    wide = [
        (value.tensor, value.dtype)
        for node in graph
        for value in node.outputs
        if (node.is_call or value in graph.inputs) and value.dtype in ("float64", "int64", "uint64", "complex128")
    ]
    if not wide:
        return []
    kinds = " and ".join(sorted({dtype for _, dtype in wide}))
    return [f"{wide[0][0]} and {len(wide) - 1} other tensors are {kinds}; JAX computes them in 32 bits" if len(wide) > 1
            else f"{wide[0][0]} is {kinds}; JAX computes it in 32 bits"]  # fmt: skip


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def with_proof(report: dict[str, Any], proof: dict[str, Any]) -> dict[str, Any]:
    """The report with what was proved now; levels that were not run again stay as they were."""
    levels = {level["level"]: level for level in (report.get("verified") or {}).get("levels", ())}
    levels.update({level["level"]: level for level in proof["levels"]})
    merged = [levels[number] for number in sorted(levels)]
    skipped = [{"level": each["level"], "why": each["reason"]} for each in merged if each["status"] == "skipped"]
    whole = {"levels": merged, "skipped": skipped}
    complete = all(each["status"] == "passed" or not each["applies"] for each in merged)
    return {**report, "verified": {**proof, **whole, "verdict": verdict(whole), "complete": complete}}


def write_report(report: dict[str, Any], directory: Path) -> None:
    """Write report.json and report.html into `directory`. Raises OSError."""
    from porter.report.html import render

    (directory / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (directory / "report.html").write_text(render(report), encoding="utf-8")


def read_report(directory: Path) -> dict[str, Any]:
    """The report of a converted model. Raises `UnreadableSource`."""
    try:
        if not (directory / "report.json").exists():
            raise ValueError("there is no report.json in it" if directory.exists() else "there is no such folder")
        report = json.loads((directory / "report.json").read_text())
        if not isinstance(report, dict) or report.get("schema") != SCHEMA:
            raise ValueError("report.json is not one that this version of porter has written")
        if missing := sorted(name for name, kind in NEEDED.items() if not isinstance(report.get(name), kind)):
            raise ValueError(f"report.json lacks {', '.join(missing)}")
        return report
    except (OSError, ValueError) as problem:
        raise UnreadableSource(
            f"{directory} holds no converted model", why=str(problem), todo="name the folder that porter convert wrote"
        ) from None
