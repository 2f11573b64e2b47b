"""Makes one call of a Keras model by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from porter.verify.words import TEXT, as_text


class Unknown(Exception):
    """An array cannot be had; says why."""


def run_call(operation: Any, node: Any, arrays: Mapping[int, Any], **arguments: Any) -> list[np.ndarray]:
    """The results of `operation`, called as `node` tells, on `arrays` by Keras tensor. Raises Unknown if it raises."""
    import keras

    try:
        args, kwargs = filled_in(node, arrays)
        kwargs = {**kwargs, **arguments}
        with unchanged(operation) if kwargs.get("training") else nullcontext():
            results = operation(*args, **kwargs)
        return [as_text(np.asarray(keras.ops.convert_to_numpy(leaf))) for leaf in keras.tree.flatten(results)]
    except Exception as problem:  # a layer may raise anything, and that it does is the finding
        text = " ".join(str(problem).split())[:300]
        raise Unknown(f"it raises {type(problem).__name__}: {text}") from problem


def filled_in(node: Any, arrays: Mapping[int, Any]) -> tuple[Any, Any]:
    """Positional and keyword arguments of a call, with `arrays` in the place of its Keras tensors."""
    import keras

    tensors = {
        id(tensor): keras.ops.convert_to_tensor(array, dtype=TEXT if array.dtype.kind == "U" else tensor.dtype)
        for tensor in node.arguments.keras_tensors
        for array in [np.asarray(arrays[id(tensor)])]
    }
    return node.arguments.fill_in(tensors)


@contextmanager
def holding(operation: Any, arrays: Mapping[str, np.ndarray]) -> Iterator[None]:
    """A layer with other numbers in some of its own weights."""
    held = {name: getattr(operation, name, None) for name in arrays}
    known = [(variable, variable.numpy(), arrays[name]) for name, variable in held.items() if variable is not None]
    try:
        for variable, _, array in known:
            variable.assign(array)
        yield
    finally:
        for variable, before, _ in known:
            variable.assign(before)


@contextmanager
def unchanged(operation: Any) -> Iterator[None]:
    """Gives a layer its moving averages and random states back, which a call at training=True changes."""
    held = [(variable, variable.numpy()) for variable in getattr(operation, "non_trainable_variables", ())]
    try:
        yield
    finally:
        for variable, array in held:
            variable.assign(array)
