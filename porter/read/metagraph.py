"""What a MetaGraphDef says beside the graph: collections, signatures, slices of partitioned variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from porter.read.model import Signature, Source


def source_of(meta: Any, path: Path, form: str, files: list[Path]) -> Source:
    """A Source out of a MetaGraphDef, without stored variables."""
    source = Source(path, form, files, meta.graph_def, producer=meta.meta_info_def.tensorflow_version)
    for name, collection in meta.collection_def.items():
        kind = collection.WhichOneof("kind")
        if kind == "node_list":
            source.collections[name] = list(collection.node_list.value)
        elif kind == "bytes_list":
            source.collections[name] = _named(name, collection.bytes_list.value, source)
    for name, signature in sorted(meta.signature_def.items()):
        inputs = {key: info.name for key, info in sorted(signature.inputs.items()) if info.name}
        outputs = {key: info.name for key, info in sorted(signature.outputs.items()) if info.name}
        if outputs and not name.startswith("__"):  # such as __saved_model_init_op and __saved_model_train_op
            source.signatures.append(Signature(name, inputs, outputs))
    return source


def _named(collection: str, values: Any, source: Source) -> list[str]:
    """The names in a collection of protobufs. Most hold variables; the file does not tell the kinds apart."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.framework import variable_pb2
    from tensorflow.core.protobuf import control_flow_pb2

    kinds = {"cond_context": control_flow_pb2.CondContextDef, "while_context": control_flow_pb2.WhileContextDef}
    names: list[str] = []
    for value in values:
        message = kinds.get(collection, variable_pb2.VariableDef)()
        try:
            message.ParseFromString(value)
        except DecodeError:
            continue  # collections may hold anything, such as queue runners
        if collection in kinds:
            names.append(message.context_name)
            continue
        if ":" not in message.variable_name:
            continue
        names.append(message.variable_name)
        part = message.save_slice_info_def
        if part.full_name:
            node = message.variable_name.rpartition(":")[0]
            source.slices[node] = (part.full_name, tuple(part.var_offset), tuple(part.var_shape))
    return names
