"""From a Keras `.h5` file to a `Source`: a TensorFlow 1 graph, and its variables' values."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from porter.errors import UnreadableSource
from porter.read.keras_file.hdf5 import KerasFile, is_hdf5, read_architecture, read_file
from porter.read.keras_file.keras_archive import KerasArchive, assign_archive, is_keras_archive, read_archive
from porter.read.keras_file.network import Builder, Network
from porter.read.keras_file.weights import Assigned, assign
from porter.read.model import Signature, Source

Functions = dict[str, Callable[..., Any]]


def is_keras_file(path: Path) -> bool:
    """Whether `path` is an HDF5 file, or an archive of Keras."""
    return is_hdf5(path) or is_keras_archive(path)


def open_keras_file(path: Path, into: Path | None = None, functions: Functions | None = None) -> Source:
    """The model in a Keras `.h5` file as the graph that Keras of TensorFlow 1 would have built.

    into: the architecture, where the file holds weights alone: what `model.to_json()` gave. functions: for Lambda layers
    and unknown activations, by the layer's name. Raises UnreadableSource for a damaged file, or one of weights without
    `into`; Unsupported for layers that are not known, all of them together; UsageError for a function of no layer.
    """
    file = read_archive(path) if is_keras_archive(path) else read_file(path)
    if into is not None:
        read_architecture(file, into)
    if file.config is None:
        raise UnreadableSource(
            f"{path.name} holds weights alone: the model is not in it.",
            where=str(path),
            why=f"its layers are {', '.join(list(file.layers)[:8])}",
            todo="name what builds the model: --into my_model.py:build, or its architecture: --into model.json",
        )
    with graph_of_version_1() as graph:
        network = Builder(file.keras_version, functions).model(file.config)
        source = _source(file, network, graph)
    source.files += [into] if into else []
    return source


@contextlib.contextmanager
def graph_of_version_1() -> Iterator[Any]:
    """A graph in which tf-keras builds as it did under TensorFlow 1, with conditionals and loops of the first version."""
    import tensorflow.compat.v1 as tf

    from porter.addons.older_keras import keep_all_steps

    second = tf.control_flow_v2_enabled()
    tf.disable_control_flow_v2()
    undo = keep_all_steps()
    try:
        with tf.Graph().as_default() as graph:
            yield graph
    finally:
        undo()
        if second:
            tf.enable_control_flow_v2()


def _source(file: KerasFile, network: Network, graph: Any) -> Source:
    """The graph with what the file says of its variables."""
    frozen = [layer.name for layer in network.frozen]
    for layer in network.frozen:
        layer.trainable = False
    values = assign_archive(file, network) if isinstance(file, KerasArchive) else assign(file, network)
    for layer in network.frozen:
        layer.trainable = True
    graph_def = graph.as_graph_def()
    names = _names(values)
    nodes = {node.name: node for node in graph_def.node}
    for node, name in names.items():
        nodes[node].attr["shared_name"].s = name.encode()
    model = network.model
    inputs = {each.name.split(":")[0]: each.name for each in model.inputs}
    signature = Signature("keras", inputs, _named_outputs(network, graph_def))
    arrays = {names[node]: assigned.array for node, assigned in values.items()}
    optimizer = {f"optimizer_weights/{each.name.removesuffix(':0')}": each for each in file.optimizer}
    kind = "Keras archive" if isinstance(file, KerasArchive) else "Keras HDF5"
    source = Source(file.path, kind, [file.path], graph_def, _producer(file), [signature])
    source.stored = {name: (array.shape, array.dtype.name) for name, array in arrays.items()}
    source.stored |= {name: file.kind_of(each) for name, each in optimizer.items()}
    source.left = dict.fromkeys(optimizer, "optimizer state")
    source.load = lambda name: arrays[name] if name in arrays else file.load(optimizer[name])
    source.collections["trainable_variables"] = [each.name for each in model.trainable_weights]
    source.warnings = list(network.warnings)
    if frozen:
        more = f" and {len(frozen) - 5} more" if len(frozen) > 5 else ""
        source.warnings.append(
            f"trainable=False in the file: {', '.join(frozen[:5])}{more}. The converted layers can be trained; "
            "set layer.trainable again to train on."
        )
    changed = sorted({assigned.stored.name.split("/")[0] for assigned in values.values() if assigned.changed})
    if changed:
        source.warnings.append(
            f"Weights in an older layout, rearranged as Keras itself did: {', '.join(changed[:5])}"
            + (f" and {len(changed) - 5} more." if len(changed) > 5 else ".")
        )
    return source


def _names(values: dict[str, Assigned]) -> dict[str, str]:
    """A name for each variable, by node: the file's, where no other has it."""
    stored = Counter(assigned.stored.name.removesuffix(":0") for assigned in values.values() if not assigned.changed)
    return {
        node: own if not assigned.changed and stored[own] == 1 else node
        for node, assigned in values.items()
        if (own := assigned.stored.name.removesuffix(":0"))
    }


def _named_outputs(network: Network, graph_def: Any) -> dict[str, str]:
    """The model's outputs, each called as Keras calls it: by its layer."""
    taken = {node.name for node in graph_def.node}
    found: dict[str, str] = {}
    for tensor, layer in zip(network.model.outputs, network.model.output_names, strict=True):
        name, count = layer, 1
        while name in taken:
            count += 1
            name = f"{layer}_{count}"
        taken.add(name)
        node = graph_def.node.add(name=name, op="Identity", input=[tensor.name])
        node.attr["T"].type = tensor.dtype.as_datatype_enum
        found[name] = f"{name}:0"
    return found


def _producer(file: KerasFile) -> str:
    return f"Keras {file.keras_version}" if file.keras_version else "Keras"
