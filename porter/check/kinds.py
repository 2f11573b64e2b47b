"""What a file is, by its first and last bytes: TensorFlow's protobufs, tables and HDF5, without TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

TABLE_MAGIC = bytes.fromhex("57fb808b247547db")  # the end of a checkpoint's index, and of a V1 checkpoint
LFS = b"version https://git-lfs"
HDF5 = b"\x89HDF\r\n\x1a\n"
NAME = re.compile(rb"[A-Za-z0-9.^_][\x21-\x7e]*")
OPERATION = re.compile(rb"[A-Za-z_][\w>.]*")
VARIABLES = {b"Variable", b"VariableV2", b"VarHandleOp", b"AutoReloadVariable"}
OBJECT_GRAPH = b"_CHECKPOINTABLE_OBJECT_GRAPH"
LONGEST = 20_000_000  # bytes of a text graph that are looked at

GRAPH, BARE_GRAPH, META_GRAPH, SAVED_MODEL, NEW_SAVED_MODEL = (
    "frozen graph", "graph without weights", "MetaGraph", "SavedModel", "TensorFlow 2 SavedModel",
)  # fmt: skip
TABLE, KERAS_MODEL, KERAS_WEIGHTS, POINTER, OTHER = "table", "Keras HDF5", "Keras HDF5 weights", "Git LFS pointer", ""


def kind(path: Path) -> str:
    """One of the names above; OTHER for what is none of them, and for what cannot be read."""
    try:
        with path.open("rb") as file:
            return _kind(path, file)
    except OSError:
        return OTHER


def _kind(path: Path, file: BinaryIO) -> str:
    head = file.read(512)
    if len(head) < 16:
        return OTHER
    if head.startswith(LFS):
        return POINTER
    if head.startswith(HDF5):
        return _hdf5(path)
    file.seek(0, 2)
    size = file.tell()
    file.seek(max(0, size - 8))
    if file.read() == TABLE_MAGIC:
        return TABLE
    if path.suffix in (".pbtxt", ".prototxt") or path.name == "saved_model.pbtxt":
        file.seek(0)
        return _text(file.read(LONGEST))
    if head[0] == 0x08:
        return _saved_model(file, size)
    if head[0] == 0x0A:
        return _graph(file, size)
    return OTHER


def fields(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(number, where its content begins, where it ends) of the fields of the protobuf message between two places.

    Stops where the bytes are no message. A length beyond the end is given as it is: a file may have been cut short.
    """
    at = start
    while at < end:
        tag, at = _number(file, at)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            return
        if wire == 0:
            begin = at
            _, at = _number(file, at)
            yield number, begin, at
        elif wire in (1, 5):
            yield number, at, at + (8 if wire == 1 else 4)
            at += 8 if wire == 1 else 4
        elif wire == 2:
            length, at = _number(file, at)
            if at < 0:
                return
            yield number, at, at + length
            at += length
        else:
            return
        if at < 0:
            return


def _number(file: BinaryIO, at: int) -> tuple[int, int]:
    """The variable-length integer there and the place behind it; (0, -1) where there is none."""
    file.seek(at)
    value = 0
    for index, byte in enumerate(file.read(10)):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    return 0, -1


def _content(file: BinaryIO, begin: int, end: int) -> bytes:
    file.seek(begin)
    return file.read(min(end - begin, 4096))


def _operation(file: BinaryIO, begin: int, end: int) -> bytes | None:
    """The operation of the NodeDef between two places; None if that is no NodeDef."""
    name = operation = b""
    for number, first, last in fields(file, begin, end):
        if number == 1 and not name:
            name = _content(file, first, last)
        elif number == 2:
            operation = _content(file, first, last)
            break
        else:
            break
    return operation if NAME.fullmatch(name) and OPERATION.fullmatch(operation) else None


def _graph(file: BinaryIO, size: int) -> str:
    """A GraphDef, with weights or without, or a MetaGraphDef."""
    seen = set()
    for count, (number, begin, end) in enumerate(fields(file, 0, size)):
        if number == 1:
            operation = _operation(file, begin, end)
            if operation is None and count and end > size:
                break  # it was cut short: converting it will say so
            if operation is None:
                return _meta_graph(file, size) if count == 0 else OTHER
            seen.add(operation)
        elif number not in (2, 3, 4):
            return OTHER
    if not seen:
        return OTHER
    return BARE_GRAPH if seen & VARIABLES else GRAPH


def _meta_graph(file: BinaryIO, size: int) -> str:
    """A MetaGraphDef holds a description (1) and then a GraphDef (2)."""
    for number, begin, end in fields(file, 0, size):
        if number == 2:
            return META_GRAPH if _begins_with_a_node(file, begin, end) else OTHER
        if number != 1:
            return OTHER
    return OTHER


def _begins_with_a_node(file: BinaryIO, begin: int, end: int) -> bool:
    first = next(fields(file, begin, end), None)
    return first is not None and first[0] == 1 and _operation(file, first[1], first[2]) is not None


def _saved_model(file: BinaryIO, size: int) -> str:
    """A SavedModel holds a version (1) and MetaGraphs (2); those of TensorFlow 2 hold Python's objects (7)."""
    found = OTHER
    for number, begin, end in fields(file, 0, size):
        if number == 2:
            inside = list(fields(file, begin, end))
            if not any(inner == 2 and _begins_with_a_node(file, first, last) for inner, first, last in inside):
                return OTHER
            if any(inner == 7 for inner, _, _ in inside):
                return NEW_SAVED_MODEL
            found = SAVED_MODEL
        elif number != 1:
            return OTHER
    return found


def _text(content: bytes) -> str:
    """A graph in protobuf's text form. Text graphs for OpenCV, which hold no values, are none."""
    start = re.match(rb"\s*(?:#[^\n]*\n\s*)*(node|saved_model_schema_version|meta_graphs)\s*[:{]", content)
    if start is None:
        return OTHER
    if start[1] != b"node":
        return SAVED_MODEL
    operations = set(re.findall(rb'\bop:\s*"(\w+)"', content))
    if operations & VARIABLES:
        return BARE_GRAPH
    return GRAPH if b"Const" in operations and re.search(rb"_val:|tensor_content:", content) else OTHER


def _hdf5(path: Path) -> str:
    """Keras puts its architecture and the names of its layers into attributes of the file."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if "model_config" in file.attrs:
                return KERAS_MODEL
            return KERAS_WEIGHTS if "layer_names" in file.attrs else OTHER
    except OSError:
        return KERAS_MODEL if path.suffix == ".h5" else OTHER  # cut short: converting it will say so


def is_object_based(index: Path) -> bool:
    """Whether a checkpoint's index is TensorFlow 2's."""
    return OBJECT_GRAPH in index.read_bytes()
