"""What the author of a rule imports.

@rule                     a formula over TensorFlow operations, raised to a Keras layer by its `to_keras`
@op("Softplus")           one TensorFlow operation, written as a call of `keras.ops`
require(fact, reason)     the only way in which a rule refuses
layers, ops, porter_layers   namespaces whose calls become calls in the model's source
"""

from porter.graph import Node, Value, WeightRef, Words
from porter.pattern import Function, Knob, Miss, NodeView, Scalar, Weight, one_of, reshaped
from porter.rule.calls import Layer, at_run_time, call, layers, many, ops, porter_layers
from porter.rule.cell import Cell, Step, cell
from porter.rule.context import context, try_sizes_of_one, warn
from porter.rule.rule import OpRule, Rule, op, refuse, require, rule
from porter.rule.values import constant, elements, is_size
from porter.rule.weights import is_trained, resolved, stacked, stored, together

__all__ = [
    "Cell",
    "Function",
    "Knob",
    "Layer",
    "Miss",
    "Node",
    "NodeView",
    "OpRule",
    "Rule",
    "Scalar",
    "Step",
    "Value",
    "Weight",
    "WeightRef",
    "Words",
    "at_run_time",
    "call",
    "cell",
    "constant",
    "context",
    "elements",
    "is_size",
    "is_trained",
    "layers",
    "many",
    "one_of",
    "op",
    "ops",
    "porter_layers",
    "refuse",
    "require",
    "reshaped",
    "resolved",
    "rule",
    "stacked",
    "stored",
    "together",
    "try_sizes_of_one",
    "warn",
]
