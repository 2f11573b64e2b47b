"""Plain data for a model on its way from TensorFlow 1 to Keras 3.

A `Graph` holds `Node`s; a `Node` has inputs and outputs, both `Value`s. TensorFlow operations and Keras calls are both
nodes: `Conv2D` is TensorFlow's operation, `layers.Conv2D` and `ops.add` are calls. Raising a model replaces several of
the first kind by one of the second, in the same graph. Nothing here imports more than numpy.
"""

from porter.graph.graph import Body, Graph, Made, Node, Ref, Value, Words
from porter.graph.weights import WeightRef

__all__ = ["Body", "Graph", "Made", "Node", "Ref", "Value", "WeightRef", "Words"]
