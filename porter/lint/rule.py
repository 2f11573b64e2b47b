"""What the author of a source rule writes: documentation, a function that finds, examples and counterexamples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from porter.lint.finding import Finding
from porter.lint.module import Module

Find = Callable[[Module], Iterable[Finding]]


@dataclass
class SourceRule:
    """A rule with its documentation, which `porter rules CODE` prints.

    what: what it finds, one line. why: why that matters. instead: the Keras 3 way. references: where to read on.
    """

    code: str
    name: str
    what: str
    why: str
    instead: str
    references: tuple[str, ...] = ()
    fixable: bool = False
    finder: Find | None = None
    examples: list[tuple[str, str]] = field(default_factory=list)
    counterexamples: list[tuple[str, str]] = field(default_factory=list)

    def find(self, function: Find) -> Find:
        """Decorator: `function` yields the findings in a module."""
        self.finder = function
        return function

    def example(self, title: str, source: str) -> None:
        """Source in which each line that ends in `# !` has exactly one finding of this rule, and no other has."""
        self.examples.append((title, source))

    def counterexample(self, title: str, source: str) -> None:
        """Source that looks alike and has no finding of this rule."""
        self.counterexamples.append((title, source))
