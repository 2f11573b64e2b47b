"""Graphs of a few nodes, made by hand."""

from __future__ import annotations

import numpy as np

from porter.graph import Graph, Node, Value


class Sketch:
    """Builds a graph node by node."""

    def __init__(self):
        self.graph = Graph()

    def __call__(self, op, *inputs, name="", shape=(None, 4), dtype="float32", **attrs):
        node = Node(name or op.lower(), op, list(inputs), attrs, origin=(name or op.lower(),))
        node.outputs = [Value(node, 0, shape, None, dtype)]
        return self.graph.add(node).out

    def x(self, name="x", **how):
        value = self("Placeholder", name=name, **how)
        self.graph.inputs.append(value)
        return value

    def const(self, number, name="const"):
        array = np.asarray(number, "float32")
        return self("Const", name=name, shape=array.shape, value=array)

    def weight(self, name="w", shape=(4, 4)):
        return self("Variable", name=name, shape=shape)

    def out(self, *values):
        self.graph.outputs = list(values)
        return values[0]
