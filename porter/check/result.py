"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from porter.lint import Finding


@dataclass
class ModelOutcome:
    """What became of one model. status: converted, refused, unreadable, differs, crashed, over limit, skipped.

    levels: status by number of each level of the proof. cached: nothing had changed since it was tried before.
    """

    source: str
    format: str
    status: str
    seconds: float = 0.0
    cached: bool = False
    levels: dict[str, str] = field(default_factory=dict)
    note: str = ""
    finding: Finding | None = None


@dataclass
class Result:
    """new: findings that count. known: those that the baseline has. gone: entries of the baseline that are no more.

    left: files that were seen and not tried, with the reason.
    """

    root: Path
    new: list[Finding] = field(default_factory=list)
    known: list[Finding] = field(default_factory=list)
    gone: list[tuple[str, str, str]] = field(default_factory=list)
    files: int = 0
    models: list[ModelOutcome] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        return 1 if self.new else 0
