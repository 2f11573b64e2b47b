"""Models inside a .tar.gz, .tar or .zip: unpacked into a folder of their own, nothing outside it.

Only plain files are taken, by paths that stay inside; links and devices are refused, and so is what grows too large.
"""

from __future__ import annotations

import re
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from porter.errors import UnreadableSource, Unsupported

LARGEST = 8 * 2**30  # bytes, unpacked
MOST = 20_000  # files
BESIDE = re.compile(r"(^|/)(__MACOSX|\._[^/]*|\.DS_Store)(/|$)")
CHUNK = 2**20


def is_archive(path: Path) -> bool:
    """Whether a file is a tar, compressed or not, or a zip. A Keras 3 archive is a zip too, and none of these."""
    if not path.is_file() or path.suffix in (".keras", ".npz"):
        return False
    with path.open("rb") as file:
        head = file.read(262)
    return head.startswith((b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")) or head[257:262] == b"ustar"


def unpack(path: Path) -> tempfile.TemporaryDirectory[str]:
    """The archive's files in a temporary folder, which is gone with the object.

    Raises UnreadableSource for a damaged archive, Unsupported for one that would write outside its folder, holds links,
    or grows too large.
    """
    folder = tempfile.TemporaryDirectory(prefix="porter-archive-")
    room, count = LARGEST, 0
    try:
        for name, opened in _members(path):
            if BESIDE.search(name):
                continue
            count += 1
            target = _inside(path, Path(folder.name), name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                while chunk := opened.read(CHUNK):
                    room -= len(chunk)
                    if room < 0 or count > MOST:
                        raise _refused(path, f"it unpacks to more than {LARGEST >> 30} GB, or {MOST} files")
                    out.write(chunk)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError) as problem:
        raise UnreadableSource(
            f"{path.name} cannot be unpacked.", where=str(path), why=str(problem), todo="copy or download it again"
        ) from problem
    return folder


def model_in(folder: Path, archive: Path) -> Path:
    """The one model in an unpacked archive: a folder, a graph's file or a V1 checkpoint. Raises UnreadableSource."""
    from porter.read.checkpoint import prefixes_in
    from porter.read.saved_model import graph_file

    found: list[Path] = []
    for place in [folder, *sorted(each for each in folder.rglob("*") if each.is_dir())]:
        if any(one in place.parents for one in found):
            continue
        if graph_file(place) or prefixes_in(place):
            found.append(place)
        else:
            found += sorted(file for file in place.iterdir() if file.suffix in (".pb", ".pbtxt", ".h5", ".hdf5"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(str(each.relative_to(folder)) for each in found[:8])
    if found:
        raise UnreadableSource(
            f"{archive.name} holds several models.",
            where=str(archive),
            why=names,
            todo="unpack it and name one of them",
        )
    inside = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    raise UnreadableSource(
        f"{archive.name} holds no TensorFlow 1 model.", where=str(archive),
        why=f"it holds {', '.join(inside[:8]) or 'nothing'}", todo="name a checkpoint, a frozen graph or a SavedModel",
    )  # fmt: skip


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Names and contents of the plain files in an archive; folders are made as they are needed."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if (info.external_attr >> 16) & 0o170000 == 0o120000:
                    raise _refused(path, f"{info.filename} is a link")
                if not info.is_dir():
                    with archive.open(info) as opened:
                        yield info.filename, opened
        return
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isdir():
                continue
            content: Any = tar.extractfile(member) if member.isfile() else None
            if content is None:
                raise _refused(path, f"{member.name} is a link or a device")
            yield member.name, content


def _inside(archive: Path, folder: Path, name: str) -> Path:
    """Where a member goes. Raises Unsupported for a path that leads elsewhere."""
    steps = PurePosixPath(name.replace("\\", "/"))
    if steps.is_absolute() or ".." in steps.parts or ":" in name or not steps.parts:
        raise _refused(archive, f"{name!r} leads outside")
    return folder.joinpath(*steps.parts)


def _refused(path: Path, why: str) -> Unsupported:
    return Unsupported(f"{path.name} is not unpacked.", where=str(path), why=why, todo="unpack it yourself, with care")
