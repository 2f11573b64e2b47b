"""Python source as a model's source: what the user named, and the process in which it is run."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from porter.errors import PorterError, UnreadableSource, UsageError

LIKE = 'such as net.py, net.py:build, "net.py:Model(config=dict(size=64)).logits" or "net.py --mode test"'

FRACTION = r"'float' object|of type '?float|type 'float'|must be an? int|float.* to int|slice indices must be"


@dataclass
class Program:
    """Legacy source to run. call: what of it to call, an expression, "" for a script. arguments: of its command line."""

    file: Path
    call: str = ""
    arguments: list[str] = field(default_factory=list)


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
    match = re.fullmatch(r"(.+?\.py)(?::(.*)|\s(.*))?", str(source), re.DOTALL)
    if match is None or Path(str(source)).is_dir():
        return None
    file, text, rest = Path(match[1]), match[2], match[3] or ""
    if text is not None:
        text, rest = _parted(text)
    try:
        arguments = shlex.split(rest)
        if text is not None:
            _check_call(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError):
        raise UsageError(f"{text or rest!r} names nothing in {file.name}", todo=f"name something, {LIKE}") from None
    return Program(file, (text or "").strip(), arguments)


def _parted(text: str) -> tuple[str, str]:
    """An expression, and the arguments of the command line that stand behind it: "build(size=3) --mode test"."""
    depth, quote = 0, ""
    for at, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "([{") - (letter in ")]}")
            if depth == 0 and re.match(r"\s+--?[A-Za-z]", text[at:]):
                return text[:at], text[at:]
    return text, ""


def _check_call(node: ast.expr) -> None:
    """Raise ValueError for what is no name, attribute, element or call of one."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    if not isinstance(node, ast.Name):
        raise ValueError


def run_program(
    program: Program, placeholders: Sequence[dict[str, Any]], fresh: bool, keras_weights: Path | None = None,
    checkpoint: Path | None = None,
) -> Built:  # fmt: skip
    """Run a program in a process of its own, in the world of TensorFlow 1, and take the graph that it built.

    placeholders: made for parameters, as {"name", "dtype", "shape"}. fresh: whether to draw weights as well.
    keras_weights: an `.h5` file for the Keras model that it gives. checkpoint: whose variables tell a complete graph.
    Raises UsageError where it needs other arguments, UnreadableSource where it fails or builds nothing.
    """
    if not program.file.is_file():
        raise UnreadableSource(f"{program.file} does not exist.", todo="check the path")
    job = {
        "file": str(program.file), "call": program.call, "arguments": program.arguments,
        "placeholders": list(placeholders), "fresh": fresh, "as_python": False, "python2": False,
        "checkpoint": str(checkpoint.resolve()) if checkpoint else "",
        "keras_weights": str(keras_weights.resolve()) if keras_weights else "",
    }  # fmt: skip
    notes: list[str] = []
    folder = tempfile.TemporaryDirectory(prefix="porter-program-")
    found = _run(job, folder.name)
    for _ in range(2):  # each of the two assumptions that another run may need
        message = found["error"]["message"] if "error" in found else ""
        if "as a Python `bool`" in message and not job["as_python"]:
            job["as_python"] = True
            notes.append(
                f"{program.call} uses a switch as a Python value: it was called for inference (False, keep_prob 1)."
            )
        elif re.search(FRACTION, message) and not job["python2"]:
            job["python2"] = True
            notes.append(
                "With Python 3's division it stopped with an error about a fraction, so it was run as Python 2."
            )
        else:
            break
        again = _run(job, folder.name)
        if "error" in again and job["python2"]:
            break  # the first error is the one to tell
        found = again
    if "error" in found:
        raise _problem(program, found["error"])
    return Built(folder, found["until"], found["outputs"], notes + found["notes"])


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
        return UnreadableSource(
            f"{name} is no Python that can be run, neither 3 nor 2.", where=where, why=message, todo="check the file"
        )
    todo = "name the function that builds the network, NET.py:build, if the script does more than that"
    if program.call:
        todo = "see whether it needs other arguments; they go into the call, " + LIKE
    if kind == "FileNotFoundError":
        todo = "put that file there, it may decide sizes of the network; or " + todo
    if kind == "AbsentError" and message.endswith("installed"):
        absent = message.partition(", and ")[2].split()[0]
        todo = f"{absent} can be installed beside porter, if it is a library; or name a function that does without"
    return UnreadableSource(
        f"{name} stopped with an error before its graph was complete.",
        where=where, why=f"{kind}: {message}" if kind else message, todo=todo,
    )  # fmt: skip
