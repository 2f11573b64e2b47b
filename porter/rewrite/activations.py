"""Lets a layer apply the activation that follows it: `Dense(10, activation="softmax")`."""

from __future__ import annotations

import re

from porter.graph import Graph, Node

TAKES_ACTIVATION = re.compile(
    r"^layers\.(Dense|EinsumDense|(Depthwise|Separable)?Conv[123]D(Transpose)?)$"
    r"|^porter_layers\.(Standardized(Depthwise)?Conv[123]D|PatchNormalizedConv2D|LocallyConnected[12]D)$"
)
LAYERS = {"layers.ReLU": "relu", "layers.Softmax": "softmax", "layers.ELU": "elu"}


def fold_activations(graph: Graph) -> None:
    """Move activations into the layers before them, where nothing else uses these layers' outputs."""
    for node in graph.ordered():
        name = _activation(node)
        if name is None:
            continue
        before = node.inputs[0].node
        args, kwargs = before.attrs.get("config", ((), {}))
        if not TAKES_ACTIVATION.match(before.op) or "activation" in kwargs:
            continue
        if len(before.out.uses) != 1 or graph.is_output(before.out):
            continue
        kwargs = {**kwargs, "activation": name}
        before.attrs["config"] = (args, kwargs)
        before.origin = tuple(dict.fromkeys([*before.origin, *node.origin]))
        before.out.dtype, before.out.tensor = node.out.dtype, node.out.tensor
        graph.replace(node.out, before.out)
        graph.remove(node)


def _activation(node: Node) -> str | None:
    """The name by which Keras knows what `node` does, if it is an activation without arguments."""
    if "config" not in node.attrs or len(node.inputs) != 1:
        return None
    args, kwargs = node.attrs["config"]
    if node.op in LAYERS and not args and not {k: v for k, v in kwargs.items() if (k, v) != ("axis", -1)}:
        return LAYERS[node.op]
    if node.op == "layers.Activation" and not kwargs and isinstance(args[0], str):
        return args[0]
    return None
