"""The backtracking matcher.

A match binds pattern variables to values and covers the nodes in between. It is refused when a value inside it is used
outside, graph outputs included; values that depend on weights and constants alone may be shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from porter.graph import Graph, Node, Value, WeightRef
from porter.graph.operations import RANDOM
from porter.pattern.miss import Miss
from porter.pattern.terms import Applied, Knob, Literal, OneOf, Op, Pattern, Reshaped, Scalar, Var, Weight

COMMUTATIVE = {"Add", "Mul", "Maximum", "Minimum", "SquaredDifference", "Equal", "NotEqual", "LogicalAnd", "LogicalOr"}


class NodeView:
    """A matched node whose attributes a rule reads: `node["axes"]`. What is read is remembered."""

    def __init__(self, node: Node, read: set[tuple[str, str]]):
        self.node, self._read = node, read

    def __getitem__(self, attribute: str) -> Any:
        """The attribute. Raises `Miss` where the operation has none of this name, such as axes that are not constant."""
        self._read.add((self.node.name, attribute))
        if attribute not in self.node.attrs:
            raise Miss(f"{attribute} of {self.node.op} is not known before it runs", self.node)
        return self.node.attrs[attribute]

    def get(self, attribute: str, default: Any = None) -> Any:
        """The attribute, or `default` where the operation leaves it at its own."""
        self._read.add((self.node.name, attribute))
        return self.node.attrs.get(attribute, default)

    @property
    def out(self) -> Value:
        return self.node.out


@dataclass(frozen=True)
class Match:
    """What a pattern stands for in a graph: bound names, and the covered nodes with the root first.

    passed: those of the nodes that `reshaped` looked through. shared: those that may have other users too.
    settled: named patterns with the nodes that they stand for in full: where one is used again, it is not gone through
    again, or formulas that use a value often would take exponential time.
    """

    bound: dict[str, Any]
    nodes: tuple[Node, ...]
    passed: tuple[Node, ...] = ()
    shared: tuple[Node, ...] = ()
    settled: frozenset[tuple[int, int]] = frozenset()
    read: set[tuple[str, str]] = field(default_factory=set)

    def argument(self, name: str) -> Any:
        """What `to_keras` gets under `name`; None for an optional that was not bound."""
        found = self.bound.get(name)
        return NodeView(found, self.read) if isinstance(found, Node) and found.op != "Knob" else found

    def unread(self) -> list[tuple[Node, str]]:
        """Attributes of covered nodes that differ from their default and were not read."""
        nodes = [node for node in self.nodes if node not in self.passed]
        return [(node, name) for node in nodes for name in node.attrs if (node.name, name) not in self.read]


class Matcher:
    """Matches patterns in one graph, and keeps the deepest miss of the last attempt."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self._static: dict[Node, bool] = {}  # by the node itself: an id may come back when a node is gone
        self.miss: Miss | None = None
        self._depth = -1

    def is_static(self, value: Value) -> bool:
        """True if `value` depends on weights and constants alone."""
        known = self._static
        stack = [value.node]
        while stack:
            node = stack[-1]
            if node in known:
                stack.pop()
            elif node.is_call or not node.inputs or node.op in RANDOM or node.op in CONTROL:
                known[node] = node.op in ("Const", "Variable")
            else:
                inputs = [known.get(each.node) for each in node.inputs]
                if None in inputs and False not in inputs:
                    stack.append(node.inputs[inputs.index(None)].node)
                else:
                    known[node] = False not in inputs
        return known[value.node]

    def matches(
        self, pattern: Pattern, value: Value, given: Mapping[str, Value] | None = None, may_leak: bool = False
    ) -> Iterator[Match]:
        """Every way in which `pattern` ends in `value`.

        given: variables that are bound already. may_leak: whether what is inside a match may be used outside too.
        """
        self.miss, self._depth = None, -1
        for match in self._match(pattern, value, Match(dict(given or {}), ())):
            leak = None if may_leak else self._leak(match, value)
            if leak is None:
                yield replace(match, read=set())
            else:
                self._note(Miss(f"{leak.name} is used outside too", leak.node), len(match.nodes))

    def _note(self, miss: Miss, depth: int) -> None:
        if depth > self._depth:
            self.miss, self._depth = miss, depth

    def _leak(self, match: Match, root: Value) -> Value | None:
        """A value inside the match that is used outside."""
        inside = {id(node) for node in match.nodes}
        for node in match.nodes:
            if node in match.shared:
                continue
            for value in node.outputs:
                if value is root or node.op in VIEWS or self.is_static(value):
                    continue
                outside = [user for user, _ in value.uses if id(user) not in inside]
                if self.graph.is_output(value) or not all(self._goes_too(user, inside) for user in outside):
                    return value
        return None

    def _goes_too(self, user: Node, inside: set[int]) -> bool:
        """True for a shape that is read for nothing but the matched nodes, such as tf.tensordot's reshapes."""
        if user.op != "Shape":
            return False
        stack, seen = [user], {id(user)}
        while stack and len(seen) < SHAPE_NODES:
            for value in stack.pop().outputs:
                if self.graph.is_output(value):
                    return False
                following = [node for node, _ in value.uses if id(node) not in inside and id(node) not in seen]
                if any(node.op in CONTROL or not node.outputs for node in following):
                    return False
                seen.update(map(id, following))
                stack.extend(following)
        return not stack

    def _match(self, pattern: Pattern, value: Value, so_far: Match) -> Iterator[Match]:
        if isinstance(pattern, Var):
            bound = self._bind(pattern, value, so_far)
            if bound is not None:
                yield bound
        elif isinstance(pattern, Literal):
            number = scalar(value)
            if number is not None and np.float32(number) == np.float32(pattern.value):
                yield so_far
            else:
                self._note(
                    Miss(f"{pattern.value} expected, not {value.node.op} {value.name}", value.node), len(so_far.nodes)
                )
        elif isinstance(pattern, OneOf):
            for alternative in pattern.alternatives:
                yield from self._match(alternative, value, so_far)
        elif isinstance(pattern, Op):
            yield from self._match_op(pattern, value, so_far)
        elif isinstance(pattern, Applied):
            for name, nodes, inner in functions(value):
                if so_far.bound.get(pattern.name, name) == name:
                    named = {**so_far.bound, pattern.name: name}
                    yield from self._match(
                        pattern.inner, inner, replace(so_far, bound=named, nodes=so_far.nodes + nodes)
                    )
        elif isinstance(pattern, Reshaped):
            yield from self._match(pattern.inner, value, so_far)
            node = value.node
            if node.op in RESHAPING and len(node.inputs) == 1 and _same_but_ones(value, node.inputs[0]):
                through = replace(so_far, nodes=(*so_far.nodes, node), passed=(*so_far.passed, node))
                yield from self._match(pattern, node.inputs[0], through)

    def _match_op(self, pattern: Op, value: Value, so_far: Match) -> Iterator[Match]:
        node = value.node
        whole = (id(pattern), id(node)) if pattern.label else None
        if whole in so_far.settled and value.index == pattern.index:
            yield so_far
            return
        if node.op != pattern.name or value.index != pattern.index or len(node.inputs) != len(pattern.inputs):
            if so_far.nodes:
                self._note(Miss(f"{pattern.name} expected, not {node.op}", node), len(so_far.nodes))
            return
        bound = so_far.bound
        if pattern.label:
            if bound.get(pattern.label, node) is not node:
                self._note(Miss(f"{pattern.label} stands for two nodes", node), len(so_far.nodes))
                return
            bound = {**bound, pattern.label: node}
        nodes = so_far.nodes if any(each is node for each in so_far.nodes) else (*so_far.nodes, node)
        shared = (*so_far.shared, node) if pattern.may_share else so_far.shared
        orders = [pattern.inputs]
        if pattern.name in COMMUTATIVE and len(pattern.inputs) == 2:
            orders.append(pattern.inputs[::-1])
        for order in orders:
            inside = replace(so_far, bound=bound, nodes=nodes, shared=shared)
            for match in self._match_all(order, node.inputs, inside):
                yield match if whole is None else replace(match, settled=match.settled | {whole})

    def _match_all(self, patterns: tuple[Pattern, ...], values: list[Value], so_far: Match) -> Iterator[Match]:
        if not patterns:
            yield so_far
            return
        for match in self._match(patterns[0], values[0], so_far):
            yield from self._match_all(patterns[1:], values[1:], match)

    def _bind(self, variable: Var, value: Value, so_far: Match) -> Match | None:
        if variable.name in so_far.bound:
            held = so_far.bound[variable.name]
            if variable.kind is Scalar:
                same = held == scalar(value)
            elif variable.kind is Knob:
                same = held is value.node
            else:
                same = (held.value if isinstance(held, WeightRef) else held) is value
            if not same:
                self._note(Miss(f"{variable.name} stands for two values", value.node), len(so_far.nodes))
            return so_far if same else None
        bound: Any = value
        if variable.kind is Scalar:
            bound = scalar(value)
        elif variable.kind is Weight:
            held = self.is_static(value) and value.shape is not None
            is_real = not value.dtype.startswith("complex")  # of other numbers a layer would drop a part
            bound = WeightRef(value) if held and is_real else None
        elif variable.kind is Knob:
            bound = value.node if value.node.op == "Knob" else None
        if bound is None:
            kinds: dict[Any, str] = {Scalar: "a constant scalar", Weight: "a weight", Knob: "a knob"}
            wanted = kinds[variable.kind]
            self._note(Miss(f"{variable.name} must be {wanted}, not {value.node.op}", value.node), len(so_far.nodes))
            return None
        return replace(so_far, bound={**so_far.bound, variable.name: bound})


SHAPE_NODES = 32  # more of them than this are not followed
# Other ways to look at the same numbers: whoever else uses one keeps it.
VIEWS = {"ExpandDims", "Reshape", "SpaceToBatchND", "Squeeze", "Transpose"}
CONTROL = {"Enter", "RefEnter", "Exit", "Merge", "NextIteration", "Switch", "While"}
RESHAPING = {"Squeeze", "ExpandDims", "Reshape"}


def _same_but_ones(value: Value, other: Value) -> bool:
    """True if two tensors differ at most in axes of size one."""
    if value.shape is None or other.shape is None:
        return False
    sizes = [[size for size in shape if size != 1] for shape in (value.shape, other.shape)]
    return sizes[0] == sizes[1] and sizes[0].count(None) <= 1


# Operations on one tensor, by Keras' names of them.
FUNCTIONS = {
    "Elu": "elu", "Exp": "exponential", "LeakyRelu": "leaky_relu", "LogSoftmax": "log_softmax", "Relu": "relu",
    "Relu6": "relu6", "Selu": "selu", "Sigmoid": "sigmoid", "Softmax": "softmax", "Softplus": "softplus",
    "Softsign": "softsign", "Tanh": "tanh",
}  # fmt: skip


def functions(value: Value) -> Iterator[tuple[str, tuple[Node, ...], Value]]:
    """The functions that `value` may be the result of: name, nodes, and what they are applied to.

    Keras 1 and 2 had a hard sigmoid, clip(0.2 x + 0.5, 0, 1), that Keras 3 does not have: "legacy_hard_sigmoid".
    """
    node = value.node
    if node.op in FUNCTIONS and len(node.inputs) == 1 and not node.attrs:
        yield FUNCTIONS[node.op], (node,), node.inputs[0]
    clipped = _arithmetic(value, ("Maximum", 0.0), ("Minimum", 1.0), ("Add", 0.5), ("Mul", 0.2))
    clipped = clipped or _arithmetic(value, ("Minimum", 1.0), ("Maximum", 0.0), ("Add", 0.5), ("Mul", 0.2))
    if clipped:
        yield "legacy_hard_sigmoid", *clipped
    yield "linear", (), value


def _arithmetic(value: Value, *steps: tuple[str, float]) -> tuple[tuple[Node, ...], Value] | None:
    """The nodes of these steps with constants, the last one first, and what the first of them is applied to."""
    nodes = []
    for op, number in steps:
        node = value.node
        found = [place for place, each in enumerate(node.inputs) if _is_number(each, number)]
        if node.op != op or len(node.inputs) != 2 or len(found) != 1:
            return None
        nodes.append(node)
        value = node.inputs[1 - found[0]]
    return tuple(nodes), value


def _is_number(value: Value, number: float) -> bool:
    found = scalar(value)
    return found is not None and np.float32(found) == np.float32(number)


def scalar(value: Value) -> Any:
    """The Python number of a constant with one element, or None."""
    if value.node.op != "Const":
        return None
    array = value.node.attrs["value"]
    if array.size != 1 or array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        return None
    return array.reshape(()).item() if array.dtype.kind != "V" else float(array.reshape(()))
