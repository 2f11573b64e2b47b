"""Why a rule did not apply."""

from __future__ import annotations

from porter.graph import Node


class Miss(Exception):
    """A rule's refusal: `reason` in words, and the node it is about.

    other_form: the rule is for another form of the operation, so that a refusal by the right one says more.
    """

    def __init__(self, reason: str, at: Node | None = None, *, other_form: bool = False):
        super().__init__(reason)
        self.reason, self.at, self.other_form = reason, at, other_form

    def __str__(self) -> str:
        return f"{self.reason} (at {self.at.name})" if self.at else self.reason
