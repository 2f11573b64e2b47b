"""A `.keras` archive of Keras 2: the configuration as JSON, and the weights by the places of layers in the model.

Source: Keras 2.12 to 2.15, saving/saving_lib.py. Weights lie under the attributes that lead to the layer that holds
them, `layers/bidirectional/forward_layer/cell/vars/0`; what is in a list goes by its class and a count, not by its name.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from porter.errors import UnreadableSource, Unsupported
from porter.read.keras_file.configs import network_of
from porter.read.keras_file.hdf5 import KerasFile, Stored
from porter.read.keras_file.network import NETWORKS, Network, name_of
from porter.read.keras_file.weights import Assigned, legacy_order

CONFIG, WEIGHTS, ABOUT = "config.json", "model.weights.h5", "metadata.json"
LISTS = ("layers", "_layer_checkpoint_dependencies")  # where a network's layers are, from 2.13 on and in 2.12


@dataclass
class KerasArchive(KerasFile):
    """An archive's content. content: the HDF5 file inside it."""

    content: bytes = b""

    def opened(self) -> Any:
        import h5py

        return h5py.File(io.BytesIO(self.content), "r")


def is_keras_archive(path: Path) -> bool:
    """Whether a file is a zip with what Keras puts into one."""
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return {CONFIG, WEIGHTS} <= set(archive.namelist())


def read_archive(path: Path) -> KerasArchive:
    """The content of an archive. Raises UnreadableSource for a damaged one, Unsupported for one of Keras 3."""
    try:
        with zipfile.ZipFile(path) as archive:
            config, about = (json.loads(archive.read(name)) for name in (CONFIG, ABOUT))
            content = archive.read(WEIGHTS)
        version = str(about.get("keras_version", ""))
        model = {key: config[key] for key in ("class_name", "config")}
    except (OSError, KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, RuntimeError) as problem:
        raise UnreadableSource(
            f"{path.name} cannot be read as a Keras archive.",
            where=str(path),
            why=f"{type(problem).__name__}: {problem}",
            todo="compare its size with the original's",
        ) from problem
    if not version.startswith("2."):
        raise Unsupported(
            f"{path.name} is of Keras {version} already.",
            where=str(path),
            todo="open it with keras.saving.load_model",
        )
    return KerasArchive(path, model, version, "tensorflow", content=content)


def assign_archive(file: KerasArchive, network: Network) -> dict[str, Assigned]:
    """By the name of a variable's node, what of the archive it holds. Raises UnreadableSource where something is missing."""
    import h5py

    assert file.config is not None
    found: dict[str, Assigned] = {}
    layers = {name: layer for name, layer in network.layers.items() if getattr(layer, "weights", None)}
    wanted = {variable.op.name: variable for layer in layers.values() for variable in legacy_order(layer)}
    with file.opened() as opened:
        for holder, group in _network(layers, file.config, opened):
            held = group.get("vars", {})
            variables = [*holder._trainable_weights, *holder._non_trainable_weights]
            if len(variables) != len(held):  # a wrapper around this layer holds some of them
                variables = [each for each in variables if each.op.name not in found]
            for place, variable in enumerate(variables):
                dataset = held.get(str(place))
                if isinstance(dataset, h5py.Dataset) and dataset.shape == tuple(variable.shape):
                    stored = Stored(variable.name, dataset.name)
                    found[variable.op.name] = Assigned(stored, np.asarray(dataset), changed=False)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise _unfit(
            file, f"holds no weights for {', '.join(missing[:5])}", f"{len(missing)} of {len(wanted)} are missing"
        )
    for layer in layers.values():
        if hasattr(layer, "from_file"):
            names = [variable.op.name for variable in legacy_order(layer)]
            try:
                made = layer.from_file([found[name].array for name in names])
            except ValueError as problem:
                raise _unfit(file, f"has weights that do not fit {layer.name}", str(problem)) from problem
            for name, array in zip(names, made, strict=True):
                found[name].array = array
    return {name: found[name] for name in wanted}


def _unfit(file: KerasArchive, what: str, why: str) -> UnreadableSource:
    return UnreadableSource(
        f"{file.path.name} {what}.",
        where=str(file.path),
        why=why,
        todo="save the model as .h5, or the weights alone with what builds it: --into my_model.py:build",
    )


def _network(layers: dict[str, Any], config: dict[str, Any], group: Any) -> Iterator[tuple[Any, Any]]:
    """The layers that hold weights themselves, each with its group. layers: by the names in the configuration."""
    from tf_keras.src.utils.generic_utils import to_snake_case

    _, entries, _ = network_of(config["class_name"], config["config"])
    inside: Any = next((group[name] for name in LISTS if name in group), {})
    counts: Counter[str] = Counter()
    for entry in entries:
        kind = to_snake_case(str(entry["class_name"]).rpartition(">")[2])
        place = f"{kind}_{counts[kind]}" if counts[kind] else kind
        counts[kind] += 1
        layer = layers.get(name_of(entry))
        if layer is None or place not in inside:
            continue
        if entry["class_name"] in NETWORKS:
            yield from _network({each.name: each for each in layer.layers}, entry, inside[place])
        else:
            yield from _layer(layer, inside[place])


def _layer(layer: Any, group: Any) -> Iterator[tuple[Any, Any]]:
    """A layer and those in its attributes, each with its group."""
    from tf_keras.src.utils.generic_utils import to_snake_case

    yield layer, group
    for name in group:
        held = None if name == "vars" else getattr(layer, name, None)
        if hasattr(held, "_trainable_weights"):
            yield from _layer(held, group[name])
        elif isinstance(held, list | tuple):
            counts: Counter[str] = Counter()
            for each in held:
                kind = to_snake_case(type(each).__name__)
                place = f"{kind}_{counts[kind]}" if counts[kind] else kind
                counts[kind] += 1
                if place in group[name]:
                    yield from _layer(each, group[name][place])
