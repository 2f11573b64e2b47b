"""What a rule has to say of a place in a file."""

from __future__ import annotations

from dataclasses import dataclass

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Edit:
    """Replace the text from (line, column) to (end_line, end_column). Lines from 1, columns from 0, in characters."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str


@dataclass(frozen=True)
class Finding:
    """code: the rule's. path: relative to the root of the check, with `/`. Lines and columns count from 1.

    severity: ERROR for what does not run on TensorFlow 2 or computes something else than was meant, WARNING for what
    still runs and will not live on in Keras 3. text: the line in the file, by which a baseline knows the finding again.
    edits: a rewrite that is certain.
    """

    code: str
    path: str
    message: str
    severity: str = ERROR
    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1
    text: str = ""
    edits: tuple[Edit, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays the same when lines are added above."""
        return self.path, self.code, " ".join(self.text.split())
