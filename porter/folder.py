"""The folder that a conversion leaves: written whole or not at all."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from porter.errors import UsageError, writing
from porter.options import Options

# What a conversion leaves, and what running it may add.
OURS = {"model.py", "model.keras", "model.weights.h5", "report.json", "report.html", "certificate.json", "__pycache__"}
ANOTHER = "name another folder with -o"
VOCABULARY = re.compile(r"vocabulary(_\d+)?\.txt")


def check_free(directory: Path, options: Options) -> None:
    """Raise `UsageError` where `directory` holds something; with `--force`, where it holds anything but a conversion."""
    if options.dry_run:
        return
    with writing(directory, ANOTHER):
        there = directory.exists()
    if not there and not directory.is_symlink():
        return
    if not directory.is_dir():
        kind = "a file" if there else "a link to nowhere"
        raise UsageError(f"{directory} is {kind}", todo=ANOTHER)
    held = {path.name for path in directory.iterdir()}
    if held and not options.force:
        raise UsageError(
            f"{directory} is there already", todo="name another folder with -o, or overwrite it with --force"
        )
    strange = {name for name in held - OURS if not VOCABULARY.fullmatch(name)}
    if strange:
        raise UsageError(
            f"{directory} holds what porter did not write",
            why=", ".join(sorted(strange)[:5]),
            todo="name another folder with -o; --force replaces a conversion and nothing else",
        )


@contextlib.contextmanager
def beside(directory: Path) -> Iterator[Path]:
    """A working folder next to `directory`, gone afterwards."""
    with writing(directory, ANOTHER):
        directory.absolute().parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".porter-", dir=directory.absolute().parent))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def move(work: Path, directory: Path) -> None:
    """Put the folder `work` in the place of `directory`, which `check_free` let pass; an empty `work` is left."""
    shutil.rmtree(work / "__pycache__", ignore_errors=True)
    work.chmod(0o755)
    if directory.exists():
        shutil.rmtree(directory)
    work.rename(directory)
    work.mkdir()
