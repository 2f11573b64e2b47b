"""Runs the source that was written, fills the model's weights, and saves it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from porter.emit.source import Binding
from porter.errors import PorterError, Unsupported


def build(source_file: Path, bindings: Sequence[Binding], evaluate: Callable[[list[Any]], list[np.ndarray]]) -> Any:
    """The Keras model of the source in `source_file`, with its weights.

    Weights are bound by layer and attribute, never by order. Raises `PorterError` where a weight has another shape than
    the one it is to hold, or where a weight of the model has no source; `Unsupported` where Keras refuses the source.
    """
    module = load_source(source_file)
    try:
        model = module.build_model()
    except PorterError:
        raise
    except Exception as problem:  # Keras may raise anything, and that it does says that a rule wrote what it should not
        raise Unsupported(
            "Keras does not take the model that was written",
            where=str(source_file.name),
            why=f"{type(problem).__name__}: {str(problem).strip()[:300]}",
            todo="--dry-run prints it; please report this as a bug of porter",
        ) from problem
    arrays = iter(evaluate([leaf.value for binding in bindings for leaf in binding.ref.leaves]))
    filled = set()
    for binding in bindings:
        variable: Any = model.get_layer(binding.layer)
        for part in binding.path.split("."):
            variable = getattr(variable, part)
        array = binding.ref.compute([next(arrays) for _ in binding.ref.leaves])
        if tuple(variable.shape) != array.shape:
            raise PorterError(
                f"{binding.layer}.{binding.path} has shape {tuple(variable.shape)}, its source {array.shape}",
                where=str(binding.ref),
                todo="report this as a bug of porter",
            )
        variable.assign(array)
        filled.add(id(variable))
    for each in model.layers:
        if hasattr(each, "finalize_state"):  # what Keras tells from weights that it expects to have counted itself
            each.finalize_state()
    empty = [
        weight.path for weight in model.weights if id(weight) not in filled and "seed_generator" not in weight.path
    ]
    if empty:
        raise PorterError(f"weights without a source: {', '.join(empty)}", todo="report this as a bug of porter")
    return model


def load_source(path: Path) -> Any:
    """The module in `path`, which porter has written: what stands there now, never byte code kept of it before."""
    module = ModuleType(f"porter_model_{abs(hash(str(path)))}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    exec(compile(path.read_bytes(), path, "exec"), module.__dict__)
    return module


def save(model: Any, directory: Path) -> None:
    """Write model.weights.h5 and model.keras."""
    model.save_weights(directory / "model.weights.h5")
    model.save(directory / "model.keras")
