"""Runs legacy Python source in the world of TensorFlow 1, and writes down the graph that it built.

A process of its own: `python -m porter.legacy.program JOB.json`. The job says what to run and where the results go; they
are `model.ckpt.meta`, with fresh weights `model.ckpt` too, and `built.json`, which holds what went wrong if something did.
"""

from __future__ import annotations

import gc
import importlib.machinery
import importlib.util
import json
import linecache
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from porter.legacy import program_stop as stop
from porter.legacy.expression import Evaluation, Refusal, offers
from porter.legacy.world import enter, libraries, python2


class NoGraph(Exception):
    """The program ran to its end without building anything."""


def main(job_file: str) -> None:
    """Run the job, and write built.json beside it."""
    job = json.loads(Path(job_file).read_text())
    folder = Path(job["folder"])
    try:
        found = _run(job, folder)
    except (SystemExit, Exception) as problem:
        found = {"error": _told(problem, job)}
    (folder / "built.json").write_text(json.dumps(found))


def _run(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    file = Path(job["file"])
    translator = python2.Translator(job["python2"])
    translator.look(file)
    translator.compile(file.read_bytes(), str(file))  # what is no Python needs no world
    enter(translator)
    import tensorflow.compat.v1 as tf

    from porter.legacy.world import command_line

    sys.argv = [str(file), *job["arguments"]]
    sys.path[:0] = [str(file.resolve().parent), str(Path.cwd())]
    notes: list[str] = []
    command_line.restore(tf, notes)
    stopped = stop.arm(tf)
    result, until = None, f"{file.name} ended"
    graph = tf.get_default_graph()
    try:
        if job["call"]:
            result = _call(tf, load_module(file), job, notes)
            until = f"{job['call']} returned"
        else:
            _run_script(file)
    except stop.Stopped:
        pass
    except Refusal:
        raise
    except (Exception, SystemExit) as problem:
        if not (isinstance(problem, SystemExit) and problem.code in (None, 0)) and not stopped:
            if not _is_complete(tf, tf.get_default_graph(), job["checkpoint"]):
                raise
            told = _told(problem, job)
            until = f"{file.name} stopped with an error of its own"
            notes.append(
                f"{until} at {told['where']} ({told['type']}: {told['message'][:200]}). The graph that it had built until "
                "then was taken: it has all variables of the checkpoint."
            )
            graph = tf.get_default_graph()
    if stopped:
        until, graph = stopped.until, stopped.graph or graph
        result = result if _flat(tf, result) else stopped.fetches
    graph = _graph(tf, graph, result)
    if not graph.get_operations():
        raise NoGraph("it built no graph" if job["call"] else f"it built no graph before it ended; it has {offers()}")
    stopped.disarm()
    found = {
        "until": until,
        "outputs": _outputs(tf, graph, result),
        "notes": notes + translator.notes() + libraries.notes(),
    }
    if job.get("keras_weights"):
        return {**found, **_write_loaded(tf, graph, folder, result, job["keras_weights"])}
    return {**found, **_write(tf, graph, folder, job["fresh"])}


def _run_script(file: Path) -> None:
    """Run a file as Python runs a script."""
    module = ModuleType("__main__")
    module.__file__, sys.modules["__main__"] = str(file), module
    loader = importlib.machinery.SourceFileLoader("__main__", str(file))
    module.__loader__ = loader
    code = loader.get_code("__main__")
    assert code is not None
    exec(code, vars(module))


def _is_complete(tf: Any, graph: Any, checkpoint: str) -> bool:
    """Whether a graph has all variables of the checkpoint, but for what training adds, and no others."""
    if not checkpoint:
        return False
    prefix = tf.train.latest_checkpoint(checkpoint) if Path(checkpoint).is_dir() else checkpoint
    try:
        stored = {name for name, _ in tf.train.list_variables(re.sub(r"\.(meta|index|data-\d+-of-\d+)$", "", prefix))}
    except (tf.errors.OpError, TypeError, ValueError):
        return False
    with graph.as_default():
        ours = {variable.op.name for variable in tf.global_variables()}
    more = {name for name in stored - ours if not any(name.startswith(f"{each}/") for each in ours)}
    return bool(ours) and ours <= stored and more <= {"beta1_power", "beta2_power", "global_step"}


def load_module(file: Path) -> Any:
    """The module in `file`, as part of its package if it lies in one."""
    names, top = [file.stem], file.resolve().parent
    while (top / "__init__.py").is_file():
        names.insert(0, top.name)
        top = top.parent
    if len(names) > 1:
        sys.path.insert(0, str(top))
        return importlib.import_module(".".join(names))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(file.stem, module)
    spec.loader.exec_module(module)
    return module


def _call(tf: Any, module: Any, job: dict[str, Any], notes: list[str]) -> Any:
    """Evaluate what the job names, with placeholders for what it asks for."""
    made = {
        row["name"]: tf.placeholder(tf.as_dtype(row["dtype"]), row["shape"], name=row["name"])
        for row in job["placeholders"]
    }
    return Evaluation(tf, module, made, job["as_python"], notes).evaluate(job["call"])


def _graph(tf: Any, graph: Any, result: Any) -> Any:
    """The graph that the program built: that of its result, the default one, or the largest there is."""
    for each in _flat(tf, result):
        return each.graph
    if graph.get_operations():
        return graph
    graphs = [each for each in gc.get_objects() if type(each) is type(graph)]
    return max(graphs, key=lambda each: len(each.get_operations()))


def _flat(tf: Any, result: Any) -> list[Any]:
    """The tensors in a result: its own ones, or if there are none, those inside what it holds."""
    kinds = (tf.Tensor, tf.Variable)
    result = getattr(result, "predictions", result) if hasattr(result, "_fields") else result
    result = result.outputs if isinstance(result, tf.keras.Model) else result
    if isinstance(result, kinds):
        return [result]
    values = list(result.values()) if isinstance(result, dict) else result
    if not isinstance(values, list | tuple):
        return []
    own = [each for each in values if isinstance(each, kinds)]
    return own or [tensor for each in values for tensor in _flat(tf, each)]


def _outputs(tf: Any, graph: Any, result: Any) -> list[str]:
    """Names of those tensors of a result that are computed from something, and are no single number such as a loss."""
    found = []
    for each in _flat(tf, result):
        plain = isinstance(each, tf.Tensor) and each.dtype != tf.string and each.graph is graph
        if plain and not each.op.type.startswith(("Placeholder", "Variable", "Const")) and each.get_shape().ndims != 0:
            found.append(each.name)
    return list(dict.fromkeys(found))


def _write(tf: Any, graph: Any, folder: Path, fresh: bool) -> dict[str, Any]:
    """The MetaGraph, and weights drawn with fixed seeds if they are asked for."""
    with graph.as_default():
        tf.train.export_meta_graph(str(folder / "model.ckpt.meta"), graph=graph, clear_devices=True)
        variables = tf.global_variables()
        if not fresh or not variables:
            return {"variables": len(variables)}
        for at, operation in enumerate(graph.get_operations()):
            if operation.type in ("RandomUniform", "TruncatedNormal", "RandomStandardNormal", "Multinomial"):
                operation._set_attr("seed", tf.AttrValue(i=at + 1))
                operation._set_attr("seed2", tf.AttrValue(i=1))
        with tf.Session(graph=graph) as session:
            session.run(tf.variables_initializer(variables))
            tf.train.Saver(variables).save(
                session, str(folder / "model.ckpt"), write_meta_graph=False, write_state=False
            )
    return {"variables": len(variables)}


def _write_loaded(tf: Any, graph: Any, folder: Path, model: Any, weights: str) -> dict[str, Any]:
    """The MetaGraph of a Keras model with the weights that Keras itself reads: an `.h5` file, an object-based checkpoint."""
    if not isinstance(model, tf.keras.Model):
        raise Refusal(f"the weights in {Path(weights).name} belong to a Keras model, and it gave none")
    with graph.as_default():
        session = tf.keras.backend.get_session()
        try:
            weights = tf.train.latest_checkpoint(weights) if Path(weights).is_dir() else weights
            loaded = model.load_weights(re.sub(r"\.(index|data-\d+-of-\d+)$", "", weights))
            if loaded is not None:  # how the reading of a checkpoint went
                loaded.assert_existing_objects_matched()
        except (ValueError, KeyError, AssertionError) as problem:
            raise Refusal(f"the weights in {Path(weights).name} do not fit the model: {problem}") from problem
        tf.train.export_meta_graph(str(folder / "model.ckpt.meta"), graph=graph, clear_devices=True)
        saver = tf.train.Saver(model.weights)
        saver.save(session, str(folder / "model.ckpt"), write_meta_graph=False, write_state=False)
    return {"variables": len(model.weights)}


def _told(problem: BaseException, job: dict[str, Any]) -> dict[str, Any]:
    """What went wrong, and at which line of the program's own files."""
    told = {"type": type(problem).__name__, "message": " ".join(str(problem).split())[:600], "where": ""}
    if isinstance(problem, SyntaxError) and problem.filename:
        return told | {"where": f"{problem.filename}:{problem.lineno}", "line": (problem.text or "").strip()}
    ours = str(Path(__file__).parent)
    for frame in reversed(traceback.extract_tb(problem.__traceback__)):
        inside = "site-packages" in frame.filename or frame.filename.startswith((ours, "<", sys.base_prefix))
        if not inside or frame.filename == str(Path(job["file"])):
            line = linecache.getline(frame.filename, frame.lineno or 0).strip()
            return told | {"where": f"{frame.filename}:{frame.lineno}, in {frame.name}", "line": line}
    return told


if __name__ == "__main__":
    main(sys.argv[1])
