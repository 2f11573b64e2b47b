"""SavedModels that TensorFlow 2 wrote, tf.keras models mostly: what their signature serves, as a graph.

Their variables belong to Python objects, and the graph calls functions. Once the calls are inlined, a signature is a graph
like any other; the function that restores the variables says which of them is where in the checkpoint. It is the graph
of inference alone: dropout, and a batch normalisation's statistics of the batch, are in functions that no signature names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from porter.errors import UnreadableSource
from porter.read.model import Signature, Source
from porter.read.wiring import parse

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


def serve(source: Source, meta: Any) -> None:
    """Make a source of a MetaGraph with objects ready: names as the signature has them, outputs as Keras had them.

    Raises UnreadableSource where it has no signature.
    """
    signatures = [each for each in source.signatures if each.inputs]
    if not signatures:
        raise UnreadableSource(
            "This SavedModel of TensorFlow 2 has no signature.",
            where=str(source.path),
            why="its functions are called from Python alone",
            todo="save it with signatures=model.call.get_concrete_function(…)",
        )
    chosen = next((each for each in signatures if each.name == "serving_default"), signatures[0])
    graph_def = type(source.graph_def)()
    graph_def.CopyFrom(source.graph_def)
    source.graph_def = graph_def
    source.signatures = [_named(chosen, graph_def, _ends(source.path, meta))]
    source.warnings.append(
        "The SavedModel is of TensorFlow 2: what its signature serves is converted, which is inference. What its layers "
        "do in training alone, such as dropout, is not in it."
    )


def leftovers(names: Any) -> dict[str, str]:
    """Why stored values that are no weights have no part in the model."""
    reasons = {}
    for name in names:
        if name == "_CHECKPOINTABLE_OBJECT_GRAPH":
            reasons[name] = "describes the checkpoint's objects"
        elif name.startswith(("optimizer/", "keras_api/optimizer/")) or "/.OPTIMIZER_SLOT/" in name:
            reasons[name] = "optimizer state"
        elif name.startswith("keras_api/metrics/") or name == f"save_counter{VALUE}":
            reasons[name] = "a metric's state, or the checkpoint's own"
    return reasons


def _named(signature: Signature, graph_def: Any, ends: list[list[str]]) -> Signature:
    """The signature with its tensors called as it calls them, in the order of `ends` (inputs, outputs)."""
    nodes = {node.name: node for node in graph_def.node}
    renamed = {}
    inputs = {}
    for key in _ordered(signature.inputs, ends[0]):
        name = parse(signature.inputs[key])[0]
        free = key if key not in nodes and nodes[name].op.startswith("Placeholder") else name
        renamed[name] = free
        inputs[key] = f"{free}:0"
    for node in graph_def.node:
        node.name = renamed.get(node.name, node.name)
        for place, text in enumerate(node.input):
            mark, name = ("^", text[1:]) if text.startswith("^") else ("", text)
            base, colon, index = name.partition(":")
            if base in renamed:
                node.input[place] = f"{mark}{renamed[base]}{colon}{index}"
    taken = {node.name for node in graph_def.node}
    outputs = {}
    for key in _ordered(signature.outputs, ends[1]):
        tensor = signature.outputs[key]
        outputs[key] = tensor
        if key not in taken:
            node, place = parse(tensor)
            added = graph_def.node.add(name=key, op="Identity", input=[tensor])
            added.attr["T"].type = _type(nodes[node], place)
            outputs[key] = f"{key}:0"
    return Signature(signature.name, inputs, outputs)


def _type(node: Any, place: int) -> int:
    """The type of an output of a node: of a call, mostly."""
    types = node.attr["Tout"].list.type
    return int(types[place]) if types else int(node.attr["dtype"].type or node.attr["T"].type)


def _ordered(named: dict[str, str], wanted: list[str]) -> list[str]:
    """The names, as Keras had them where it knows them all; a signature itself has no order."""
    return wanted if sorted(wanted) == sorted(named) else sorted(named)


def _ends(folder: Path, meta: Any) -> list[list[str]]:
    """The names of a Keras model's inputs and outputs, in its order; empty where the files do not say them."""
    text = meta.object_graph_def.nodes[0].user_object.metadata
    beside = folder / "keras_metadata.pb"
    if not text and beside.is_file():
        from tf_keras.protobuf import saved_metadata_pb2

        found = saved_metadata_pb2.SavedMetadata()
        found.ParseFromString(beside.read_bytes())
        text = next((node.metadata for node in found.nodes if node.node_path == "root"), "")
    try:
        config = json.loads(text)["config"]
        return [[row[0] for row in _rows(config[key])] for key in ("input_layers", "output_layers")]
    except (ValueError, KeyError, TypeError, IndexError):
        return [[], []]


def _rows(nest: Any) -> list[Any]:
    return [nest] if nest and isinstance(nest[0], str) else list(nest)
