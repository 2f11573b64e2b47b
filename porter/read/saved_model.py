"""SavedModels, of TensorFlow 1 and of TensorFlow 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from porter.errors import UnreadableSource
from porter.read.checkpoint import Stored
from porter.read.files import parse_graph_file, unreadable
from porter.read.metagraph import source_of
from porter.read.model import Source
from porter.read.served import leftovers, serve

NAMES = ("saved_model.pb", "saved_model.pbtxt")


def graph_file(folder: Path) -> Path | None:
    """The file with the graphs of the SavedModel in `folder`, None if it is none."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def open_saved_model(file: Path, message: Any | None = None) -> Source:
    """The MetaGraph tagged "serve", or else the first that is not for training, of a SavedModel's file.

    A TensorFlow Hub module (`tfhub_module.pb` beside it) is one too.

    message: the file's content where it was parsed already. Raises UnreadableSource for one of TensorFlow 2 that
    has no signature, and when the variables are missing.
    """
    message = parse_graph_file(file) if message is None else message
    if type(message).__name__ != "SavedModel":
        raise unreadable(file, f"it holds a {type(message).__name__}, not a SavedModel")
    metas = list(message.meta_graphs)
    meta = min(metas, key=lambda m: ("serve" not in m.meta_info_def.tags, "train" in m.meta_info_def.tags))
    prefix = file.parent / "variables" / "variables"
    index = prefix.with_name("variables.index")
    data = sorted(prefix.parent.glob("variables.data-*")) if prefix.parent.is_dir() else []
    source = source_of(meta, file.parent, "SavedModel", [file, *([index] if index.is_file() else []), *data])
    for asset in meta.asset_file_def:
        source.assets[asset.tensor_info.name.split(":")[0]] = file.parent / "assets" / asset.filename
    if (file.parent / "tfhub_module.pb").is_file():
        source.format = "TensorFlow Hub module"
    if len(meta.object_graph_def.nodes):
        serve(source, meta)
    if len(source.signatures) > 1:
        told = (f"{each.name} ({', '.join(each.outputs.values())})" for each in source.signatures)
        source.warnings.append(f"There are several signatures, and --outputs chooses: {'; '.join(told)}.")
    if len(metas) > 1:
        tags = "; ".join(" ".join(m.meta_info_def.tags) or "no tag" for m in metas)
        chosen = f"the tag {' '.join(meta.meta_info_def.tags)}" if meta.meta_info_def.tags else "no tag"
        source.warnings.append(
            f"The SavedModel holds {len(metas)} graphs ({tags}); the one with {chosen} is converted."
        )
    if index.is_file() and data:
        Stored(prefix, [index, *data]).serve(source)
        source.left |= leftovers(source.stored)
    elif index.is_file() or data:
        missing = "variables.data-00000-of-00001" if index.is_file() else "variables.index"
        raise UnreadableSource(
            f"{missing} is missing in the SavedModel's folder `variables`.",
            where=str(prefix.parent),
            todo="copy the whole folder again",
        )
    elif any(node.op in ("VariableV2", "Variable", "VarHandleOp") for node in meta.graph_def.node):
        raise UnreadableSource(
            "The SavedModel's folder `variables` is missing: it holds the weights.",
            where=str(file.parent),
            todo="copy the whole folder: saved_model.pb and variables/",
        )
    return source
