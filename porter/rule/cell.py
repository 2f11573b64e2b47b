"""`cell`: one step of a recurrent network as a formula, raised to a Keras cell."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from porter.graph import Node, Value
from porter.pattern import Matcher, Miss
from porter.pattern.matcher import Match
from porter.pattern.terms import label_places
from porter.rule.calls import Layer
from porter.rule.rule import Rule


@dataclass
class Step:
    """One step that was found: the Keras cell that makes it, what goes in, and each state before and after it.

    nodes: what it covers.
    """

    cell: Cell
    layer: Layer
    x: Value
    out: Value
    states: list[tuple[Value, Value]]
    nodes: tuple[Node, ...]


class Cell(Rule):
    """The formula of what one step gives.

    states: in Keras' order, the formula's parameter for each state with its next value: "out" for what the formula
    gives, or a label ("label:1" for another output of the labelled operation). The parameter `x` is the step's input.
    alone: whether one step by itself is a recurrent layer; where that could be anything, only several make one.
    """

    alone = True

    def __init__(self, formula: Callable[..., Any], states: dict[str, str]):
        super().__init__(formula)
        self.states = states
        self._places = label_places(self.pattern)

    def steps(self, matcher: Matcher, value: Value, given: dict[str, Value] | None = None) -> Iterator[Step]:
        """Every way in which `value` is what a step gives."""
        for match in matcher.matches(self.pattern, value, given, may_leak=True):
            states = [(match.bound.get(name), self._next(match, after, value)) for name, after in self.states.items()]
            if "x" not in match.bound or not all(_stays(before, after) for before, after in states):
                continue
            try:
                layer = self.propose(match)
            except Miss:
                continue
            yield Step(self, layer, match.bound["x"], value, states, match.nodes)  # type: ignore[arg-type]

    def _next(self, match: Match, label: str, out: Value) -> Value:
        if label == "out":
            return out
        name, _, index = label.partition(":")
        return match.bound[name].outputs[int(index) if index else self._places[name]]

    def propose(self, match: Match) -> Any:
        """The Keras cell for a match. Raises `Miss`."""
        return super().propose(match)


def _stays(before: Value | None, after: Value) -> bool:
    """True unless a state is known to change its shape."""
    if before is None:
        return False
    if before.shape is None or after.shape is None:
        return True
    sizes = zip(before.shape, after.shape, strict=False)
    return len(before.shape) == len(after.shape) and all(a == b or None in (a, b) for a, b in sizes)


def cell(**states: str) -> Callable[[Callable], Cell]:
    """Decorator: the formula of a recurrent network's step. `@cell(h="out")`: h after it is what it gives."""

    def make(formula: Callable[..., Any]) -> Cell:
        unknown = set(states) - set(inspect.signature(formula).parameters)
        if unknown:
            raise TypeError(f"{formula.__name__} has no parameter {', '.join(sorted(unknown))}")
        return Cell(formula, states)

    return make
