"""Patterns of TensorFlow operations, and the matcher that finds them in a graph."""

from porter.pattern.matcher import Match, Matcher, NodeView
from porter.pattern.miss import Miss
from porter.pattern.terms import Knob, OneOf, Op, Pattern, Reshaped, Scalar, Var, Weight, one_of, reshaped, trace

__all__ = [
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
