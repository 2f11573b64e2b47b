"""From a path to a `Source`, whatever the path names."""

from __future__ import annotations

import os
from pathlib import Path

from porter.errors import UnreadableSource
from porter.read.archive import is_archive, model_in, unpack
from porter.read.checkpoint import give_weights, latest_in, open_checkpoint, prefix_of, prefixes_in, the_checkpoint
from porter.read.files import OTHERS, listing, parse_graph_file, refuse_foreign
from porter.read.keras_file import is_keras_file, open_keras_file
from porter.read.metagraph import source_of
from porter.read.model import Source
from porter.read.operations import VARIABLES
from porter.read.saved_model import graph_file, open_saved_model
from porter.read.wiring import closest


def open_source(
    path: str | os.PathLike[str], checkpoint: str | os.PathLike[str] | None = None, into: Path | None = None
) -> Source:
    """Read the TensorFlow 1 model at `path`, or the graph there and the weights of `checkpoint`.

    into: the architecture for an `.h5` file that holds weights alone.

    path: a checkpoint's prefix or any of its files, a folder with a `checkpoint` file or with one model, a frozen graph
    (`.pb`, `.pbtxt`), a SavedModel's folder or file, Keras' `.h5`, or an archive with one of these.
    Raises UnreadableSource when it is missing, incomplete, damaged, of TensorFlow 2 or ambiguous; Unsupported for a
    format that porter does not read.
    """
    path = Path(path)
    if is_archive(path):
        unpacked = unpack(path)
        source = open_source(model_in(Path(unpacked.name), path), checkpoint)
        source.path, source.files, source.keep = path, [path], unpacked
        return source
    if checkpoint is not None:
        return open_graph(path, Path(checkpoint))
    if path.is_dir():
        return _open_folder(path)
    prefix = prefix_of(path)
    if prefix is not None:
        return open_checkpoint(prefix)
    if not path.is_file():
        raise _not_there(path)
    if is_keras_file(path):
        return open_keras_file(path, into)
    if path.name == "checkpoint":
        raise UnreadableSource(
            "The `checkpoint` file names no checkpoint that is in its folder.",
            where=str(path),
            todo="name the checkpoint itself",
        )
    return _open_graph(path)


def open_graph(path: Path, checkpoint: Path | None) -> Source:
    """The graph that `path` names, with the weights of a checkpoint if it has weights.

    path: a `.meta`, `.pb` or `.pbtxt`; of a checkpoint the `.meta` is taken, of a SavedModel its graph.
    """
    path = _graph_of(path)
    message = parse_graph_file(path)
    kind = type(message).__name__
    if kind == "SavedModel":
        message = message.meta_graphs[0]
    source = Source(path, "graph", [path], message) if kind == "GraphDef" else source_of(message, path, "graph", [path])
    if checkpoint is not None:
        give_weights(source, checkpoint)
    return source


def _graph_of(path: Path) -> Path:
    """The file that holds the graph of what `path` names. Raises UnreadableSource where there is none."""
    if path.is_dir() and (file := graph_file(path)) is not None:
        return file
    prefix = the_checkpoint(path)
    if prefix is not None and (meta := prefix.with_name(f"{prefix.name}.meta")).is_file():
        return meta
    if path.is_file() and prefix is None:
        return path
    if path.exists() or prefix is not None:
        raise UnreadableSource(
            f"{path} holds no graph that --checkpoint could give weights.",
            where=str(path),
            why="there is no .meta file beside it" if prefix is not None else "it is a folder with no SavedModel in it",
            todo="name the file of the graph: a .meta, .pb or .pbtxt",
        )
    raise _not_there(path)


def open_weights(path: Path) -> Source:
    """The variables of a checkpoint, without a graph. Raises UnreadableSource."""
    source = Source(path, "checkpoint", [], None)
    give_weights(source, path)
    return source


def _open_graph(path: Path) -> Source:
    """A `.pb` or `.pbtxt`: a frozen graph mostly, but SavedModels and MetaGraphs go by that name too."""
    message = parse_graph_file(path)
    kind = type(message).__name__
    if kind == "SavedModel":
        return open_saved_model(path, message)
    if kind == "MetaGraphDef":
        source = source_of(message, path, "frozen graph", [path])
    else:
        source = Source(path, "frozen graph", [path], message)
    variables = [node.name for node in source.graph_def.node if node.op in VARIABLES]
    if variables:
        raise UnreadableSource(
            f"{path.name} is a graph without its weights: the values of {len(variables)} variables are elsewhere.",
            where=str(path),
            why=f"such as {', '.join(variables[:3])}",
            todo="give the checkpoint (its .meta holds this graph too), or name its weights with --checkpoint",
        )
    return source


def _open_folder(folder: Path) -> Source:
    """The one model in a folder."""
    if (file := graph_file(folder)) is not None:
        return open_saved_model(file)
    latest = latest_in(folder)
    if latest is not None:
        return open_checkpoint(latest)
    checkpoints = prefixes_in(folder)
    graphs = [p for p in sorted(folder.iterdir()) if p.suffix == ".pb" or (p.suffix == ".pbtxt" and not checkpoints)]
    exports = [p for p in sorted(folder.iterdir()) if p.is_dir() and graph_file(p)]
    found = [*checkpoints, *graphs, *exports]
    if len(found) == 1:
        return open_source(found[0])
    if found:
        raise UnreadableSource(
            f"{folder} holds several models, and no `checkpoint` file says which is the latest.",
            where=str(folder),
            why=f"there are {listing(found)}",
            todo=f"name one of them, such as {found[-1]}",
        )
    foreign = [p for p in sorted(folder.iterdir()) if p.is_file() and p.suffix.lower() in OTHERS]
    if foreign:
        refuse_foreign(foreign[0])
    inside = sorted(p.name for p in folder.iterdir())
    raise UnreadableSource(
        f"{folder} holds no TensorFlow 1 model.",
        where=str(folder.resolve()),
        why=f"it holds {', '.join(inside[:6])}{' …' if len(inside) > 6 else ''}" if inside else "the folder is empty",
        todo="name a checkpoint (its prefix or .meta file), a frozen graph (.pb) or a SavedModel's folder",
    )


def _not_there(path: Path) -> UnreadableSource:
    if path.exists():
        return UnreadableSource(
            f"{path} is neither a file nor a folder.", where=str(path), todo="name a model's file or folder"
        )
    if not path.parent.is_dir():
        return UnreadableSource(
            f"{path} does not exist.", why=f"there is no folder {path.parent}", todo="check the path"
        )
    near = closest(path.name, (p.name for p in path.parent.iterdir()))
    return UnreadableSource(
        f"{path} does not exist, and no checkpoint of that name either.",
        where=str(path.parent.resolve()),
        why=f"names like it there: {', '.join(near)}" if near else "nothing there has such a name",
        todo="check the path",
    )
