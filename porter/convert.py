"""The pipeline: source ─ read ─ Graph ─ canonical ─ Graph ─ rules ─ Graph of Keras calls ─ emit ─ model.py ─ run ─ model ─ verify.

One direction, no way back. The model that is saved is made by running the source that was written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from porter import __version__
from porter.errors import OutputsDiffer, PorterError, UnreadableSource, UsageError
from porter.graph import Graph, Value

Progress = Callable[[str, float], None]


def _quiet(stage: str, done: float) -> None:
    """Progress for nobody."""


@dataclass
class Options:
    """How the user wants the model; each is the command line's flag of that name."""

    inputs: list[str] | None = None
    outputs: list[str] | None = None
    freeze: dict[str, Any] = field(default_factory=dict)
    shapes: dict[str, tuple[int | None, ...]] = field(default_factory=dict)
    exact: bool = False
    weights: str = "auto"
    verify: bool = True
    keep_failed: bool = False
    force: bool = False
    dry_run: bool = False


@dataclass
class Result:
    """directory: where the model is, None after a dry run. report: what report.json holds. source: model.py's text."""

    directory: Path | None
    report: dict[str, Any]
    source: str


def convert(source: Path, out: Path | None = None, options: Options | None = None, progress: Progress = _quiet) -> Result:
    """Convert the TensorFlow 1 model at `source` into the folder `out`, by default `<name>_keras` here.

    The folder is written whole or not at all. Raises `PorterError`: `UnreadableSource`, `Unsupported`, `UsageError`, or
    `OutputsDiffer` where the converted model does not compute the same.
    """
    from porter.emit import save
    from porter.verify import Reference, prove

    options = options or Options()
    directory = out or Path(f"{model_name(Path(source))}_keras")
    _check_free(directory, options)
    original = open_original(Path(source), options, progress)
    with Reference(original) as reference, _beside(directory) as work:
        refuted: dict[tuple[str, str], str] = {}
        while True:
            graph, rewriting = raise_graph(original, options, progress, refuted=refuted)
            made = _make(original, options, graph, rewriting, reference, work, progress)
            if made.model is None:
                return Result(None, made.report, made.source)
            if not options.verify:
                break
            levels = (0, 1, 3, 4)
            proof = prove(
                original, made.model, made.report, None, levels=levels, exact=options.exact, reference=reference,
                progress=lambda title: progress(f"verify: {title}", 0.5),
            )  # fmt: skip
            made.report["verified"] = proof.to_dict()
            if not proof.failed:
                progress("verify", 1)
                break
            found = _refuted(prove(
                original, made.model, made.report, None, levels=(2,), exact=options.exact, reference=reference,
            ), made.report)  # fmt: skip
            if not found.keys() - refuted.keys():
                _say_unproved(work / "model.py")
                if not options.keep_failed:
                    raise _differ(proof)
                break
            refuted.update(found)
        save(made.model, work)
        _write_report(made.report, work)
        _move(work, directory, options)
    return Result(directory, made.report, made.source)


@dataclass
class _Made:
    """A model that was made and is not proved yet; without model after a dry run."""

    source: str
    report: dict[str, Any]
    model: Any = None


def _make(
    original: Any, options: Options, graph: Graph, rewriting: Any, reference: Any, work: Path, progress: Progress
) -> _Made:
    """Write model.py into `work` and make the model by running it."""
    from porter.emit import build, emit

    name = model_name(original.source.path)
    evaluate = _Evaluation(original, reference)
    progress("write", 0)
    emitted = emit(
        graph,
        name=name,
        package=f"{name}_{_fingerprint(original)}",
        input_tensors=original.inputs,
        output_tensors=original.outputs,
        evaluate=evaluate,
        about=_about(original),
        notes=_notes(rewriting),
    )
    (work / "model.py").write_text(emitted.source)
    report = _report(original, options, graph, emitted, rewriting, evaluate.folded)
    if options.dry_run:
        return _Made(emitted.source, report)
    model = build(work / "model.py", emitted.bindings, evaluate)
    progress("write", 1)
    return _Made(emitted.source, report, model)


def _refuted(proof: Any, report: dict[str, Any]) -> dict[tuple[str, str], str]:
    """The rules whose layers do not compute what they stand for: (rule, TensorFlow node), and how far they are off."""
    found = {}
    for level in proof.levels:
        for outcome in level.layers:
            row = report["layers"][outcome["row"]]
            if outcome["status"] == "differs" and row["rule"] and row["nodes"]:
                found.update({(row["rule"], node): outcome.get("why", "") for node in row["nodes"]})
    return found


def verify(
    directory: Path,
    *,
    tolerance: float | None = None,
    reference: Path | None = None,
    source: Path | None = None,
    batch_sizes: list[int] | None = None,
    backends: list[str] | None = None,
    levels: list[int] | None = None,
    seed: int = 0,
    progress: Progress = _quiet,
) -> dict[str, Any]:
    """Prove the converted model in `directory` again, from its files, against the original or a recording of it.

    tolerance: relative; replaces the default, and the clause for the original's own rounding. reference: an .npz of
    recorded inputs and outputs. source: where the original is now, if it was moved. Returns the proof as JSON-able data
    with `holds`; raises `UnreadableSource` where neither the original nor a recording can be read.
    """
    from porter.emit.build import load_source
    from porter.verify import ALL, prove

    directory = Path(directory)
    report = read_report(directory)
    original = None
    place = source or Path(report["source"]["path"])
    try:
        original = open_original(place, options_of(report), progress)
    except UnreadableSource as problem:
        if reference is None or source is not None:
            problem.todo = "name the original with --source, or a recording of it with --reference"
            raise
    progress("verify", 0)
    model = load_source(directory / "model.py").load_model()
    proof = prove(
        original, model, report, directory, levels=levels or ALL, exact=report["options"]["exact"], tolerance=tolerance,
        batch_sizes=batch_sizes, backends=backends, seed=seed, reference_npz=reference,
        progress=lambda title: progress(f"verify: {title}", 0.5), recut=original and _recut(original, options_of(report)),
    )  # fmt: skip
    return proof.to_dict()


def _recut(original: Any, options: Options) -> Callable[[Sequence[str]], Any]:
    """How to cut the original's source so that it has other outputs."""
    from porter.read import make_original

    return lambda outputs: make_original(
        original.source, inputs=original.inputs, outputs=outputs, freeze=options.freeze, shapes=options.shapes,
        weights=options.weights,
    )  # fmt: skip


def _differ(proof: Any) -> OutputsDiffer:
    """The error for a conversion that does not hold, with the levels that failed."""
    problems = [
        OutputsDiffer(f"level {level.level}, {level.title}, does not hold", why=level.reason)
        for level in proof.levels
        if level.status == "failed"
    ]
    return OutputsDiffer(
        "The converted model does not compute the same, so it was not written",
        todo="--keep-failed writes it all the same, to look into; please report this as a bug of porter",
        also=list(problems),
    )


def inspect(source: Path, options: Options | None = None) -> dict[str, Any]:
    """What is in `source`, what porter would make of each part, and what it can't do yet; JSON-able."""
    from porter.read import inspect as look

    options = options or Options()
    original = open_original(Path(source), options, _quiet)
    found = look(original.source, original)
    try:
        graph, rewriting = raise_graph(original, options, _quiet)
        found["plan"] = [
            {"class": node.op.split(".")[-1] if node.op.startswith("layers") else node.op, "nodes": list(node.origin)}
            for node in graph.ordered()
            if node.is_call
        ]
        found["warnings"] = [*found.get("warnings", []), *rewriting.warnings]
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
    from porter.errors import Unsupported

    options = options or Options()
    original = open_original(Path(source), options, _quiet)
    known = {definition.name for definition in original.graph_def.node}
    if node not in known:
        import difflib

        close = ", ".join(difflib.get_close_matches(node, known, 3)) or "none"
        raise UsageError(f"the converted part of the graph has no node {node}", why=f"closest names: {close}")
    rows = []
    from porter.rewrite import Rewriting

    rewriting = Rewriting()
    try:
        graph, rewriting = raise_graph(original, options, _quiet, rewriting)
        for each in graph:
            if each.is_call and node in each.origin:
                rows.append({"rule": each.attrs.get("rule", ""), "became": each.op, "why": ""})
    except Unsupported as problem:
        rows += [{"rule": "", "became": "", "why": each.why} for each in (problem, *problem.also) if each.where == node]
    rows += [
        {"rule": rule, "became": "", "why": f"missed: {miss}"}
        for rule, _, miss in sorted(rewriting.misses.get(node, []), key=lambda found: -found[1])
    ]
    return rows


def open_original(source: Path, options: Options, progress: Progress) -> Any:
    """Read `source` and cut it down to what is converted."""
    from porter.read import make_original, open_source

    progress("read", 0)
    found = open_source(source)
    progress("read", 0.5)
    original = make_original(
        found, inputs=options.inputs, outputs=options.outputs, freeze=options.freeze, shapes=options.shapes,
        weights=options.weights,
    )  # fmt: skip
    progress("read", 1)
    return original


def raise_graph(
    original: Any,
    options: Options,
    progress: Progress,
    rewriting: Any = None,
    refuted: dict[tuple[str, str], str] | None = None,
) -> tuple[Graph, Any]:
    """The original as a graph of Keras calls, and what the rules had to say.

    refuted: proposals, by rule and TensorFlow node, that were tried and do not hold, with the reason.
    """
    from porter.canonical import canonical
    from porter.read.to_graph import to_graph
    from porter.rewrite import rewrite
    from porter.rules import RULES

    progress("rules", 0)
    graph = canonical(to_graph(original))
    result = rewrite(
        graph, RULES, exact=options.exact, result=rewriting, refuted=refuted, progress=lambda done, all_: progress("rules", done / all_)
    )
    return graph, result


def model_name(source: Path) -> str:
    """The source's name without `.ckpt`, step number and extension; a folder's own name for what lies in one."""
    name = source.name
    if name == "saved_model.pb":
        name = source.resolve().parent.name
    name = re.sub(r"\.(meta|index|pb|pbtxt|data-\d+-of-\d+)$", "", name)
    name = re.sub(r"(\.ckpt)?(-\d+)?$", "", name)
    name = re.sub(r"\.ckpt$", "", name)
    return re.sub(r"\W+", "_", name).strip("_") or "model"


class _Evaluation:
    """Gives the arrays of values that depend on weights and constants alone."""

    def __init__(self, original: Any, reference: Any):
        self.original, self.reference = original, reference
        self.folded: set[str] = set()

    def __call__(self, values: list[Value]) -> list[np.ndarray]:
        computed = [value.name for value in values if value.node.op not in ("Const", "Variable")]
        arrays = self.reference.weights(computed)
        self.folded.update(computed)
        found = []
        for value in values:
            if value.node.op == "Const":
                found.append(value.node.attrs["value"])
            elif value.node.op == "Variable":
                found.append(self.original.load(value.node.name))
            else:
                found.append(arrays[value.name])
        return found


def _about(original: Any) -> str:
    source = original.source
    details = [f"TensorFlow {source.producer}" if source.producer else "", f"{len(source.graph_def.node):,} nodes"]
    details.append(f"step {source.step}" if source.step is not None else "")
    return f"{source.path.name} ({', '.join(filter(None, details))})"


def _notes(rewriting: Any) -> list[str]:
    notes = [f"Changed on purpose, {change['layer'].split(':')[0]}: {change['why']}." for change in rewriting.changes]
    return [*notes, "Proved: see report.html."]


def _report(
    original: Any, options: Options, graph: Graph, emitted: Any, rewriting: Any, folded: set[str]
) -> dict[str, Any]:
    """The content of report.json."""
    source = original.source
    names = {node: variable.name for node, variable in original.variables.items()}
    copied = sorted({names[node] for node in emitted.variables})
    unused = sorted(set(names.values()) - set(copied))
    tensors = [row["tensor"] for row in emitted.outputs]
    changes = [{**change, "outputs": [tensors[place] for place in change["outputs"]]} for change in rewriting.changes]
    became = {"training": "training argument", "keep_prob": "Dropout rate", "rate": "Dropout rate", "frozen": "constant"}
    warnings = [*original.warnings, *rewriting.warnings, *_wide_types(graph)]
    for knob in original.knobs:
        if knob.guessed:
            name = knob.tensor.split(":")[0]
            warnings.append(f"the rate of {name} is not in the graph: 0.5 is written; --freeze {name}=VALUE gives it")
    return {
        "schema": 1,
        "porter": __version__,
        "source": {
            "path": str(source.path),
            "format": source.format,
            "producer": source.producer,
            "sha256": {file.name: _sha256(file) for file in source.files},
        },
        "options": {
            "inputs": options.inputs, "outputs": original.outputs, "freeze": options.freeze,
            "shapes": {name: list(shape) for name, shape in options.shapes.items()}, "exact": options.exact,
            "weights": options.weights,
        },
        "inputs": emitted.inputs,
        "outputs": emitted.outputs,
        "knobs": [
            {"tensor": knob.tensor, "became": became.get(knob.kind, knob.kind), "why": knob.why} for knob in original.knobs
        ],
        "layers": emitted.layers,
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
        "verified": {},
    }  # fmt: skip


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


def _fingerprint(original: Any) -> str:
    """Tells this model's custom layers from those of other models of the same name."""
    return hashlib.sha256(original.graph_def.SerializeToString(deterministic=True)).hexdigest()[:6]


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _write_report(report: dict[str, Any], directory: Path) -> None:
    from porter.report.html import render

    (directory / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (directory / "report.html").write_text(render(report))


def read_report(directory: Path) -> dict[str, Any]:
    """The report of a converted model. Raises `UnreadableSource`."""
    try:
        return json.loads((directory / "report.json").read_text())
    except (OSError, ValueError) as problem:
        raise UnreadableSource(
            f"{directory} holds no converted model", why=str(problem), todo="name the folder that porter convert wrote"
        ) from None


def options_of(report: dict[str, Any]) -> Options:
    """The options that a model was converted with."""
    kept = report["options"]
    shapes = {name: tuple(shape) for name, shape in kept["shapes"].items()}
    return Options(kept["inputs"], kept["outputs"], kept["freeze"], shapes, kept["exact"], kept["weights"])


def _check_free(directory: Path, options: Options) -> None:
    taken = directory.exists() and (not directory.is_dir() or any(directory.iterdir()))
    if taken and not options.force and not options.dry_run:
        raise UsageError(f"{directory} is there already", todo="name another folder with -o, or overwrite it with --force")


@contextlib.contextmanager
def _beside(directory: Path) -> Iterator[Path]:
    """A working folder next to `directory`, gone afterwards."""
    try:
        directory.absolute().parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".porter-", dir=directory.absolute().parent))
    except OSError as problem:
        raise UsageError(f"{directory} cannot be written", why=str(problem), todo="name another folder with -o") from None
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _move(work: Path, directory: Path, options: Options) -> None:
    shutil.rmtree(work / "__pycache__", ignore_errors=True)
    work.chmod(0o755)
    if directory.exists():
        shutil.rmtree(directory)
    work.rename(directory)
    work.mkdir()


def _say_unproved(file: Path) -> None:
    text = file.read_text()
    file.write_text(text.replace("Proved: see report.html.", "NOT PROVED: its outputs differ from the original's.", 1))
