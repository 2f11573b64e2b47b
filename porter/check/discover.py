"""From the files of a repository to its legacy models and its Python source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from porter.check import kinds
from porter.check.files import SOURCE

PART = re.compile(r"(?P<prefix>.+?)(?:\.meta|\.index|\.data-\d{5}-of-\d{5})")
STEP = re.compile(r"(?P<stem>.*?)-(?P<step>\d+)$")
TEXT = {
    ".py", ".pyi", ".txt", ".md", ".rst", ".json", ".yml", ".yaml", ".toml", ".cfg", ".ini", ".sh", ".ipynb", ".csv",
    ".html", ".css", ".js", ".ts", ".c", ".h", ".cc", ".cpp", ".cu", ".java", ".proto", ".xml", ".svg", ".bat",
    ".png", ".jpg", ".jpeg", ".gif", ".npy", ".npz", ".wav", ".mp3", ".mp4", ".pdf", ".zip", ".gz", ".tfrecord",
}  # fmt: skip


@dataclass(frozen=True)
class Artefact:
    """A model in the tree. source: what `porter convert` takes, relative to the root. files: all its parts.

    format: checkpoint, checkpoint without graph, frozen graph, SavedModel, Keras HDF5 … earlier: other steps of the same
    training, which are not looked at.
    """

    source: Path
    format: str
    files: tuple[Path, ...]
    earlier: tuple[Path, ...] = ()


@dataclass
class Found:
    """sources: Python files. models: what can be tried. left: path and reason of what was seen and is none of ours."""

    sources: list[Path] = field(default_factory=list)
    models: list[Artefact] = field(default_factory=list)
    left: list[tuple[Path, str]] = field(default_factory=list)


def discover(root: Path, paths: Sequence[Path]) -> Found:
    """What is in these files, which are relative to `root`."""
    found = Found()
    ours = {path.parent for path in paths if path.name == "report.json" and (root / path.parent / "model.py").is_file()}
    paths = [path for path in paths if path.parent not in ours]
    found.sources = [path for path in paths if path.suffix in SOURCE]
    by_kind: dict[Path, str] = {}
    for path in paths:
        if path.suffix.lower() not in TEXT:
            by_kind[path] = kinds.kind(root / path)
    exports = {path.parent: path for path, kind in by_kind.items() if path.name.startswith("saved_model.pb")}
    checkpoints = _checkpoints(root, paths, by_kind, exports, found)
    homes = {each.source.parent for each in checkpoints}
    found.models += checkpoints
    for path, kind in by_kind.items():
        model = _single(path, kind, homes, exports, paths, found)
        if model is not None:
            found.models.append(model)
    found.models.sort(key=lambda each: each.source)
    return found


def _single(
    path: Path, kind: str, homes: set[Path], exports: dict, paths: Sequence[Path], found: Found
) -> Artefact | None:
    """The model that one file is, or is the head of."""
    if PART.fullmatch(path.name) and path.suffix != ".pb":
        return None
    if kind == kinds.SAVED_MODEL and path.parent in exports:
        inside = [each for each in paths if each.is_relative_to(path.parent / "variables") or each == path]
        return Artefact(path.parent, "SavedModel", tuple(inside))
    if kind in (kinds.GRAPH, kinds.KERAS_MODEL, kinds.META_GRAPH):
        return Artefact(path, "frozen graph" if kind == kinds.META_GRAPH else kind, (path,))
    if kind == kinds.KERAS_WEIGHTS:
        found.left.append((path, "weights of a Keras model; the code that builds it has the architecture"))
    elif kind == kinds.BARE_GRAPH and path.parent not in homes:
        found.left.append((path, "a graph without its weights, which are in a checkpoint elsewhere"))
    elif kind == kinds.NEW_SAVED_MODEL:
        found.left.append((path.parent, "a SavedModel of TensorFlow 2"))
    elif kind == kinds.POINTER and path.suffix in (".pb", ".h5", ".hdf5"):
        return Artefact(path, kinds.POINTER, (path,))
    return None


def _checkpoints(
    root: Path, paths: Sequence[Path], by_kind: dict[Path, str], exports: dict[Path, Path], found: Found
) -> list[Artefact]:
    """Checkpoints, of each training the latest step."""
    parts: dict[Path, list[Path]] = {}
    for path in paths:
        if path.parent.name == "variables" and path.parent.parent in exports:
            continue
        if (part := PART.fullmatch(path.name)) is not None and path.suffix != ".py":
            parts.setdefault(path.with_name(part["prefix"]), []).append(path)
        elif by_kind.get(path) == kinds.TABLE:
            parts.setdefault(path, []).append(path)
    whole = [each for prefix, files in parts.items() if (each := _checkpoint(root, prefix, files, by_kind, found))]
    trainings: dict[tuple[Path, str, str], list[Artefact]] = {}
    for each in whole:
        step = STEP.fullmatch(each.source.name)
        stem = step["stem"] if step else each.source.name
        trainings.setdefault((each.source.parent, stem, each.format if step else "whole"), []).append(each)
    return [_latest(root, each) for each in trainings.values()]


def _checkpoint(root: Path, prefix: Path, files: list[Path], by_kind: dict[Path, str], found: Found) -> Artefact | None:
    kinds_of = {path: by_kind.get(path, "") for path in files}
    if kinds.POINTER in kinds_of.values():
        return Artefact(prefix, kinds.POINTER, tuple(files))
    meta = [path for path in files if path.suffix == ".meta" and kinds_of[path] == kinds.META_GRAPH]
    index = [path for path in files if path.suffix == ".index" or path == prefix]
    tables = [path for path in index if kinds_of[path] == kinds.TABLE]
    data = [path for path in files if ".data-" in path.name]
    if not meta and not tables:
        return None  # .meta and .index are names of other things too
    if tables and not meta and kinds.is_object_based(root / tables[0]):
        found.left.append((prefix, "a checkpoint of TensorFlow 2"))
        return None
    if meta and not tables and not data:
        return Artefact(prefix.with_name(meta[0].name), "graph of a checkpoint without weights", tuple(files))
    return Artefact(prefix, "checkpoint" if meta else "checkpoint without graph", tuple(files))


def _latest(root: Path, steps: list[Artefact]) -> Artefact:
    """The step that the `checkpoint` file names, or else the highest."""

    def number(each: Artefact) -> int:
        step = STEP.fullmatch(each.source.name)
        return int(step["step"]) if step else -1

    if len(steps) == 1:
        return steps[0]
    steps = sorted(steps, key=number)
    latest = steps[-1]
    state = root / latest.source.parent / "checkpoint"
    if state.is_file() and (
        named := re.search(r'^model_checkpoint_path:\s*"(.*)"', state.read_text(errors="replace"), re.M)
    ):
        name = named[1].replace("\\", "/").rsplit("/", 1)[-1]
        latest = next((each for each in steps if each.source.name == name), latest)
    return Artefact(
        latest.source, latest.format, latest.files, tuple(each.source for each in steps if each is not latest)
    )
