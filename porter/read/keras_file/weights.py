"""The weights of a file, put to the variables of the layers that they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from porter.errors import UnreadableSource
from porter.read.keras_file.hdf5 import KerasFile, Stored
from porter.read.keras_file.network import Network

# Layers whose kernels Theano applied turned around; Keras turned them when a file changed its backend.
TURNED = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2D")


class Assigned:
    """An array of the file for one variable: as it lies there, or as a later layer wants it."""

    def __init__(self, stored: Stored, array: np.ndarray, changed: bool):
        self.stored, self.array, self.changed = stored, array, changed


def assign(file: KerasFile, network: Network) -> dict[str, Assigned]:
    """By the name of a variable's node, what of the file it holds.

    Layers are found by name, or where no name of the file is one of the model's, by their order, as Keras does for
    weights that are loaded into a model. Raises UnreadableSource where something does not fit.
    """
    found: dict[str, Assigned] = {}
    for name, layer, stored in _pairs(file, network):
        variables = legacy_order(layer)
        arrays = [file.load(each) for each in stored]
        try:
            made = _as_wanted(layer, list(arrays), file)
        except (ValueError, AssertionError, IndexError) as problem:
            raise _unfit(file, name, layer, arrays, str(problem)) from problem
        if len(made) != len(variables):
            raise _unfit(file, name, layer, arrays, f"it has {len(variables)} weights, the file {len(made)}")
        for place, (variable, array) in enumerate(zip(variables, made, strict=True)):
            if tuple(variable.shape) != np.shape(array):
                why = f"{variable.name} has the shape {tuple(variable.shape)}, the file's {np.shape(array)}"
                raise _unfit(file, name, layer, arrays, why)
            same = len(arrays) == len(made) and array is arrays[place]
            source = stored[min(place, len(stored) - 1)] if stored else Stored(f"{name}/default:0", "")
            found[variable.op.name] = Assigned(source, np.asarray(array), not same)
    return found


def legacy_order(layer: Any) -> list[Any]:
    """A layer's variables as Keras wrote them down: what is trained before what is not."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _pairs(file: KerasFile, network: Network) -> Iterator[tuple[str, Any, list[Stored]]]:
    """The layers that have weights, each with its own."""
    holding = {name: stored for name, stored in file.layers.items() if stored}
    layers = {name: layer for name, layer in network.layers.items() if getattr(layer, "weights", None)}
    if not holding.keys() & layers.keys() and len(holding) == len(layers):
        ordered = zip(layers.items(), holding.values(), strict=True)
        yield from ((name, layer, stored) for (name, layer), stored in ordered)
        return
    missing = [name for name, layer in layers.items() if name not in holding and not hasattr(layer, "from_file")]
    if missing:
        raise UnreadableSource(
            f"{file.path.name} holds no weights for {', '.join(missing[:5])}.",
            where=str(file.path),
            why=f"it has weights for {', '.join(list(holding)[:8]) or 'no layer'}",
            todo="give the model that these weights belong to",
        )
    for name, layer in network.layers.items():
        if name in layers or name in holding:  # one that has no weights, but should, is found out by their number
            yield name, layer, holding.get(name, [])


def _as_wanted(layer: Any, arrays: list[np.ndarray], file: KerasFile) -> list[np.ndarray]:
    """The arrays as tf-keras' layers want them: of Keras 1, of NVIDIA's layers, and of Theano."""
    from tf_keras.src.saving.legacy.hdf5_format import preprocess_weights_for_loading

    version = "1" if file.keras_version.startswith("1.") or not file.keras_version else file.keras_version
    made = preprocess_weights_for_loading(layer, arrays, version, file.backend or None)
    if version == "1" and type(layer).__name__ == "SeparableConv2D" and layer.data_format == "channels_first":
        made = [array.transpose(2, 3, 1, 0) if array.ndim == 4 else array for array in made]
    if hasattr(layer, "from_file"):
        made = layer.from_file(made)
    if file.backend == "theano":
        made = _turned(layer, made)
    return made


def _turned(layer: Any, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Kernels with their rows and columns the other way round."""
    if getattr(layer, "layers", None):
        by_id = {id(variable): array for variable, array in zip(legacy_order(layer), arrays, strict=True)}
        for inner in layer.layers:
            own = legacy_order(inner)
            made = _turned(inner, [by_id[id(variable)] for variable in own])
            by_id.update({id(variable): array for variable, array in zip(own, made, strict=True)})
        return [by_id[id(variable)] for variable in legacy_order(layer)]
    inner = getattr(layer, "layer", None)
    if inner is not None and type(layer).__name__ == "TimeDistributed":
        return _turned(inner, arrays)
    if type(layer).__name__ not in TURNED:
        return arrays
    kernels = 2 if type(layer).__name__ == "ConvLSTM2D" else 1
    return [
        np.flip(array, tuple(range(array.ndim - 2))) if place < kernels else array for place, array in enumerate(arrays)
    ]


def _unfit(file: KerasFile, name: str, layer: Any, arrays: list[np.ndarray], why: str) -> UnreadableSource:
    return UnreadableSource(
        f"The weights of {name} in {file.path.name} do not fit its layer, a {type(layer).__name__}.",
        where=name,
        why=f"{why}; the file's shapes are {', '.join(str(np.shape(array)) for array in arrays)}",
        todo="give the model that these weights belong to",
    )
