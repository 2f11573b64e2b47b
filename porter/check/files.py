"""The files of a repository that are looked at: git's, or those of a folder, without what is ignored."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from porter.errors import UnreadableSource, UsageError

IGNORE_FILE = ".porterignore"
SOURCE = (".py", ".pyw")
NEVER = {
    ".git",
    ".hg",
    ".svn",
    "__pycache__",
    "node_modules",
    ".venv",
    "venv",
    ".tox",
    ".nox",
    ".eggs",
    ".porter_cache",
}


def list_files(root: Path, paths: Sequence[Path], exclude: Sequence[str]) -> list[Path]:
    """Files below `paths`, sorted, relative to `root`.

    In a git repository those that git tracks or would track. Elsewhere (an unpacked archive of a repository, say) all but
    the source that `.gitignore` names: models that were committed are there although it names them. `.porterignore` at
    the root and `exclude` hold further patterns, written as in `.gitignore`. Raises UnreadableSource for a path that is
    not there.
    """
    import pathspec

    lines = list(exclude)
    if (root / IGNORE_FILE).is_file():
        lines += (root / IGNORE_FILE).read_text(errors="replace").splitlines()
    ignored = pathspec.GitIgnoreSpec.from_lines(lines)
    found: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise UnreadableSource(f"{path} does not exist.", todo="name a file or folder that is there")
        listed = [path] if path.is_file() else _below(path)
        found.update(_relative(each, root) for each in listed)
    return sorted(path for path in found if not ignored.match_file(path.as_posix()))


def _relative(path: Path, root: Path) -> Path:
    try:
        return Path(os.path.relpath(path.absolute(), root.absolute()))
    except ValueError:
        return path


def _below(folder: Path) -> list[Path]:
    if not os.access(folder, os.R_OK | os.X_OK):
        raise UnreadableSource(f"{folder} cannot be read.", why="permission denied", todo="check its permissions")
    if git(folder, "check-ignore", "--quiet", ".") is not None:
        return list(_walk(folder))  # unpacked somewhere inside a repository that is none of its business
    listed = git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", ".")
    if listed is None:
        return list(_walk(folder))
    paths = [folder / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and not NEVER & set(path.relative_to(folder).parts)]


def _walk(top: Path) -> Iterator[Path]:
    """Files below a folder that is in no git repository."""
    import pathspec

    specs: dict[Path, pathspec.GitIgnoreSpec] = {}

    def hidden(path: Path) -> bool:
        return any(
            path.is_relative_to(home) and spec.match_file(path.relative_to(home)) for home, spec in specs.items()
        )

    for home, folders, names in os.walk(top):
        here = Path(home)
        if ".gitignore" in names:
            lines = (here / ".gitignore").read_text(errors="replace").splitlines()
            specs[here] = pathspec.GitIgnoreSpec.from_lines(lines)
        folders[:] = sorted(name for name in folders if name not in NEVER)
        for path in (here / name for name in names):
            if path.is_file() and not (path.suffix in SOURCE and hidden(path)):
                yield path


def shown(path: Path) -> str:
    """A path as findings name it: with `/`, and without the bytes that are no UTF-8."""
    return path.as_posix().encode(errors="surrogateescape").decode(errors="replace")


def changed_since(root: Path, revision: str) -> set[Path]:
    """Files below `root`, relative to it, that differ from a revision, with those that git does not know yet.

    Raises UsageError where there is no git repository or no such revision.
    """
    if git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
        raise UsageError(
            f"--changed-since: git knows no revision {revision} here",
            why="a shallow clone holds the last commit only",
            todo="name a revision of this repository; in CI fetch it first (actions/checkout: fetch-depth: 0)",
        )
    changed = git(root, "diff", "--name-only", "-z", "--relative", revision, "--", ".") or ""
    new = git(root, "ls-files", "-z", "--others", "--exclude-standard", ".") or ""
    return {Path(name) for name in (changed + new).split("\0") if name}


def top(folder: Path) -> Path | None:
    """The top of the git repository that a folder is a part of, None where it is none's."""
    if git(folder, "check-ignore", "--quiet", ".") is not None:
        return None
    found = git(folder, "rev-parse", "--show-toplevel")
    return Path(found.strip("\n")) if found else None


def git(folder: Path, *arguments: str) -> str | None:
    """What git prints, None where it fails: no git, no repository, no such thing."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout.decode(errors="surrogateescape") if done.returncode == 0 else None
