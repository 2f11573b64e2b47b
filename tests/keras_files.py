"""Writes Keras files as Keras did: what the tests of reading them stand on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np


def layer(kind: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": config}


def sequential(*entries: dict[str, Any], shape: tuple[int | None, ...] = (None, 4)) -> dict[str, Any]:
    first = {**entries[0], "config": {"batch_input_shape": list(shape), **entries[0]["config"]}}
    return {"class_name": "Sequential", "config": {"name": "m", "layers": [first, *entries[1:]]}}


def write_file(
    path: Path, config: Any, weights: Any = None, version: str = "2.2.4", backend: str = "tensorflow"
) -> Path:
    """weights: by layer, (name, array) of each."""
    with h5py.File(path, "w") as file:
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["keras_version"], file.attrs["backend"] = version.encode(), backend.encode()
        group = file.create_group("model_weights") if config is not None else file
        group.attrs["layer_names"] = [name.encode() for name in weights or {}]
        for name, arrays in (weights or {}).items():
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [each.encode() for each, _ in arrays]
            for each, array in arrays:
                inner[each] = array
    return path


def drawn(low: float = 0.2, high: float = 0.8, **shapes: Any) -> dict[str, list[tuple[str, np.ndarray]]]:
    """Arrays as weights, by layer: each shape with its name."""
    random = np.random.default_rng(3)
    return {
        layer: [(f"{layer}/{name}:0", random.uniform(low, high, shape).astype("f")) for name, shape in rows.items()]
        for layer, rows in shapes.items()
    }


def answers(path: Path, *given: np.ndarray) -> list[np.ndarray]:
    """What a file's model, as porter reads it, answers to these inputs."""
    from porter.options import Options
    from porter.stages import open_original
    from porter.verify import Reference

    original = open_original(path, Options(), lambda *_: None)
    with Reference(original) as reference:
        found = reference.run(dict(zip(original.inputs, given, strict=True)))
    return [found[name] for name in original.outputs]
