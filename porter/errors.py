"""What porter says when it cannot go on: what happened, where, why, and what to do.

Each kind has the exit code that the command line ends with.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class PorterError(Exception):
    """An error for people.

    what: what happened, in a sentence. where: node, scope, layer or file. why: the reason, such as the nearest rule and
    why it missed. todo: the next step. Problems found together are raised together (`also`).
    """

    exit_code = 1

    def __init__(
        self, what: str, *, where: str = "", why: str = "", todo: str = "", also: list[PorterError] | None = None
    ):
        super().__init__(what)
        self.what, self.where, self.why, self.todo, self.also = what, where, why, todo, also or []

    def __str__(self) -> str:
        lines = [self.what]
        lines += [
            f"  {label}: {text}"
            for label, text in (("where", self.where), ("why", self.why), ("do", self.todo))
            if text
        ]
        return "\n".join([*lines, *(str(other) for other in self.also)])


class OutputsDiffer(PorterError):
    """The converted model does not compute the same."""

    exit_code = 1


class UsageError(PorterError):
    """Something asked for does not exist or does not fit."""

    exit_code = 2


class Unsupported(PorterError):
    """Something in the graph has no Keras form yet."""

    exit_code = 3


class UnreadableSource(PorterError):
    """The source is missing, damaged, or not a TensorFlow 1 model."""

    exit_code = 4


class NamesDiffer(UnreadableSource):
    """Graph and checkpoint call variables differently. proposal: by the graph's name, the checkpoint's, "" if none fits."""

    proposal: dict[str, str]


@contextmanager
def writing(what: object, todo: str = "name another file with -o") -> Iterator[None]:
    """Raise `UsageError` where a file or folder that was asked for cannot be written: no such folder, no space, no right."""
    try:
        yield
    except OSError as problem:
        raise UsageError(f"{what} cannot be written", why=str(problem), todo=todo) from None


@contextmanager
def reading(what: object) -> Iterator[None]:
    """Raise `UnreadableSource` where a file or folder that is there cannot be read: no right, a broken disk."""
    try:
        yield
    except OSError as problem:
        where = str(problem.filename or "")
        raise UnreadableSource(
            f"{what} cannot be read", where=where, why=problem.strerror or str(problem), todo="check its permissions"
        ) from problem
