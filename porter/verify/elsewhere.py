"""Level 7: the files as they were written, in a fresh process per backend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from porter.verify.case import Case, Outcome
from porter.verify.converted import named
from porter.verify.trials import Trials

BACKENDS = ("tensorflow", "jax", "torch")
WAYS = {"source": "model.py", "archive": "model.keras", "compiled": "model.py, compiled"}
SECONDS = 900  # after which a process is given up

# What JAX and XLA say of shapes that depend on data: such a model runs, but not compiled.
DYNAMIC = (
    "Concretization",
    "NonConcrete",
    "TracerBool",
    "TracerInteger",
    "TracerArray",
    "compile-time constant",
    "dynamic shape",
)


def run_elsewhere(
    directory: Path, cases: Sequence[Case], trials: Trials, backends: Sequence[str], bound_to_tensorflow: str = ""
) -> tuple[list[Outcome], list[str], list[str], list[str]]:
    """Outcomes, faults, notes, and which backends are not there, or not possible.

    bound_to_tensorflow: why no other backend can run the model; "" where they can.
    """
    outcomes, faults, notes, missing = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="porter-") as scratch:
        inputs = Path(scratch) / "inputs.npz"
        names = trials.converted.inputs
        arrays: dict[str, Any] = {
            f"{c}:{i}": each.feeds[name] for c, each in enumerate(cases) for i, name in enumerate(names)
        }
        np.savez(inputs, **arrays)
        for backend in backends:
            if find_spec(backend) is None:
                missing.append(f"{backend} is not installed: not run on it")
                continue
            if backend != "tensorflow" and bound_to_tensorflow:
                missing.append(f"{backend}: not possible, as {bound_to_tensorflow}")
                continue
            answers = Path(scratch) / f"{backend}.npz"
            problems = _run(backend, directory, inputs, answers)
            if "process" in problems:
                faults.append(f"{backend}: {problems['process']}")
                continue
            if problems["imports"]:
                faults.append(f"{backend}: the converted model imports {', '.join(problems['imports'])}")
            for way, title in WAYS.items():
                problem = problems[way]
                if way == "compiled" and any(word in problem for word in DYNAMIC):
                    notes.append(f"{backend}: runs, but not compiled, as a shape depends on data: {problem[:200]}")
                elif problem:
                    faults.append(f"{backend}, {title}: {problem}")
                else:
                    outcomes += _outcomes(backend, way, answers, cases, trials)
    return outcomes, faults, notes, missing


def _run(backend: str, directory: Path, inputs: Path, answers: Path) -> dict[str, Any]:
    """What fresh.py printed; {"process": why} where it did not come to that."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "CUDA_VISIBLE_DEVICES": "",  # the original is run on the CPU too
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    script = Path(__file__).with_name("fresh.py")
    command = [sys.executable, "-P", str(script), str(directory), str(inputs), str(answers)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return {"process": f"no answer within {SECONDS} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        said = [line for line in done.stderr.strip().splitlines() if line.strip()]
        return {
            "process": f"the process ended with {done.returncode}: {said[-1][:300] if said else 'nothing was said'}"
        }
    return json.loads(lines[-1])


def _outcomes(backend: str, way: str, answers: Path, cases: Sequence[Case], trials: Trials) -> list[Outcome]:
    tolerance = replace(trials.tolerance, narrow=backend == "jax")
    found = []
    with np.load(answers, allow_pickle=False) as npz:
        for number, case in enumerate(cases):
            outcome = Outcome(f"{backend}, {WAYS[way]}, {case.label}", case.samples)
            arrays = [npz[f"{way}:{number}:{i}"] for i in range(len(trials.converted.outputs))]
            outcome.comparisons = trials.compare(case, named(trials.converted.outputs, arrays), tolerance)
            found.append(outcome)
    return found
