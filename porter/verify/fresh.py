"""Runs a converted model in a process of its own, with Keras and numpy alone: level 7 starts it.

    KERAS_BACKEND=jax python -P fresh.py DIR INPUTS.npz OUTPUTS.npz

INPUTS.npz holds `CASE:NUMBER`, the model's inputs in order for each case. OUTPUTS.npz gets `source:CASE:NUMBER` from
model.py, `archive:…` from model.keras and `compiled:…` from `predict_on_batch`. The last line printed is a JSON object:
for each of the three "" or what it raised, and which modules were imported that a converted model has no need of.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np


def load_module(path: Path) -> Any:
    """model.py, under a name of its own: what stands there now, never byte code kept of it before."""
    module = ModuleType("converted_model")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    exec(compile(path.read_bytes(), path, "exec"), module.__dict__)
    return module


def main(directory: Path, inputs: Path, outputs: Path) -> dict[str, Any]:
    """Run all cases three ways and write what came out."""
    with np.load(inputs, allow_pickle=False) as npz:
        arrays = {key: npz[key] for key in npz.files}
    cases: dict[str, list[np.ndarray]] = {}
    for key in sorted(arrays, key=lambda key: (key.split(":")[0], int(key.split(":")[1]))):
        cases.setdefault(key.split(":")[0], []).append(arrays[key])
    results: dict[str, np.ndarray] = {}
    problems: dict[str, Any] = {"source": "", "archive": "", "compiled": ""}

    module = load_module(directory / "model.py")
    import keras

    def _text(array: np.ndarray) -> Any:
        """Text as Keras takes it."""
        return keras.ops.convert_to_tensor(array, dtype="string")

    def attempt(way: str, run: Callable[[Any], Any]) -> None:
        try:
            for case, values in cases.items():
                values = [_text(each) if each.dtype.kind == "U" else each for each in values]
                given = values[0] if len(values) == 1 else values
                for number, leaf in enumerate(keras.tree.flatten(run(given))):
                    array = np.asarray(keras.ops.convert_to_numpy(leaf))
                    words = array.dtype.kind == "O"  # bytes, each an object of its own
                    results[f"{way}:{case}:{number}"] = np.char.decode(array.astype("S"), "utf-8") if words else array
        except Exception as problem:  # whatever the model raises is the result
            problems[way] = f"{type(problem).__name__}: {problem}"[:600]

    try:
        model = module.load_model()
    except Exception as problem:  # as above
        problems["source"] = problems["compiled"] = f"load_model() raises {type(problem).__name__}: {problem}"[:600]
    else:
        attempt("source", lambda given: model(given, training=False))
        attempt("compiled", lambda given: model.predict_on_batch(given))
    try:
        archived = keras.saving.load_model(directory / "model.keras", compile=False)
    except Exception as problem:  # as above
        problems["archive"] = f"keras.saving.load_model raises {type(problem).__name__}: {problem}"[:600]
    else:
        attempt("archive", lambda given: archived(given, training=False))
    np.savez(outputs, **results)  # type: ignore[arg-type]
    problems["imports"] = sorted(set(sys.modules) & {"porter", "tf_keras"})
    return problems


if __name__ == "__main__":
    print(json.dumps(main(*map(Path, sys.argv[1:4]))))
