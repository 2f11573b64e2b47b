"""Patterns of TensorFlow operations, and the matcher that finds them in a graph."""

from porter.pattern.matcher import Match, Matcher, NodeView
from porter.pattern.miss import Miss
from porter.pattern.terms import (
    Function,
    Knob,
    OneOf,
    Op,
    Pattern,
    Reshaped,
    Scalar,
    Var,
    Weight,
    one_of,
    reshaped,
    trace,
)

__all__ = [
    "Function",
    "Knob",
    "Match",
    "Matcher",
    "Miss",
    "NodeView",
    "OneOf",
    "Op",
    "Pattern",
    "Reshaped",
    "Scalar",
    "Var",
    "Weight",
    "one_of",
    "reshaped",
    "trace",
]
