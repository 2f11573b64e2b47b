"""Runs legacy Python source in the world of TensorFlow 1, and writes down the graph that it built.

A process of its own: `python -m porter.legacy.program JOB.json`. The job says what to run and where the results go; they
are `model.ckpt.meta`, with fresh weights `model.ckpt` too, and `built.json`, which holds what went wrong if something did.
"""

from __future__ import annotations

import gc
import importlib.util
import inspect
import json
import linecache
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

from porter.legacy import program_stop as stop
from porter.legacy.world import enter

KNOBS = ("is_training", "training", "is_train", "train_phase", "phase_train", "istrain", "train")
KEEPS = ("keep_prob", "dropout_keep_prob", "keep_probability")
USUAL = {"reuse": False, "mode": "infer", "labels": None, "scope": None}


class Refusal(Exception):
    """The program cannot be run as it was asked for; the text says why."""


class NoGraph(Exception):  # noqa: N818
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
    compile(file.read_bytes(), str(file), "exec", dont_inherit=True)  # what is no Python 3 needs no world
    enter()
    import tensorflow.compat.v1 as tf

    sys.argv = [str(file)]
    sys.path[:0] = [str(file.resolve().parent), str(Path.cwd())]
    stopped = stop.arm(tf)
    result, until = None, f"{file.name} ended"
    graph = tf.get_default_graph()
    try:
        if job["call"]:
            result = _call(tf, load_module(file), job)
            until = f"{job['call']} returned"
        else:
            runpy.run_path(str(file), run_name="__main__")
    except stop.Stopped:
        pass
    except SystemExit as problem:
        if problem.code not in (None, 0) and not stopped:
            raise
    if stopped:
        until, graph, result = stopped.until, stopped.graph, stopped.fetches
    graph = _graph(tf, graph, result)
    if not graph.get_operations():
        raise NoGraph("it built no graph" if job["call"] else "it built no graph before it ended")
    stopped.disarm()
    found = {"until": until, "outputs": _outputs(tf, graph, result)}
    if job.get("keras_weights"):
        return {**found, **_write_loaded(tf, graph, folder, result, job["keras_weights"])}
    return {**found, **_write(tf, graph, folder, job["fresh"])}


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


def _call(tf: Any, module: Any, job: dict[str, Any]) -> Any:
    """Call the function, class or method that the job names, with placeholders for what it asks for."""
    found = module
    for part in job["call"].split("."):
        if inspect.isclass(found):
            found = found()
        if not hasattr(found, part):
            near = [name for name, value in vars(found).items() if inspect.isfunction(value) or inspect.isclass(value)]
            raise Refusal(f"it has no {part}; it has {', '.join(near[:12]) or 'no functions'}")
        found = getattr(found, part)
    if not callable(found):
        return found
    parameters = inspect.signature(found).parameters
    made = {
        row["name"]: tf.placeholder(tf.as_dtype(row["dtype"]), row["shape"], name=row["name"])
        for row in job["placeholders"]
    }
    given = dict(job["arguments"])
    unknown = [name for name in given if name not in parameters and not _takes_any(parameters)]
    if unknown:
        raise Refusal(f"{job['call']} has no parameter {', '.join(unknown)}; it has {', '.join(parameters)}")
    given.update({name: made.pop(name) for name in list(made) if name in parameters})
    if made and "features" in parameters and "features" not in given:
        given["features"], made = made, {}  # a model function looks its features up by their names
    for name, parameter in parameters.items():  # placeholders of other names, in their order
        if made and name not in given and _asked(parameter):
            given[name] = made.pop(next(iter(made)))
    for name, parameter in parameters.items():
        switched = isinstance(parameter.default, bool) and parameter.default or name.lower() in KEEPS
        if name not in given and (_asked(parameter) or switched):  # a default for training is not for a converted model
            given.update(_usual(tf, name, job["as_python"]))
    missing = [name for name, parameter in parameters.items() if name not in given and _asked(parameter)]
    if missing:
        raise Refusal(f"{job['call']} needs {', '.join(missing)}")
    if made:
        raise Refusal(f"{job['call']} takes no {', '.join(made)}; its parameters are {', '.join(parameters) or 'none'}")
    return found(**given)


def _asked(parameter: inspect.Parameter) -> bool:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return parameter.default is inspect.Parameter.empty and parameter.kind in kinds


def _takes_any(parameters: Any) -> bool:
    return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())


def _usual(tf: Any, name: str, as_python: bool) -> dict[str, Any]:
    """What is given for a parameter whose name says what it is: switches, and what inference has none of."""
    if name.lower() in KNOBS:
        return {name: False if as_python else tf.placeholder_with_default(False, [], name=name)}
    if name.lower() in KEEPS:
        return {name: 1.0 if as_python else tf.placeholder(tf.float32, [], name=name)}
    if name in ("sess", "session"):
        return {name: tf.Session()}
    return {name: USUAL[name]} if name in USUAL else {}


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
    """The MetaGraph of a Keras model with the weights of an `.h5` file, which are put in as Keras itself does it."""
    if not isinstance(model, tf.keras.Model):
        raise Refusal("weights of an .h5 file belong to a Keras model, and it gave none")
    with graph.as_default():
        session = tf.keras.backend.get_session()
        try:
            model.load_weights(weights)
        except (ValueError, KeyError) as problem:
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
