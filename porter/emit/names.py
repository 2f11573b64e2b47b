"""Names for layers and variables, taken from TensorFlow's scopes."""

from __future__ import annotations

import keyword
import re

from porter.graph import Graph, Node, WeightRef

# Last parts of a variable's name that say which weight it is, not which layer.
GENERIC = re.compile(
    r"^(kernel|bias|weights?|biases|gamma|beta|moving_mean|moving_variance|w|b|W|B|Variable|Variable_\d+|"
    r"depthwise_kernel|pointwise_kernel|depthwise_weights|pointwise_weights|embeddings|read|part_\d+|alpha|alphas|"
    r"BatchNorm|batch_normalization|Const|Const_\d+|ReadVariableOp|value|axis|kernel_\d+|bias_\d+)$"
)
RESERVED = {"keras", "layers", "ops", "np", "Path", "x", "build_model", "load_model", "model"}


def clean(text: str) -> str:
    """`text` as an identifier."""
    text = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "x"
    text = f"_{text}" if text[0].isdigit() else text
    return f"{text}_" if keyword.iskeyword(text) or text in RESERVED else text


def snake(text: str) -> str:
    """Conv2D becomes conv2d, MaxPooling2D max_pooling2d: as Keras names its layers."""
    text = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", text)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", text).lower()


class Names:
    """Hands out names that are not taken."""

    def __init__(self, taken: set[str] = frozenset()):  # type: ignore[assignment]
        self.taken = set(taken)

    def unique(self, wanted: str) -> str:
        name, count = wanted, 1
        while name.lower() in self.taken:
            count += 1
            name = f"{wanted}_{count}"
        self.taken.add(name.lower())
        return name


def variables(graph: Graph, ref: WeightRef) -> list[Node]:
    """The Variable and Const nodes that a weight is made of, those with the most numbers first."""
    nodes = [node for node in graph.ancestors([ref.value.node]) if node.op in ("Variable", "Const")]
    return sorted(nodes, key=lambda node: -_size(node))


def _size(node: Node) -> int:
    size = 1
    for dim in node.out.shape or ():
        size *= dim or 1
    return size


def layer_name(graph: Graph, node: Node) -> str:
    """A name for a layer: the scope of its first weight, or of the operation it comes from; its class if they say nothing."""
    for ref in node.attrs.get("weights", {}).values():
        for variable in variables(graph, ref):
            parts = variable.name.split("/")
            while len(parts) > 1 and GENERIC.match(parts[-1]):
                parts.pop()
            if parts and not GENERIC.match(parts[-1]):
                return clean(parts[-1])
            break
    return snake(node.op.split(".")[-1])


def value_name(node: Node) -> str:
    """A name for the result of a call: the last part of the TensorFlow name that says something."""
    parts = [part for part in node.name.rstrip("~").split("~")[0].split("/") if not GENERIC.match(part)]
    return clean(parts[-1]) if parts else "y"


def scope(node: Node) -> str:
    """The outermost TensorFlow scope, for paragraphs."""
    name = node.origin[-1] if node.origin else node.name
    return name.split("/")[0] if "/" in name else ""
