"""Asks for a size behind a layer, not in the middle of it.

`tf.shape` of a convolution whose bias is yet to be added would keep a rule from taking both together: what a layer hides
inside cannot be asked. The bias and the activation leave the sizes as they are, so the question can come after them.
"""

from __future__ import annotations

from porter.graph import Graph, Value
from porter.pattern import Matcher

LAYERS = {
    "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv2dNative", "MatMul", "BatchMatMul",
    "BatchToSpaceND",
}  # fmt: skip
INSIDE = {
    "BiasAdd",
    "Add",
    "FusedBatchNorm",
    "Relu",
    "Relu6",
    "Elu",
    "Selu",
    "Tanh",
    "Sigmoid",
    "Softplus",
    "LeakyRelu",
}


def sizes_behind_layers(graph: Graph) -> None:
    """Let each `Shape` of what a layer computes ask for what follows bias, normalisation and activation."""
    static = Matcher(graph).is_static
    for node in list(graph):
        if node.op != "Shape" or node.inputs[0].node.op not in LAYERS | INSIDE:
            continue
        asked = last = node.inputs[0]
        while (following := _following(graph, last)) is not None and all(
            value is last or static(value) for value in following.node.inputs
        ):
            last = following
        if last is not asked:
            graph.set_inputs(node, [last])


def _following(graph: Graph, value: Value) -> Value | None:
    """What is made of `value` and of nothing else, with the same sizes; None where it is used in another way, too."""
    users = [user for user, _ in value.uses if user.op != "Shape"]
    if len(users) != 1 or users[0].op not in INSIDE or graph.is_output(value):
        return None
    out = users[0].out
    same = out.probe == value.probe if value.probe is not None else out.shape == value.shape
    return out if same else None
