"""Why a rule did not apply."""

from __future__ import annotations

from porter.graph import Node


class Miss(Exception):
    """A rule's refusal: `reason` in words, and the node it is about."""

    def __init__(self, reason: str, at: Node | None = None):
        super().__init__(reason)
        self.reason, self.at = reason, at

    def __str__(self) -> str:
        return f"{self.reason} (at {self.at.name})" if self.at else self.reason
