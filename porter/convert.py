"""The pipeline: source ─ read ─ Graph ─ canonical ─ rules ─ Keras calls ─ emit ─ model.py ─ run ─ model ─ verify ─ report.

One direction, no way back. The model that is saved is made by running the source that was written.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from porter.certificate import certify
from porter.errors import OutputsDiffer, writing
from porter.folder import ANOTHER, beside, check_free, move
from porter.graph import Graph
from porter.options import Options, Progress, quiet
from porter.report.content import content, write_report
from porter.stages import Evaluation, open_original, raise_graph, refuse_backend

NOT_YET = "Not proved yet: `porter verify` does it."


@dataclass
class Result:
    """directory: where the model is, None after a dry run. report: what report.json holds. source: model.py's text."""

    directory: Path | None
    report: dict[str, Any]
    source: str


def convert(
    source: Path, out: Path | None = None, options: Options | None = None, progress: Progress = quiet
) -> Result:
    """Convert the TensorFlow 1 model at `source` into the folder `out`, by default `<name>_keras` here.

    The folder is written whole or not at all. Raises `PorterError`: `UnreadableSource`, `Unsupported`, `UsageError`, or
    `OutputsDiffer` where the converted model does not compute the same.
    """
    from porter.emit import save
    from porter.verify import Reference, refuse_coupled

    options = options or Options()
    directory = out or Path(f"{model_name(Path(source))}_keras")
    check_free(directory, options)
    original = open_original(Path(source), options, progress)
    with Reference(original) as reference, beside(directory) as work:
        refuse_coupled(reference)
        made = _make_and_prove(original, options, reference, work, progress)
        if made.model is None:
            return Result(None, made.report, made.source)
        with writing(directory, ANOTHER):
            save(made.model, work)
            write_report(made.report, work)
            if made.proof is not None:
                certify(work, made.report, made.proof, made.model)
            move(work, directory)
    return Result(directory, made.report, made.source)


def _make_and_prove(original: Any, options: Options, reference: Any, work: Path, progress: Progress) -> _Made:
    """Raise, write, run and prove. Where the proof fails, what each layer does alone tells which rules to do without."""
    from porter.rewrite import BATCH_SAFE
    from porter.verify import prove

    refuted: dict[tuple[str, str], str] = {}
    while True:
        graph, rewriting = raise_graph(original, options, progress, refuted=refuted)
        made = _make(original, options, graph, rewriting, reference, work, progress)
        if made.model is None or not options.verify:
            return made

        def proof(*levels: int, made: _Made = made) -> Any:
            return prove(
                original, made.model, made.report, None, levels=levels, exact=options.exact, reference=reference,
                progress=lambda title: progress(f"verify: {title}", 0.5), keep_records=3 in levels,
            )  # fmt: skip

        found = made.proof = proof(0, 1, 3, 4)
        made.report["verified"] = found.to_dict()
        for change in made.report["changes"]:
            change["difference"] = {name: found.apart[name] for name in change["outputs"] if name in found.apart}
        if not found.failed:
            made.report["warnings"] += _seen_to_couple(found, made.report)
            _say(
                made,
                work,
                "Proved: see report.html." if found.proved else "Not proved: see report.html for the reason.",
            )
            progress("verify", 1)
            return made
        wrong = _refuted(proof(2), made.report)
        if wrong.keys() <= refuted.keys() and made.report["changes"]:
            wrong = {
                (BATCH_SAFE, ""): f"as each sample's own it is not what the original gives for one alone, {_why(found)}"
            }
        if wrong.keys() <= refuted.keys():
            _say(made, work, "NOT PROVED: its outputs differ from the original's.")
            if not options.keep_failed:
                raise _differ(found)
            return made
        refuted.update(wrong)


def make(original: Any, options: Options, reference: Any, work: Path, progress: Progress = quiet) -> _Made:
    """The converted model alone, unproved, with what report.json would hold of it."""
    graph, rewriting = raise_graph(original, options, progress)
    return _make(original, options, graph, rewriting, reference, work, progress)


@dataclass
class _Made:
    """A model that was made, with its proof once there is one; without model after a dry run."""

    source: str
    report: dict[str, Any]
    model: Any = None
    proof: Any = None


def _make(
    original: Any, options: Options, graph: Graph, rewriting: Any, reference: Any, work: Path, progress: Progress
) -> _Made:
    """Write model.py into `work` and make the model by running it."""
    from porter.emit import build, emit

    name = model_name(original.source.path)
    evaluate = Evaluation(original, reference)
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
    (work / "model.py").write_text(emitted.source, encoding="utf-8")
    for file, text in emitted.files.items():
        (work / file).write_text(text, encoding="utf-8", newline="")
    report = content(original, options, graph, emitted, rewriting, evaluate.folded)
    if options.dry_run:
        return _Made(emitted.source, report)
    refuse_backend(report["only_tensorflow"])
    model = build(work / "model.py", emitted.bindings, evaluate)
    progress("write", 1)
    return _Made(emitted.source, report, model)


def _seen_to_couple(proof: Any, report: dict[str, Any]) -> list[str]:
    """What level 4 saw of samples that influence each other, where nothing that was read in the graph tells of it."""
    from porter.verify.independence import ALIKE

    if any("depends on its neighbours" in text for text in report["warnings"]):
        return []
    return [note for level in proof.levels if level.level == 4 for note in level.notes if note.endswith(ALIKE)]


def _why(proof: Any) -> str:
    return next(f"level {level.level}: {level.reason}" for level in proof.levels if level.status == "failed")


def _refuted(proof: Any, report: dict[str, Any]) -> dict[tuple[str, str], str]:
    """The rules whose layers do not compute what they stand for: (rule, TensorFlow node), and how far they are off."""
    found = {}
    for level in proof.levels:
        for outcome in level.layers:
            row = report["layers"][outcome["row"]]
            if outcome["status"] == "differs" and row["rule"] and row["nodes"]:
                found.update({(row["rule"], node): outcome.get("why", "") for node in row["nodes"]})
    return found


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


def model_name(source: Path) -> str:
    """The source's name without `.ckpt`, step number and extension; a folder's own name for what lies in one."""
    name = re.sub(r"\.py([:\s].*)?$", "", str(source), flags=re.DOTALL).rsplit("/", 1)[-1]
    if name == "saved_model.pb":
        name = source.resolve().parent.name
    name = re.sub(r"\.(tar\.gz|tgz|tar|zip|tar\.bz2)$", "", name)
    name = re.sub(r"\.(meta|index|pb|pbtxt|h5|hdf5|keras|data-\d+-of-\d+)$", "", name)
    name = re.sub(r"(\.ckpt)?(-\d+)?$", "", name)
    name = re.sub(r"\.ckpt$", "", name)
    return re.sub(r"\W+", "_", name).strip("_") or "model"


def _about(original: Any) -> str:
    source = original.source
    details = [_producer(source.producer), f"{len(source.graph_def.node):,} nodes"]
    details.append(f"step {source.step}" if source.step is not None else "")
    return f"{source.path.name} ({', '.join(filter(None, details))})"


def _producer(producer: str) -> str:
    return f"TensorFlow {producer}" if producer[:1].isdigit() else producer


def _notes(rewriting: Any) -> list[str]:
    notes = [f"Changed on purpose, {change['layer'].split(':')[0]}: {change['why']}." for change in rewriting.changes]
    return [*notes, NOT_YET]


def _fingerprint(original: Any) -> str:
    """Tells this model's custom layers from those of other models of the same name."""
    return hashlib.sha256(original.graph_def.SerializeToString(deterministic=True)).hexdigest()[:6]


def _say(made: _Made, work: Path, sentence: str) -> None:
    """Put what the proof came to into model.py's docstring."""
    made.source = made.source.replace(NOT_YET, sentence, 1)
    (work / "model.py").write_text(made.source, encoding="utf-8")
