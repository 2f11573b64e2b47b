"""What a Keras `.h5` file holds: its configuration as JSON, and its weights by layer. Read with h5py alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from porter.errors import UnreadableSource

MAGIC = b"\x89HDF"


@dataclass
class Stored:
    """One array in the file: the name that Keras gave the weight, and the dataset it is in."""

    name: str
    dataset: str


@dataclass
class KerasFile:
    """A whole model, or weights alone.

    config: the model's configuration, None in a file of weights. keras_version, backend: what wrote it, "" if unknown.
    layers: by the layer's name, in the model's order, its weights in Keras' order. optimizer: names of its weights.
    """

    path: Path
    config: dict[str, Any] | None
    keras_version: str
    backend: str
    layers: dict[str, list[Stored]] = field(default_factory=dict)
    optimizer: list[Stored] = field(default_factory=list)

    def opened(self) -> Any:
        """The HDF5 file."""
        import h5py

        return h5py.File(self.path, "r")

    def load(self, stored: Stored) -> np.ndarray:
        """The array of a weight."""
        with self.opened() as file:
            return np.asarray(file[stored.dataset])

    def kind_of(self, stored: Stored) -> tuple[tuple[int, ...], str]:
        """The shape and the type of a weight."""
        with self.opened() as file:
            return file[stored.dataset].shape, file[stored.dataset].dtype.name


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == MAGIC


def read_file(path: Path) -> KerasFile:
    """The content of a Keras `.h5` file. Raises UnreadableSource for a damaged one, or HDF5 that is not Keras'."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return _read(path, file)
    except (OSError, KeyError, ValueError, UnicodeDecodeError, RuntimeError) as problem:
        raise UnreadableSource(
            f"{path.name} cannot be read as a Keras file.",
            where=str(path),
            why=f"{type(problem).__name__}: {problem}",
            todo="compare its size with the original's",
        ) from problem


def read_architecture(file: KerasFile, path: Path) -> None:
    """Let a file of weights have the model that `model.to_json()` wrote. Raises UnreadableSource for another text."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        file.config = {key: found[key] for key in ("class_name", "config")}
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise UnreadableSource(
            f"{path.name} does not describe a Keras model.",
            where=str(path),
            why=f"{type(problem).__name__}: {problem}",
            todo="give the text of model.to_json(), or Python source: --into my_model.py:build",
        ) from problem
    file.keras_version = file.keras_version or found.get("keras_version") or ""
    file.backend = file.backend or found.get("backend") or ""


def _read(path: Path, file: Any) -> KerasFile:
    weights = file.get("model_weights", file)
    text = _text(file.attrs.get("model_config"))
    version, backend = (_text(file.attrs.get(key, weights.attrs.get(key))) for key in ("keras_version", "backend"))
    names = _names(weights, "layer_names")
    if names is None and text is None:
        raise ValueError("it is HDF5, but Keras' attributes `model_config` and `layer_names` are not in it")
    found = KerasFile(path, json.loads(text) if text else None, version or "", backend or "")
    for layer in names or []:
        group = weights[layer]
        found.layers[layer] = [Stored(name, f"{group.name}/{name}") for name in _names(group, "weight_names") or []]
    found.backend = found.backend or _backend_of(found)
    if "optimizer_weights" in file:
        group = file["optimizer_weights"]
        found.optimizer = [Stored(name, f"{group.name}/{name}") for name in _names(group, "weight_names") or []]
    return found


def _backend_of(file: KerasFile) -> str:
    """What a file of Keras 1 was computed by, which does not say: TensorFlow's variables are called "name:0"."""
    names = [stored.name for weights in file.layers.values() for stored in weights]
    if not names or not (file.keras_version.startswith("1.") or not file.keras_version):
        return ""
    return "tensorflow" if any(name.endswith(":0") for name in names) else "theano"


def _names(group: Any, attribute: str) -> list[str] | None:
    """A list of names; a long one is kept in pieces called `layer_names0`, `layer_names1` and so on."""
    attrs = group.attrs
    if attribute in attrs:
        return [_text(name) or "" for name in attrs[attribute]]
    pieces: list[str] = []
    while f"{attribute}{(count := len(pieces))}" in attrs:
        pieces.append(f"{attribute}{count}")
    return [_text(name) or "" for piece in pieces for name in attrs[piece]] if pieces else None


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, np.ndarray):
        value = value.item()
    return value.decode() if isinstance(value, bytes) else str(value)
