"""`rule` and `op`: from a Python function to something that can be tried on a graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from porter.graph import Node, Value
from porter.pattern import Miss, NodeView, trace
from porter.pattern.matcher import Match
from porter.pattern.terms import roots


def require(fact: object, reason: str, at: NodeView | Node | Value | None = None) -> None:
    """Refuse, for `reason`, unless `fact` holds. Raises `Miss`."""
    if not fact:
        node = at.node if isinstance(at, (NodeView, Value)) else at
        raise Miss(reason, node)


@dataclass
class Example:
    """A small TensorFlow 1 graph: `build` gets `tensorflow.compat.v1` and returns its output.

    layers: the Keras classes expected in the model, in any order; for a counterexample, those that must not be.
    """

    about: str
    layers: tuple[str, ...]
    build: Callable[[Any], Any]
    counter: bool = False


class Rule:
    """A formula over TensorFlow operations and the Keras call that it is raised to.

    place: where it is tried: "anywhere", "outside" of loops, or inside of "loops" alone. A step of a recurrent network
    that no layer was found for is a loop too. Or "kernels": it is tried on what layers have for a kernel, gets the layer
    as `layer`, and gives another layer. in_steps: it may find what stands around the cells in such a step.
    """

    def __init__(self, formula: Callable[..., Any]):
        self.name = formula.__name__
        self.place = "anywhere"
        self.in_steps = False
        self.doc = inspect.getdoc(formula) or ""
        self.pattern, self.names = trace(formula)
        self.roots = roots(self.pattern)
        self.examples: list[Example] = []
        self._to_keras: Callable[..., Any] | None = None

    def to_keras(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator for the function that makes the layer out of what the formula bound, by the same names."""
        self._to_keras = function
        unknown = set(inspect.signature(function).parameters) - set(self.names)
        if unknown:
            raise TypeError(f"{self.name}: the formula binds no {', '.join(sorted(unknown))}")
        return function

    def example(self, about: str, *layers: str) -> Callable:
        """Decorator for a function that builds a graph which this rule raises to `layers`."""
        return self._add(about, layers, counter=False)

    def counterexample(self, about: str, *layers: str) -> Callable:
        """Decorator for a function that builds a graph which looks alike, and must not become `layers`."""
        return self._add(about, layers, counter=True)

    def _add(self, about: str, layers: tuple[str, ...], counter: bool) -> Callable:
        def add(build: Callable) -> Callable:
            self.examples.append(Example(about, layers, build, counter))
            return build

        return add

    def propose(self, match: Match) -> Any:
        """The Keras call for a match: a value, several of them, or for a kernel a layer.

        Raises `Miss` where a condition fails or an attribute was not looked at.
        """
        assert self._to_keras is not None, f"{self.name} has no to_keras"
        wanted = inspect.signature(self._to_keras).parameters
        proposed = self._to_keras(**{name: match.argument(name) for name in wanted})
        for node, attribute in match.unread():
            raise Miss(f"{attribute} = {node.attrs[attribute]!r} of {node.op} is not covered by this rule", node)
        return proposed


class OpRule:
    """One TensorFlow operation as a Keras call.

    The function's positional parameters are the operation's inputs, its keyword-only parameters the attributes; a
    default there is the operation's own. An attribute that the signature does not name is a Miss.
    """

    def __init__(self, name: str, function: Callable[..., Value | tuple[Value, ...]]):
        self.name = name
        self.function = function
        self.signature = inspect.signature(function)

    def propose(self, node: Node) -> Value | tuple[Value, ...]:
        """The Keras call for `node`. Raises `Miss`."""
        parameters = self.signature.parameters.values()
        named = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}
        extra: dict[str, Any] = {"node": node} if "node" in named else {}
        for attribute, value in node.attrs.items():
            if attribute not in named:
                raise Miss(f"{attribute} = {value!r} of {self.name} is not supported", node, other_form=True)
        for parameter in named.values():
            if parameter.name in node.attrs:
                extra[parameter.name] = node.attrs[parameter.name]
            elif parameter.default is parameter.empty and parameter.name not in extra:
                raise Miss(f"{parameter.name} of {self.name} is not known before it runs", node, other_form=True)
        try:
            self.signature.bind(*node.inputs, **extra)
        except TypeError as problem:
            raise Miss(f"{self.name} with {len(node.inputs)} inputs: {problem}", node, other_form=True) from None
        return self.function(*node.inputs, **extra)


class Refusal:
    """A TensorFlow operation that is known, and known to have no Keras form."""

    def __init__(self, reason: str):
        self.reason = reason

    def propose(self, node: Node) -> Value | tuple[Value, ...]:
        """Always raises `Miss`."""
        raise Miss(self.reason, node)


OPS: dict[str, list[OpRule | Refusal]] = {}


def rule(formula: Callable[..., Any]) -> Rule:
    """Decorator: the formula of a rule."""
    return Rule(formula)


def op(*names: str) -> Callable[[Callable], Callable]:
    """Decorator: how these TensorFlow operations are written with `keras.ops`. Of several, the first that fits counts."""

    def register(function: Callable) -> Callable:
        for name in names:
            OPS.setdefault(name, []).append(OpRule(name, function))
        return function

    return register


def refuse(*names: str, reason: str) -> None:
    """Say of these TensorFlow operations why they are not converted. Counts where no `op` before it fits."""
    for name in names:
        OPS.setdefault(name, []).append(Refusal(reason))
