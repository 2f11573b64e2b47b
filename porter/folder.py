"""The folder that a conversion leaves: written whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from porter.errors import UsageError
from porter.options import Options


def check_free(directory: Path, options: Options) -> None:
    taken = directory.exists() and (not directory.is_dir() or any(directory.iterdir()))
    if taken and not options.force and not options.dry_run:
        raise UsageError(
            f"{directory} is there already", todo="name another folder with -o, or overwrite it with --force"
        )


@contextlib.contextmanager
def beside(directory: Path) -> Iterator[Path]:
    """A working folder next to `directory`, gone afterwards."""
    try:
        directory.absolute().parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".porter-", dir=directory.absolute().parent))
    except OSError as problem:
        raise UsageError(
            f"{directory} cannot be written", why=str(problem), todo="name another folder with -o"
        ) from None
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def move(work: Path, directory: Path, options: Options) -> None:
    shutil.rmtree(work / "__pycache__", ignore_errors=True)
    work.chmod(0o755)
    if directory.exists():
        shutil.rmtree(directory)
    work.rename(directory)
    work.mkdir()
