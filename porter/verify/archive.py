"""Whether model.keras holds the model that model.py makes: the same layers, made with the same arguments and weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

MOST = 3  # differences that are told


def differs_from_source(directory: Path, model: Any) -> list[str]:
    """How the archive in `directory` differs from `model`, which model.py made; that it does not load is told elsewhere.

    Only what no output shows is left for this: momentum, dropout rates, weights that do not train. Names that Keras
    numbers are passed over.
    """
    import keras

    try:
        archived = keras.saving.load_model(directory / "model.keras", compile=False)
    except Exception:  # a file may hold anything; level 7 loads it in a process of its own, and tells
        return []
    mine, theirs = _layers(model), _layers(archived)
    if [type(each).__name__ for each in mine] != [type(each).__name__ for each in theirs]:
        return [f"model.keras holds other layers than model.py makes: {len(theirs)}, and {len(mine)}"]
    told: list[str] = []
    seen: set[int] = set()
    for one, other in zip(mine, theirs, strict=True):
        told += [f"{type(one).__name__} {one.name}: {each}" for each in _settings(one, other)]
        told += [f"{type(one).__name__} {one.name}: {each}" for each in _weights(one, other, seen)]
    more = [f"and {len(told) - MOST} more"] if len(told) > MOST else []
    return [*told[:MOST], *more]


def _layers(model: Any) -> list[Any]:
    """All layers, those within others after them; each weight is told with the outermost layer that has it."""
    return list(model._flatten_layers(include_self=False, recursive=True))


def _settings(mine: Any, theirs: Any) -> Iterator[str]:
    one, other = _config(mine), _config(theirs)
    for key in sorted(one.keys() | other.keys()):
        if one.get(key) != other.get(key):
            yield f"{key} is {other.get(key)} in model.keras, {one.get(key)} in model.py"


def _config(layer: Any) -> dict[str, Any]:
    """What a layer was made with, but for names and what other layers it holds."""
    try:
        config = layer.get_config()
    except (NotImplementedError, TypeError, ValueError, AttributeError):
        return {}
    plain = {key: value for key, value in config.items() if key != "name" and not _names_something(value)}
    return json.loads(json.dumps(plain, default=str))


def _names_something(value: Any) -> bool:
    return isinstance(value, dict) and "name" in (value.get("config") or {})


def _weights(mine: Any, theirs: Any, seen: set[int]) -> Iterator[str]:
    for one, other in zip(mine.variables, theirs.variables, strict=False):
        if id(one) in seen:
            continue
        seen.add(id(one))
        a, b = one.numpy(), other.numpy()
        if "seed_generator" not in one.path and not np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
            yield f"{one.name} holds other numbers in model.keras than in model.weights.h5"
