"""What is known of models that were tried before, by content: files, settings, porter, and the libraries below it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import porter

LIBRARIES = ("tensorflow", "tf-keras", "keras", "jax", "torch", "numpy", "h5py")


@functools.cache
def _porter() -> str:
    """The code of porter itself and the versions of what it runs on."""
    digest = hashlib.sha256(porter.__version__.encode())
    home = Path(porter.__file__).parent
    rules = Path(__import__("porter.rules", fromlist=["rules"]).__file__ or "").parent
    for folder in (home, rules):
        for path in sorted(folder.rglob("*.py")):
            if "check" not in path.relative_to(folder).parts and "lint" not in path.relative_to(folder).parts:
                digest.update(path.read_bytes())
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            digest.update(f"{name} {metadata.version(name)}".encode())
    return digest.hexdigest()


class Cache:
    """A folder of small JSON files. Where it cannot be written, nothing is kept and nothing fails."""

    def __init__(self, folder: Path | None):
        self.folder = folder

    def key(self, files: Iterable[Path], settings: Any) -> str:
        """The name under which an outcome is kept. files: by content, and by their name without the folder."""
        digest = hashlib.sha256(f"{_porter()} {settings!r}".encode())
        for path in sorted(files):
            digest.update(f"\0{path.name}\0{path.stat().st_size}\0".encode())
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    def get(self, key: str) -> dict[str, Any] | None:
        """The outcome that is kept under `key`, None where there is none."""
        if self.folder is None:
            return None
        try:
            found = json.loads((self.folder / f"{key}.json").read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def put(self, key: str, outcome: dict[str, Any]) -> None:
        """Keep an outcome: written beside and then moved, so that nobody reads half of it."""
        if self.folder is None:
            return
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / ".gitignore").write_text("*\n")
            beside = self.folder / f"{key}.part"
            beside.write_text(json.dumps(outcome))
            beside.replace(self.folder / f"{key}.json")
