"""The stages that every command goes through: reading, and raising to Keras calls."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from porter.errors import NamesDiffer, UsageError, reading
from porter.graph import Graph, Value
from porter.keras_program import open_with_functions
from porter.legacy.launch import Program, program_of, run_program
from porter.mapping import read_map, write_map
from porter.options import Options, Progress


def open_original(source: Path, options: Options, progress: Progress) -> Any:
    """Read `source` and cut it down to what is converted."""
    from porter.read import make_original, open_source

    progress("read", 0)
    program = program_of(source)
    if options.placeholders and program is None:
        raise UsageError(
            "--placeholder is for Python source", todo="--shape gives a placeholder of the graph its shape"
        )
    with reading(source):
        if options.into or options.functions:
            found = _keras_weights(source, options)
        elif program is not None:
            found = _built(program, source, options)
        else:
            found = open_source(source, options.checkpoint)
    progress("read", 0.5)
    file = Path(options.map_file) if options.map_file else None
    if file is not None and file.exists():
        options.names = read_map(file)
    try:
        original = make_original(
            found, inputs=options.inputs, outputs=options.outputs or found.wished or _captured_outputs(source),
            freeze=options.freeze, shapes=options.shapes, weights=options.weights, renamed=options.names,
            lift=options.lift_batch,
        )  # fmt: skip
    except NamesDiffer as problem:
        if file is not None and not file.exists() and problem.proposal:
            write_map(file, problem.proposal)
            problem.todo = f"the proposal is in {file}: check it, and give the same command again"
        raise
    progress("read", 1)
    return original


def _keras_weights(source: Path, options: Options) -> Any:
    """An `.h5` file that needs something beside it: what builds its model, or the functions of its Lambda layers."""
    from porter.read import is_keras_file, open_source

    if not is_keras_file(source):
        raise UsageError(
            f"{source} is no Keras `.h5` file, to which --into and --lambda belong.", todo="leave them out"
        )
    program = program_of(Path(options.into)) if options.into else None
    if program is not None:
        return _built(program, source, replace(options, checkpoint=str(source)))
    into = Path(options.into) if options.into else None
    if not options.functions:
        return open_source(source, into=into)
    return open_with_functions(source, into, options.functions)


def _built(program: Program, source: Path, options: Options) -> Any:
    """The source that Python source builds, with the weights of a checkpoint or with fresh ones."""
    from porter.read import is_keras_file, object_based, open_graph

    weights = Path(options.checkpoint) if options.checkpoint else None
    of_keras = [] if weights is None else [weights] if is_keras_file(weights) else object_based(weights)
    built = run_program(
        program, options.placeholders, fresh=weights is None, keras_weights=weights if of_keras else None,
        checkpoint=None if of_keras else weights,
    )  # fmt: skip
    found = open_graph(built.meta, built.weights if of_keras or weights is None else weights)
    found.path, found.format, found.wished, found.keep = source, "Python source", built.outputs, (found.keep, built)
    found.files = [program.file, *(of_keras or (found.files[1:] if weights else []))]
    found.producer = ""  # that of the TensorFlow that ran it says nothing about the model
    found.executed = {"file": str(program.file), "call": program.call, "until": built.until}
    found.executed |= {"arguments": program.arguments} if program.arguments else {}
    found.warnings += built.notes
    if weights is None and built.weights is not None:
        found.warnings.append(
            "No --checkpoint was given: the weights are fresh ones, drawn by the graph's initializers."
        )
    return found


def _captured_outputs(source: Path) -> list[str] | None:
    """The outputs that were named when the program of `porter capture` recorded the model, if it did."""
    try:
        found = json.loads((source / "capture.json").read_text())["outputs"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return [str(name) for name in found] or None


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
    from porter.rewrite.untouched import untouched_statistics
    from porter.rules import RULES

    progress("rules", 0)
    graph = canonical(to_graph(original))
    result = rewrite(
        graph,
        RULES,
        exact=options.exact,
        normalisation=options.normalisation,
        result=rewriting,
        refuted=refuted,
        progress=lambda done, all_: progress("rules", done / all_),
    )
    result.warnings += untouched_statistics(graph, original.load)
    return graph, result


def refuse_backend(only_tensorflow: str) -> None:
    """Raise UsageError where the model is for TensorFlow alone, for this reason, and Keras computes with another."""
    import keras

    backend = keras.backend.backend()
    if only_tensorflow and backend != "tensorflow":
        raise UsageError(
            f"Keras computes with {backend} here, and the model runs on TensorFlow alone",
            why=only_tensorflow,
            todo="set KERAS_BACKEND=tensorflow, or name the numbers that are looked up with --inputs",
        )


class Evaluation:
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
