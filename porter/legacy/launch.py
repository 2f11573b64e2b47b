"""Python source as a model's source: what the user named, and the process in which it is run."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from porter.errors import PorterError, UnreadableSource, UsageError

LIKE = 'such as net.py, net.py:build or "net.py:build(classes=10)"'


@dataclass
class Program:
    """Legacy source to run. call: the function, class or method to call, "" for a script. arguments: given to it."""

    file: Path
    call: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass
class Built:
    """What a program built. folder: holds model.ckpt.meta, and model.ckpt if weights were drawn; gone with this object.

    until: where the program stopped, in words. outputs: tensors that it gave or asked for.
    """

    folder: tempfile.TemporaryDirectory[str]
    until: str
    outputs: list[str]
    notes: list[str]

    @property
    def weights(self) -> Path | None:
        """The prefix of the fresh weights; None where there are none."""
        prefix = Path(self.folder.name) / "model.ckpt"
        return prefix if prefix.with_name("model.ckpt.index").exists() else None

    @property
    def meta(self) -> Path:
        """The file with the graph."""
        return Path(self.folder.name) / "model.ckpt.meta"


def program_of(source: Path) -> Program | None:
    """The program that `source` names, None if it names something else. Raises UsageError for a call that isn't one."""
    match = re.fullmatch(r"(.+\.py)(?::(.*))?", str(source), re.DOTALL)
    if match is None or Path(str(source)).is_dir():
        return None
    file, text = Path(match[1]), (match[2] or "").strip()
    name, bracket, _ = text.partition("(")
    if not all(part.isidentifier() for part in name.split(".")) if text else match[2] is not None:
        raise UsageError(f"{text!r} names no function of {file.name}", todo=f"name one, {LIKE}")
    if not bracket:
        return Program(file, name)
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError(text)
        return Program(file, name, {str(each.arg): ast.literal_eval(each.value) for each in call.keywords})
    except (SyntaxError, ValueError):
        raise UsageError(
            f"The arguments in {text!r} are no names with values", todo=f"write them as Python does, {LIKE}"
        ) from None


def run_program(
    program: Program, placeholders: Sequence[dict[str, Any]], fresh: bool, keras_weights: Path | None = None
) -> Built:
    """Run a program in a process of its own, in the world of TensorFlow 1, and take the graph that it built.

    placeholders: made for parameters, as {"name", "dtype", "shape"}. fresh: whether to draw weights as well.
    keras_weights: an `.h5` file for the Keras model that it gives.
    Raises UsageError where it needs other arguments, UnreadableSource where it fails or builds nothing.
    """
    if not program.file.is_file():
        raise UnreadableSource(f"{program.file} does not exist.", todo="check the path")
    job = {
        "file": str(program.file), "call": program.call, "arguments": program.arguments,
        "placeholders": list(placeholders), "fresh": fresh, "as_python": False,
        "keras_weights": str(keras_weights.resolve()) if keras_weights else "",
    }  # fmt: skip
    notes: list[str] = []
    folder = tempfile.TemporaryDirectory(prefix="porter-program-")
    found = _run(job, folder.name)
    if "error" in found and "as a Python `bool`" in found["error"]["message"]:
        job["as_python"] = True
        found = _run(job, folder.name)
        notes.append(
            f"{program.call} uses a switch as a Python value: it was called for inference (False, keep_prob 1)."
        )
    if "error" in found:
        raise _problem(program, found["error"])
    return Built(folder, found["until"], found["outputs"], notes)


def _run(job: dict[str, Any], folder: str) -> dict[str, Any]:
    """What the process wrote of how it went."""
    job_file, result = Path(folder) / "job.json", Path(folder) / "built.json"
    result.unlink(missing_ok=True)
    job_file.write_text(json.dumps({**job, "folder": folder}))
    env = {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "porter.legacy.program", str(job_file)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env={**os.environ, **env},
    )  # fmt: skip
    if not result.is_file():
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:] or [f"exit code {done.returncode}"]
        return {"error": {"type": "", "message": f"the process ended without a word: {last[0]}", "where": ""}}
    return dict(json.loads(result.read_text()))


def _problem(program: Program, error: dict[str, str]) -> PorterError:
    """What went wrong in the program, in words."""
    kind, message = error["type"], error["message"]
    name = program.file.name
    where = error["where"] + (f": {error['line']}" if error.get("line") else "")
    if kind == "Refusal":
        return UsageError(
            f"{name} cannot be run so: {message}.",
            where=str(program.file),
            todo=f'give values in the call, {LIKE}, or inputs with --placeholder "x:float32[?,28,28,1]"',
        )
    if kind == "SyntaxError":
        old = "print" in error.get("line", "") or "Missing parentheses" in message or "except" in error.get("line", "")
        todo = "translate it to Python 3 first (print(…), except X as e)" if old else "check the file"
        why = f"{message}; this looks like Python 2" if old else message
        return UnreadableSource(f"{name} is no Python that can be run.", where=where, why=why, todo=todo)
    todo = "name the function that builds the network, NET.py:build, if the script does more than that"
    if program.call:
        todo = "see whether it needs other arguments; they go into the call, " + LIKE
    if kind == "AbsentError":
        todo = f"{message.split()[-3]} can be installed beside porter; or name a function that does without"
    return UnreadableSource(
        f"{name} stopped with an error before its graph was complete.",
        where=where, why=f"{kind}: {message}" if kind else message, todo=todo,
    )  # fmt: skip
