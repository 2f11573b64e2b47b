"""Telling files apart, and parsing protobufs from them, with errors for people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from porter.errors import PorterError, UnreadableSource, Unsupported

TABLE_MAGIC = bytes.fromhex(
    "57fb808b247547db"
)  # the end of a checkpoint index, and of a V1 checkpoint (TensorFlow's table format)
OTHERS = {
    ".h5": "a Keras HDF5 file", ".hdf5": "a Keras HDF5 file", ".keras": "a Keras 3 archive",
    ".tflite": "a TensorFlow Lite model", ".onnx": "an ONNX model", ".uff": "a TensorRT UFF file",
}  # fmt: skip


def refuse_foreign(path: Path) -> None:
    """Raise for what is surely no TensorFlow 1 model: a Git LFS pointer, HDF5, TensorFlow Lite, an empty file."""
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise UnreadableSource(f"{path.name} is empty.", where=str(path), todo="download or copy the file again")
    if head.startswith(b"version https://git-lfs"):
        raise UnreadableSource(
            f"{path.name} is a Git LFS pointer, not the file itself.",
            where=str(path),
            todo="run `git lfs pull` in its repository",
        )
    kind = (
        "a Keras HDF5 file"
        if head.startswith(b"\x89HDF")
        else "a TensorFlow Lite model"
        if head[4:8] == b"TFL3"
        else ""
    )
    kind = kind or OTHERS.get(path.suffix.lower(), "")
    if kind:
        todo = (
            "unpack it and name the folder"
            if kind == "an archive"
            else "give a checkpoint, a frozen graph or a SavedModel"
        )
        raise Unsupported(f"{path.name} is {kind}, which porter does not read yet.", where=str(path), todo=todo)


def is_table(path: Path) -> bool:
    """Whether a file ends as a checkpoint's index, or a V1 checkpoint, does."""
    if not path.is_file() or path.stat().st_size < 8:
        return False
    with path.open("rb") as file:
        file.seek(-8, 2)
        return file.read() == TABLE_MAGIC


def unreadable(path: Path, why: str) -> PorterError:
    """The error for a file that ought to hold a graph and does not."""
    return UnreadableSource(
        f"{path.name} cannot be read as a TensorFlow graph.",
        where=str(path),
        why=why,
        todo="compare its size with the original's; porter reads checkpoints, frozen graphs and SavedModels",
    )


def parse_graph_file(path: Path) -> Any:
    """The SavedModel, MetaGraphDef or GraphDef protobuf that a file holds, binary or as text.

    Raises UnreadableSource for a file that is none of them or was cut short.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.framework import graph_pb2
    from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

    refuse_foreign(path)
    content = path.read_bytes()
    kinds = (saved_model_pb2.SavedModel, meta_graph_pb2.MetaGraphDef, graph_pb2.GraphDef)
    if _is_text(content):
        return _parse_text(path, content.decode("utf-8", "replace"), kinds)
    why = "it is no protobuf of that kind, or it was cut short"
    for kind in kinds:
        message = kind()
        try:
            message.ParseFromString(content)
        except (DecodeError, UnicodeDecodeError):
            continue
        if _makes_sense(message):
            return message
    raise unreadable(path, why)


def _is_text(content: bytes) -> bool:
    head = content[:2000]
    return all(byte >= 32 or byte in (9, 10, 13) for byte in head)


def _parse_text(path: Path, text: str, kinds: tuple[Any, ...]) -> Any:
    from google.protobuf import text_format

    first = re.search(r"^\s*(\w+)\s*[:{]", text, re.MULTILINE)
    names = {
        "saved_model_schema_version": 0,
        "meta_graphs": 0,
        "meta_info_def": 1,
        "graph_def": 1,
        "node": 2,
        "versions": 2,
        "library": 2,
    }
    if first is None or first[1] not in names:
        raise unreadable(path, "it is a text file, but not a graph in protobuf's text form")
    message = kinds[names[first[1]]]()
    try:
        # Attributes and fields come and go between versions; what today's TensorFlow does not know is left out.
        text_format.Parse(text, message, allow_unknown_field=True, allow_unknown_extension=True)
    except text_format.ParseError as problem:
        raise unreadable(path, f"protobuf's text form breaks off: {problem}") from problem
    if not _makes_sense(message):
        raise unreadable(path, "the graph in it holds no nodes")
    return message


def _makes_sense(message: Any) -> bool:
    """Whether a message is what its type says: protobuf parses much that was meant as something else."""
    name = type(message).__name__
    if name == "SavedModel":
        return bool(message.meta_graphs) and any(_makes_sense(meta) for meta in message.meta_graphs)
    if name == "MetaGraphDef":
        return bool(message.graph_def.node) and _makes_sense(message.graph_def)
    return bool(message.node) and all(re.fullmatch(r"[A-Za-z_]\S*", node.op) and node.name for node in message.node)


def listing(paths: list[Path], limit: int = 8) -> str:
    """Names of files for a message, some of them if there are many."""
    names = [path.name for path in paths[:limit]]
    return ", ".join(names) + (f" and {len(paths) - limit} more" if len(paths) > limit else "")
