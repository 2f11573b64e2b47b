"""The words that patterns are made of, and the tracing of a rule's formula into them.

A formula is a Python function over pattern variables. Calling it once with variables in place of tensors gives the
pattern: `tf.Name(...)` is an operation of that name, `+ - * /` are `Add`, `Sub`, `Mul` and `RealDiv`, and a Python number
is a constant scalar of that value.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


class Weight:
    """Annotation: a value that depends on weights and constants alone; it arrives as a `WeightRef`."""


class Scalar:
    """Annotation: a constant with one element; it arrives as a Python number."""


class Knob:
    """Annotation: a value that follows from knobs such as is_training; it arrives as its node."""


class Function:
    """Annotation: an elementwise function of one tensor, such as an activation; it arrives as Keras' name of it.

    In a formula it is called. Used twice it means one function.
    """

    def __init__(self, name: str):
        self.name = name

    def __call__(self, inner: Pattern) -> Applied:
        return Applied(self.name, inner)


class Pattern:
    """One tensor of a pattern."""

    def __add__(self, other: Any) -> Op:
        return Op("Add", (self, other))

    def __radd__(self, other: Any) -> Op:
        return Op("Add", (other, self))

    def __sub__(self, other: Any) -> Op:
        return Op("Sub", (self, other))

    def __rsub__(self, other: Any) -> Op:
        return Op("Sub", (other, self))

    def __mul__(self, other: Any) -> Op:
        return Op("Mul", (self, other))

    def __rmul__(self, other: Any) -> Op:
        return Op("Mul", (other, self))

    def __truediv__(self, other: Any) -> Op:
        return Op("RealDiv", (self, other))

    def __rtruediv__(self, other: Any) -> Op:
        return Op("RealDiv", (other, self))


class Var(Pattern):
    """A variable: any tensor, or what `kind` admits. Used twice it means one value."""

    def __init__(self, name: str, kind: type | None = None):
        self.name, self.kind = name, kind


class Literal(Pattern):
    """A constant scalar of this value, as float32 sees it."""

    def __init__(self, value: float):
        self.value = value


class Op(Pattern):
    """Output `index` of an operation."""

    def __init__(
        self, name: str, inputs: tuple[Any, ...], label: str | None = None, index: int = 0, may_share: bool = False
    ):
        self.name, self.label, self.index, self.may_share = name, label, index, may_share
        self.inputs = tuple(each if isinstance(each, Pattern) else Literal(each) for each in inputs)

    def named(self, label: str) -> Op:
        """The same, bound to `label` so that its attributes can be read."""
        return Op(self.name, self.inputs, label, self.index, self.may_share)

    def shared(self) -> Op:
        """The same, which may be used outside the match too: the layer computes it once more."""
        return Op(self.name, self.inputs, self.label, self.index, True)

    def __getitem__(self, index: int) -> Op:
        return Op(self.name, self.inputs, self.label, index, self.may_share)


class OneOf(Pattern):
    """The first of several patterns that fits."""

    def __init__(self, alternatives: tuple[Pattern, ...]):
        self.alternatives = alternatives


class Reshaped(Pattern):
    """`inner`, perhaps with axes of size one added to it or taken from it."""

    def __init__(self, inner: Pattern):
        self.inner = inner


class Applied(Pattern):
    """`inner` through the function that is bound to `name`."""

    def __init__(self, name: str, inner: Pattern):
        self.name, self.inner = name, inner


def reshaped(inner: Pattern) -> Reshaped:
    """`inner` through any number of Squeeze, ExpandDims and Reshape that only add or take axes of size one."""
    return Reshaped(inner)


def one_of(*alternatives: Pattern) -> OneOf:
    """Any of these, the earlier ones first."""
    return OneOf(alternatives)


class Operations:
    """`tf` in a formula: `tf.Conv2D(x, kernel)`."""

    def __getattr__(self, name: str) -> Callable[..., Op]:
        return lambda *inputs: Op(name, inputs)


def trace(formula: Callable[..., Pattern]) -> tuple[Pattern, list[str]]:
    """The pattern of a formula, and the names of its variables and labels."""
    parameters = list(inspect.signature(formula, eval_str=True).parameters.values())
    kinds = (Weight, Scalar, Knob)
    variables = [
        Function(p.name) if p.annotation is Function else Var(p.name, p.annotation if p.annotation in kinds else None)
        for p in parameters[1:]
    ]
    pattern = formula(Operations(), *variables)
    names = [variable.name for variable in variables]
    names += [label for label in sorted(labels(pattern)) if label not in names]
    return pattern, names


def labels(pattern: Pattern) -> set[str]:
    """All labels in a pattern, each part of which is looked at once however often it is used."""
    found: set[str] = set()
    seen: set[int] = set()
    stack = [pattern]
    while stack:
        each = stack.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, OneOf):
            stack.extend(each.alternatives)
        elif isinstance(each, (Reshaped, Applied)):
            stack.append(each.inner)
        elif isinstance(each, Op):
            found |= {each.label} if each.label else set()
            stack.extend(each.inputs)
    return found


def label_places(pattern: Pattern) -> dict[str, int]:
    """For each label in a pattern the number of the output that bears it."""
    if isinstance(pattern, OneOf):
        return {name: place for each in pattern.alternatives for name, place in label_places(each).items()}
    if isinstance(pattern, (Reshaped, Applied)):
        return label_places(pattern.inner)
    if isinstance(pattern, Op):
        found = {name: place for each in pattern.inputs for name, place in label_places(each).items()}
        return {**found, pattern.label: pattern.index} if pattern.label else found
    return {}


def roots(pattern: Pattern) -> set[str]:
    """The operations that a match can end in."""
    if isinstance(pattern, OneOf):
        return set().union(*map(roots, pattern.alternatives))
    if isinstance(pattern, Applied):
        return {
            "Elu",
            "Maximum",
            "Minimum",
            "Relu",
            "Relu6",
            "Selu",
            "Sigmoid",
            "Softplus",
            "Softsign",
            "Tanh",
        } | roots(pattern.inner)
    return {pattern.name} if isinstance(pattern, Op) else set()
