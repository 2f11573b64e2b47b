"""Checkpoints: a `.meta` that holds the graph, and the variables beside it, in TensorFlow's second or first format."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from porter.errors import UnreadableSource
from porter.read.archive import is_archive, model_in, unpack
from porter.read.files import is_table, listing, parse_graph_file, refuse_foreign, unreadable
from porter.read.metagraph import source_of
from porter.read.model import Source
from porter.read.pieces import join_pieces

SHARD = re.compile(r"(.*)\.data-\d{5}-of-(\d{5})")
OLD_SHARD = re.compile(r"(.*)-\d{5}-of-(\d{5})")
OBJECT_BASED = "_CHECKPOINTABLE_OBJECT_GRAPH"


def prefix_of(path: Path) -> Path | None:
    """The prefix of the checkpoint that `path` names or is a part of; None if it is none."""
    name = path.name
    if path.is_file() and (part := re.fullmatch(r"(.+)\.(meta|index)|(.+)\.data-\d{5}-of-\d{5}", name)):
        return path.with_name(part[1] or part[3])
    if path.is_file() and (part := OLD_SHARD.fullmatch(name)) and is_table(path):
        return path.with_name(part[1])
    if path.is_file() and name == "checkpoint" and (latest := latest_in(path.parent)):
        return latest
    if path.is_dir():
        return None
    return path if parts(path) or is_table(path) else None


def parts(prefix: Path) -> list[Path]:
    """The files of a checkpoint that are there, `.meta` first."""
    if not prefix.parent.is_dir():
        return []
    name = re.escape(prefix.name)
    pattern = re.compile(rf"{name}(\.meta|\.index|\.data-\d{{5}}-of-\d{{5}}|-\d{{5}}-of-\d{{5}})")
    return sorted(
        (p for p in prefix.parent.iterdir() if pattern.fullmatch(p.name)), key=lambda p: (p.suffix != ".meta", p.name)
    )


def latest_in(folder: Path) -> Path | None:
    """The prefix that the folder's `checkpoint` file calls the latest, looked for in the folder itself.

    The path in that file is often absolute and of another machine, so that only its last part counts then.
    """
    from google.protobuf import text_format
    from tensorflow.python.training import checkpoint_state_pb2

    file, state = folder / "checkpoint", checkpoint_state_pb2.CheckpointState()
    if not file.is_file():
        return None
    try:
        text_format.Parse(file.read_text(errors="replace"), state, allow_unknown_field=True)
    except text_format.ParseError:
        return None
    written = state.model_checkpoint_path.replace("\\", "/")
    if not written:
        return None
    tries = [folder / written, folder / written.rsplit("/", 1)[-1]]
    return next((p for p in tries if parts(p) or is_table(p)), None)


def prefixes_in(folder: Path) -> list[Path]:
    """The prefixes of all checkpoints in a folder."""
    found: dict[Path, None] = {}
    for path in sorted(folder.iterdir()):
        if re.search(r"\.(meta|index)$|\.data-\d{5}-of-\d{5}$", path.name) or is_table(path):
            prefix = prefix_of(path)
            if prefix is not None:
                found[prefix] = None
    return list(found)


def the_checkpoint(path: Path) -> Path | None:
    """The prefix of the checkpoint that `path` names, is a part of, or holds as the latest or the only one."""
    if not path.is_dir():
        return prefix_of(path)
    everything = prefixes_in(path)
    return latest_in(path) or (everything[0] if len(everything) == 1 else None)


def open_checkpoint(prefix: Path) -> Source:
    """The graph and the variables of the checkpoint with this prefix.

    Raises UnreadableSource when a part is missing, cut short or not of TensorFlow 1.
    """
    files = _variable_files(prefix)
    for file in files:
        refuse_foreign(file)
    meta = prefix.with_name(prefix.name + ".meta")
    reader = Stored(prefix, files) if files else None
    if not meta.is_file():
        raise _no_graph(prefix, reader)
    if reader is None:
        raise UnreadableSource(
            f"{meta.name} holds the graph, but the files with the weights are missing.",
            where=str(prefix.parent),
            why=f"neither {prefix.name}.index with {prefix.name}.data-00000-of-00001 nor a file {prefix.name} is there",
            todo="put them beside it",
        )
    message = parse_graph_file(meta)
    if type(message).__name__ != "MetaGraphDef":
        raise unreadable(meta, f"it holds a {type(message).__name__}, not a MetaGraphDef")
    source = source_of(message, prefix, "checkpoint", [meta, *files])
    reader.serve(source)
    if source.step is None and (number := re.search(r"-(\d+)$", prefix.name)):
        source.step = int(number[1])
    return source


def give_weights(source: Source, checkpoint: Path) -> None:
    """Let `source`, a graph alone, have the variables of a checkpoint: its prefix, any of its files, or its folder.

    Raises UnreadableSource when there is none, or when a part of it is missing or damaged.
    """
    if is_archive(checkpoint):
        source.keep = (source.keep, unpacked := unpack(checkpoint))
        before = list(source.files)
        give_weights(source, model_in(Path(unpacked.name), checkpoint))
        source.files = [*before, checkpoint]
        return
    prefix = the_checkpoint(checkpoint)
    files = _variable_files(prefix) if prefix is not None else []
    if prefix is None or not files:
        raise UnreadableSource(
            f"{checkpoint} is no checkpoint with weights.",
            why="the folder does not say which is the latest" if checkpoint.is_dir() else "there are no such files",
            todo="name its prefix, without .index or .data-00000-of-00001",
        )
    for file in files:
        refuse_foreign(file)
    Stored(prefix, files).serve(source)
    source.files += files
    if source.step is None and (number := re.search(r"-(\d+)$", prefix.name)):
        source.step = int(number[1])


class Stored:
    """The variables in a checkpoint's files."""

    def __init__(self, prefix: Path, files: list[Path]):
        import tensorflow as tf

        self.prefix = prefix
        try:
            self.reader: Any = tf.compat.v1.train.NewCheckpointReader(str(prefix))
            dtypes = self.reader.get_variable_to_dtype_map()
            shapes = self.reader.get_variable_to_shape_map()
        except (tf.errors.OpError, RuntimeError, ValueError) as problem:
            raise UnreadableSource(
                f"The checkpoint {prefix.name} cannot be read.",
                where=str(prefix),
                why=str(problem).split("\n")[0],
                todo="a part is damaged or cut short: compare sizes with the original's and copy it again",
            ) from problem
        self.dtypes = {name: dtype.name for name, dtype in dtypes.items()}
        self.shapes = {name: tuple(int(d) for d in shape) for name, shape in shapes.items()}
        self._refuse_short(files, dtypes)

    def _refuse_short(self, files: list[Path], dtypes: dict[str, Any]) -> None:
        """The index says how much the data files must hold at least."""
        data = [file for file in files if SHARD.fullmatch(file.name)]
        need = sum(
            math.prod(self.shapes[n]) * dtypes[n].size
            for n in self.shapes
            if dtypes[n].name not in ("string", "variant")
        )
        have = sum(file.stat().st_size for file in data)
        if data and have < need:
            raise UnreadableSource(
                f"{listing(data)} was cut short.",
                where=str(self.prefix.parent),
                why=f"the index names {need:,} bytes of variables, the data is {have:,} bytes long",
                todo="copy or download it again",
            )

    def load(self, name: str) -> np.ndarray:
        """A stored variable's array."""
        import tensorflow as tf

        try:
            return np.asarray(self.reader.get_tensor(name))
        except (tf.errors.OpError, RuntimeError, ValueError) as problem:
            raise UnreadableSource(
                f"The variable {name} cannot be read from the checkpoint.",
                where=str(self.prefix),
                why=str(problem).split("\n")[0],
                todo="the data file is damaged: copy it again",
            ) from problem

    def serve(self, source: Source) -> None:
        """Let `source` have these variables."""
        source.stored = {name: (self.shapes[name], self.dtypes[name]) for name in sorted(self.shapes)}
        source.load = self.load
        join_pieces(source)
        steps = [
            n
            for n in (*source.collections.get("global_step", []), "global_step")
            if n.removesuffix(":0") in source.stored
        ]
        if steps and source.stored[steps[0].removesuffix(":0")][0] == ():
            source.step = int(self.load(steps[0].removesuffix(":0")))


def object_based(path: Path) -> list[Path]:
    """The files of a checkpoint that names its variables by the objects that hold them, as Keras writes it; else none."""
    prefix = latest_in(path) if path.is_dir() else prefix_of(path)
    files = _variable_files(prefix) if prefix is not None else []
    return files if prefix is not None and files and OBJECT_BASED in Stored(prefix, files).shapes else []


def _variable_files(prefix: Path) -> list[Path]:
    """The files with the variables, after making sure that all of them are there."""
    there = [path for path in parts(prefix) if path.suffix != ".meta"]
    index = [path for path in there if path.suffix == ".index"]
    data = [path for path in there if SHARD.fullmatch(path.name)]
    old = [path for path in there if path not in index and path not in data]
    if prefix.is_file() and not index and not data:
        return [prefix]
    if old and not index and not data:
        shards, match = old, OLD_SHARD.fullmatch(old[0].name)
    else:
        shards, match = data, SHARD.fullmatch(data[0].name) if data else None
    if data and not index:
        raise UnreadableSource(
            f"{prefix.name}.index is missing: it says what stands where in {listing(data)}.",
            where=str(prefix.parent),
            todo=f"put {prefix.name}.index beside it",
        )
    if index and not data:
        raise UnreadableSource(
            f"{prefix.name}.data-00000-of-00001 is missing: it holds the weights.",
            where=str(prefix.parent),
            why=f"{listing(there)} only says what they are called",
            todo=f"put {prefix.name}.data-… beside it",
        )
    if match is not None and len(shards) != int(match[2]):
        raise UnreadableSource(
            f"Of the {int(match[2])} data files of {prefix.name} only {len(shards)} are there.",
            where=str(prefix.parent),
            why=f"there are {listing(shards)}",
            todo="put the others beside them",
        )
    return [*index, *shards]


def _no_graph(prefix: Path, reader: Stored | None) -> UnreadableSource:
    """The error for a checkpoint without its `.meta`."""
    if reader is not None and OBJECT_BASED in reader.shapes:
        return UnreadableSource(
            f"{prefix.name} is an object-based checkpoint, of TensorFlow 2 or Keras: it holds no graph.",
            where=str(prefix),
            why="porter converts TensorFlow 1 graphs, and the weights alone do not say what is computed",
            todo="in the program that wrote it, save with tf.compat.v1.train.Saver or as a TensorFlow 1 SavedModel",
        )
    others = sorted(prefix.parent.glob("*.meta"))
    hint = f"; if {others[0].name} is of the same model, copy it to {prefix.name}.meta" if others else ""
    return UnreadableSource(
        f"{prefix.name}.meta is missing: it holds the graph.",
        where=str(prefix.parent),
        why="the variables alone do not say what is computed",
        todo=f"put it beside the other parts, or give a frozen graph{hint}",
    )
