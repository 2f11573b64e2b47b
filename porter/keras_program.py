"""A Keras file whose Lambda layers are functions that the user named.

Those functions are legacy source, which runs in the world of TensorFlow 1 and so in a process of its own:
`python -m porter.keras_program JOB.json`. What it builds comes back through files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from porter.errors import PorterError, UnreadableSource, Unsupported, UsageError
from porter.legacy.launch import program_of

ERRORS: dict[str, type[PorterError]] = {each.__name__: each for each in (UnreadableSource, Unsupported, UsageError)}


def open_with_functions(path: Path, into: Path | None, functions: Mapping[str, str]) -> Any:
    """The source of an `.h5` file, with functions by the layers' names, each as "my_file.py:function".

    Raises as `open_keras_file` does, and UnreadableSource where a function cannot be loaded or does not fit.
    """
    named = {}
    for layer, text in functions.items():
        program = program_of(Path(text))
        if program is None or not program.call or not program.file.is_file():
            raise UsageError(
                f"{text} names no function for {layer}.",
                why=f"there is no file {program.file}" if program and not program.file.is_file() else "",
                todo=f"for example --lambda {layer}=my_file.py:function",
            )
        named[layer] = {"file": str(program.file.resolve()), "name": program.call}
    folder = tempfile.TemporaryDirectory(prefix="porter-keras-")
    job = {"path": str(path), "into": str(into) if into else None, "functions": named, "folder": folder.name}
    found = _run(job)
    if "error" in found:
        error = found["error"]
        raise ERRORS.get(error["type"], UnreadableSource)(
            error["what"], where=error["where"], why=error["why"], todo=error["todo"]
        )
    source = _unpacked(folder, found)
    source.path = path
    source.files = [path, *([into] if into else []), *(Path(each["file"]) for each in named.values())]
    source.executed = {"file": ", ".join(functions.values()), "call": "", "until": "the model was built"}
    return source


def _packed(source: Any, folder: Path) -> dict[str, Any]:
    """Write a source down for another process: its graph and its arrays into files, the rest as JSON."""
    (folder / "graph.pb").write_bytes(source.graph_def.SerializeToString())
    np.savez(folder / "weights.npz", **{str(at): source.load(name) for at, name in enumerate(source.stored)})
    signatures = [[each.name, each.inputs, each.outputs] for each in source.signatures]
    kept = {key: getattr(source, key) for key in ("producer", "collections", "stored", "left", "warnings")}
    return {**kept, "signatures": signatures}


def _unpacked(folder: tempfile.TemporaryDirectory[str], found: dict[str, Any]) -> Any:
    """The source that `_packed` wrote down. The folder stays as long as the source does."""
    from tensorflow.core.framework import graph_pb2

    from porter.read.model import Signature, Source

    graph_def = graph_pb2.GraphDef()
    graph_def.ParseFromString((Path(folder.name) / "graph.pb").read_bytes())
    places = {name: str(at) for at, name in enumerate(found["stored"])}

    def load(name: str) -> np.ndarray:
        with np.load(Path(folder.name) / "weights.npz") as arrays:
            return np.asarray(arrays[places[name]])

    return Source(
        Path(), "Keras HDF5", [], graph_def, found["producer"], [Signature(*row) for row in found["signatures"]],
        found["collections"], {name: (tuple(shape), dtype) for name, (shape, dtype) in found["stored"].items()}, load,
        left=found["left"], warnings=found["warnings"], keep=folder,
    )  # fmt: skip


def _run(job: dict[str, Any]) -> dict[str, Any]:
    file = Path(job["folder"]) / "job.json"
    file.write_text(json.dumps(job))
    env = {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "porter.keras_program", str(file)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env={**os.environ, **env},
    )  # fmt: skip
    result = file.with_name("built.json")
    if result.is_file():
        return dict(json.loads(result.read_text()))
    last = [line for line in done.stderr.splitlines() if line.strip()][-1:] or [f"exit code {done.returncode}"]
    return {
        "error": {
            "type": "",
            "what": "The process that built the model ended.",
            "where": "",
            "why": last[0],
            "todo": "",
        }
    }


def main(job_file: str) -> None:
    """In the world of TensorFlow 1: build the model, and write its graph, its weights and built.json."""
    job = json.loads(Path(job_file).read_text())
    from porter.legacy.world import enter

    enter()
    try:
        found = _build(job)
    except PorterError as problem:
        told = {"type": type(problem).__name__, "what": problem.what, "where": problem.where}
        found = {"error": {**told, "why": problem.why, "todo": problem.todo}}
    except Exception as problem:  # the functions are any program
        told = {"type": "", "what": "A function that was named could not be loaded.", "where": "", "todo": ""}
        found = {"error": {**told, "why": f"{type(problem).__name__}: {problem}"}}
    (Path(job["folder"]) / "built.json").write_text(json.dumps(found))


def _build(job: dict[str, Any]) -> dict[str, Any]:
    from porter.legacy.program import load_module
    from porter.read.keras_file import open_keras_file

    functions = {
        layer: getattr(load_module(Path(each["file"])), each["name"]) for layer, each in job["functions"].items()
    }
    into = Path(job["into"]) if job["into"] else None
    return _packed(open_keras_file(Path(job["path"]), into, functions), Path(job["folder"]))


if __name__ == "__main__":
    main(sys.argv[1])
