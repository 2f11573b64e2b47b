"""Whether model.keras holds the model that model.py makes: the same layers, made with the same arguments and weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from porter.verify.placing import calls
from porter.verify.wiring import model_calls

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
    kinds, other_kinds = ([type(each).__name__ for each in each_side] for each_side in (mine, theirs))
    if kinds != other_kinds:
        if wired := sorted(kinds) == sorted(other_kinds) and _wired_otherwise(model, archived):
            return wired
        return [f"model.keras holds other layers than model.py makes: {len(theirs)}, and {len(mine)}"]
    told: list[str] = []
    seen: set[int] = set()
    for one, other in zip(mine, theirs, strict=True):
        told += [f"{type(one).__name__} {one.name}: {each}" for each in _settings(one, other)]
        told += [f"{type(one).__name__} {one.name}: {each}" for each in _weights(one, other, seen)]
    told = told or _wired_otherwise(model, archived)
    more = [f"and {len(told) - MOST} more"] if len(told) > MOST else []
    return [*told[:MOST], *more]


def _wired_otherwise(model: Any, archived: Any) -> list[str]:
    """The first call of `model` that `archived` does not make: of something else, or of what other calls give."""
    theirs = {digest for _, digest in _made_of(archived)}
    for operation, digest in _made_of(model):
        if digest not in theirs:
            name = f"{type(operation).__name__} {operation.name}" if operation else "what the model gives"
            return [f"{name} is made of something else in model.keras than in model.py"]
    return []


def _made_of(model: Any) -> Iterator[tuple[Any, str]]:
    """Each call's operation, and a digest of all that leads to what it gives; None for the outputs. No order decides, as
    that of a model that was loaded is another."""
    known: dict[str, str] = {}

    def told(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: told(each) for key, each in value.items()}
        if isinstance(value, list):
            return [told(each) for each in value]
        call, _, output = value.partition(".") if isinstance(value, str) else (value, "", "")
        return [known[call], output] if call in known else value

    operations = [*(node.operation for node in calls(model)), None]
    for number, (operation, call) in enumerate(zip(operations, model_calls(model), strict=True), 1):
        config = _config(operation) if hasattr(operation, "get_config") else {}
        whole = json.dumps([call["class"], call["made"], config, told(call["takes"])], sort_keys=True)
        known[f"call {number}"] = hashlib.sha256(whole.encode()).hexdigest()
        yield operation, known[f"call {number}"]


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
