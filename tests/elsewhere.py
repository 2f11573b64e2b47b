"""Runs converted models on another Keras backend: many of them in one process, since a backend takes seconds to start.

    KERAS_BACKEND=jax python elsewhere.py SHELF PART

A shelf holds folders with model.py, model.keras and case.npz: inputs `in:NUMBER`, the answers `out:NUMBER`. With Keras and
numpy alone; every other folder is another part's. Prints a JSON object: by folder, what is wrong with it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

BACKENDS = [name for name in ("jax", "torch") if find_spec(name)]
PARTS = 2
LOOSE = 2e-4  # of the spread: other kernels add up in another order, and JAX has 32 bits
HALF = 8e-3  # of numbers with 10 bits behind the point: 8 times the last one


def run(shelf: Path, backend: str) -> dict[str, str]:
    """What is wrong, by folder, of the models on `shelf` under `backend`. Two processes share the work."""
    env = {**os.environ, "KERAS_BACKEND": backend, "PYTHONDONTWRITEBYTECODE": "1"}
    env["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # each operation is compiled for each shape, and run once
    words = [sys.executable, __file__, str(shelf)]
    running = [
        subprocess.Popen([*words, str(part)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for part in range(PARTS)
    ]
    found: dict[str, str] = {}
    for each in running:
        said, complained = each.communicate(timeout=1200)
        assert each.returncode == 0, complained[-3000:]
        found |= json.loads(said.splitlines()[-1])
    return found


def wrong(folder: Path) -> str:
    """What is wrong with the model in `folder`, "" if nothing."""
    try:
        return "; ".join(_wrong(folder))
    except Exception as problem:  # whatever it raises is what is wrong
        return f"raises {type(problem).__name__}: {problem}"[:500]


def _wrong(folder: Path) -> Iterator[str]:
    import keras

    with np.load(folder / "case.npz") as npz:
        given = [npz[f"in:{i}"] for i in range(sum(key.startswith("in:") for key in npz.files))]
        want = [npz[f"out:{i}"] for i in range(sum(key.startswith("out:") for key in npz.files))]
    spec = importlib.util.spec_from_file_location(f"model_{folder.name}", folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ways = {"archive": lambda: keras.saving.load_model(folder / "model.keras", compile=False)}
    if (folder / "model.weights.h5").exists():
        ways["source"] = module.load_model
    for way, load in ways.items():
        model: Any = load()
        found = keras.tree.flatten(model(given[0] if len(given) == 1 else given, training=False))
        for number, (got, answer) in enumerate(zip(found, want, strict=True)):
            text = differs(keras.ops.convert_to_numpy(got), answer)
            if text:
                yield f"{way}, output {number}: {text}"


def differs(got: np.ndarray, want: np.ndarray) -> str:
    """How `got` differs from `want`, "" if it does not."""
    if got.shape != want.shape:
        return f"shape {got.shape} instead of {want.shape}"
    if want.dtype.kind in "biu":
        share = float(np.mean(got != want)) if want.size else 0.0
        return f"{share:.3%} of the elements differ" if share else ""
    loose = HALF if want.dtype == np.float16 else LOOSE
    got, want = (np.asarray(each, "complex128" if want.dtype.kind == "c" else "float64") for each in (got, want))
    finite = np.isfinite(want)
    if not np.array_equal(np.where(finite, 0, got), np.where(finite, 0, want), equal_nan=True):
        return "infinite or not a number in other places"
    if not finite.any():
        return ""
    scale = float(np.ptp(want[finite].real)) or float(np.abs(want[finite]).max()) or 1.0
    error = float(np.abs(got[finite] - want[finite]).max()) / scale
    return f"off by {error:.1e} of the spread" if error > loose else ""


if __name__ == "__main__":
    folders = sorted(path.parent for path in Path(sys.argv[1]).glob("*/case.npz"))[int(sys.argv[2]) :: PARTS]
    found = {folder.name: wrong(folder) for folder in folders}
    print(json.dumps({name: text for name, text in found.items() if text}))
