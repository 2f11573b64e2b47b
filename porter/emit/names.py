"""Names for layers and variables, taken from TensorFlow's scopes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from typing import Any

from porter.graph import Graph, Node, Value, WeightRef

# Last parts of a variable's name that say which weight it is, not which layer.
GENERIC = re.compile(
    r"^(kernel|bias|weights?|biases|gamma|beta|moving_mean|moving_variance|w|b|W|B|Variable|Variable_\d+|"
    r"depthwise_kernel|pointwise_kernel|depthwise_weights|pointwise_weights|embeddings|read|part_\d+|alpha|alphas|"
    r"BatchNorm|resource|gates|candidate|recurrent_kernel|Const|Const_\d+|ReadVariableOp|value|axis|kernel_\d+|bias_\d+)$"
)
BUILTINS = {"float", "max", "min", "tuple", "zip"}  # which generated source calls
RESERVED = {
    "keras",
    "layers",
    "ops",
    "math",
    "np",
    "Path",
    "x",
    "build_model",
    "load_model",
    "model",
    "read_words",
    *BUILTINS,
}


def source_of(ref: WeightRef) -> str:
    """Where a weight comes from, for the report: a variable of the checkpoint or a tensor, and the steps after it.

    Where several became one, " + " stands between them; that along another axis than the last, and steps after it, are
    said at the end.
    """
    leaves = [_source_of(leaf) for leaf in ref.leaves]
    along = [f"along {(ref.axis,)}"] if ref.others and (ref.axis != -1 or ref.after) else []
    return ", ".join([" + ".join(leaves), *along, *(what for what, _ in ref.after)])


def _source_of(ref: WeightRef) -> str:
    node = ref.value.node
    if node.op == "Variable":
        first = node.attrs["variable"].name if "/part_" not in node.name else ref.value.name
    elif node.op == "Const" and node.origin:
        first = f"{node.origin[0]}:{ref.value.index}"
    else:
        first = ref.value.name
    return ", ".join([first, *(what for what, _ in ref.steps)])


def clean(text: str) -> str:
    """`text` as a name for a variable of the generated source."""
    text = identifier(text)
    return f"{text}_" if keyword.iskeyword(text) or text in RESERVED else text


def identifier(text: str) -> str:
    """`text` with nothing in it but letters, digits and underscores."""
    text = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "x"
    text = f"_{text}" if text[0].isdigit() else text
    return re.sub("_+", "_", text)


def model_name(text: str) -> str:
    """`text` as a model's name: TensorFlow wants a letter or a digit first, Keras no slash."""
    return identifier(text).lstrip("_") if not text[:1].isdigit() else f"model_{identifier(text).lstrip('_')}"


def snake(text: str) -> str:
    """Conv2D becomes conv2d, MaxPooling2D max_pooling2d: as Keras names its layers."""
    text = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", text)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", text).lower()


class Names:
    """Hands out names that are not taken: loop, loop_2, loop_3."""

    between = "_"

    def __init__(self, taken: Iterable[str] = ()):
        self.taken = set(taken)
        self._last: dict[str, int] = {}  # the number that a name was given last, so as not to count up to it again

    def unique(self, wanted: str) -> str:
        """`wanted`, or the first of it with a number behind that is free; it is taken then."""
        name, count = wanted, self._last.get(wanted, 1)
        while name in self.taken:
            count += 1
            name = f"{wanted}{self.between}{count}"
        self._last[wanted] = count
        self.taken.add(name)
        return name


class ClassNames(Names):
    """Names for classes: Loop, Loop2. Keras puts "_2" behind the class of a second layer, in the file of weights."""

    between = ""


class LayerNames(Names):
    """Names for layers and inputs.

    What has no name Keras names after its class, with a number behind; where it would call two things alike it refuses
    the model, so a name that it may give is not to be had.
    """

    def __init__(self, calls: list[Node]):
        super().__init__()
        unnamed = [node for node in calls if not node.attrs.get("weights")]
        kinds = {node.op.split(".")[-1] for node in unnamed if node.op.startswith(("ops.", "layers."))}
        self.given = {snake(KERAS.get(kind, kind)) for kind in kinds}

    def unique(self, wanted: str, kind: str = "layer") -> str:
        """`wanted`, with `kind` behind it if Keras may give that name, and a number if it is taken."""
        return super().unique(f"{wanted}_{kind}" if re.sub(r"_\d+$", "", wanted) in self.given else wanted)


KERAS = {"getitem": "GetItem", "abs": "Absolute"}  # classes behind functions of keras.ops that are called otherwise


def variables(graph: Graph, ref: WeightRef) -> list[Node]:
    """The Variable and Const nodes that a weight is made of, those with the most numbers first."""
    roots = [leaf.value.node for leaf in ref.leaves]
    nodes = [node for node in graph.ancestors(roots) if node.op in ("Variable", "Const")]
    return sorted(nodes, key=lambda node: -_size(node))


def _size(node: Node) -> int:
    size = 1
    for dim in node.out.shape or ():
        size *= dim or 1
    return size


def layer_names(graph: Graph, calls: list[Node]) -> dict[int, str]:
    """A name for each layer with weights: as much of its scope, from the end, as tells it from the others."""
    paths = {id(node): _path(graph, node) for node in calls if node.attrs.get("weights")}
    identity = {id(node): _weights_key(node) for node in calls if node.attrs.get("weights")}
    names: dict[int, str] = {}
    for length in range(1, max((len(parts) for parts, _ in paths.values()), default=0) + 1):
        holders: dict[str, set[Any]] = {}
        for key, (parts, ending) in paths.items():
            holders.setdefault("_".join(parts[-length:]) + ending, set()).add(identity[key])
        for key, (parts, ending) in paths.items():
            name = "_".join(parts[-length:]) + ending
            if key not in names and (len(holders[name]) == 1 or length >= len(parts)):
                names[key] = identifier(name)
    return names


def _weights_key(node: Node) -> Any:
    return tuple(ref.key for ref in node.attrs["weights"].values())


def _path(graph: Graph, node: Node) -> tuple[list[str], str]:
    """The scope of a layer's first weight, and what is to be added to tell it from the layer it belongs to."""
    kind = snake(node.op.split(".")[-1])
    if node.op.endswith("MultiHeadAttention"):
        held = [variables(graph, ref)[0].name.split("/") for ref in node.attrs["weights"].values()]
        shared = [parts[0] for parts in zip(*held, strict=False) if len(set(parts)) == 1]
        return (shared, "") if shared else ([kind], "")
    for ref in node.attrs["weights"].values():
        for variable in variables(graph, ref)[:1]:
            parts, ending = variable.name.split("/"), ""
            while parts and (GENERIC.match(parts[-1]) or DEFAULT.match(parts[-1])):
                ending = "_bn" if parts.pop() in ("BatchNorm", "batch_normalization") else ending
            if node.op == "layers.Bidirectional":
                parts = [re.sub("^forward_", "", part) for part in parts if part != "fw"]
            if parts and any("cell__" in path for path in node.attrs["weights"]):
                parts[-1] = re.sub("_cell$", "", parts[-1])  # Keras calls the cell inside so
            if parts:
                return parts, ending
    return [kind], ""


# TensorFlow's own names for operations: they say what is done, not what it is for.
DEFAULT = re.compile(
    r"^(BiasAdd|MatMul|Relu6?|Elu|Selu|Tanh|Sigmoid|add|Add|mul|Mul|sub|Sub|truediv|div|concat|Concat|Reshape|Squeeze|"
    r"Softmax|Conv2D|Conv3D|convolution|MaxPool|AvgPool|max_pool|avg_pool|Mean|Max|Min|Sum|transpose|Transpose|"
    r"LeakyRelu|leaky_relu|Maximum|Minimum|ExpandDims|FusedBatchNorm(V[23])?|Merge|cond|strided_slice|batchnorm|"
    r"add_1|mul_1|dropout|Pad|Tile|stack|split|unstack|Cast|ToFloat|Identity)(_\d+)?$"
)


def value_name(node: Node) -> str:
    """A name for the result of a call: its layer's, or the part of the TensorFlow name that says what it is for."""
    parts = [part for part in node.name.rstrip("~").split("~")[0].split("/") if not GENERIC.match(part)]
    while len(parts) > 1 and DEFAULT.match(parts[-1]):
        parts.pop()
    if not parts:
        return "y"
    camel = DEFAULT.match(parts[-1]) or re.match(r"[A-Z]+[a-z]", parts[-1])  # as classes are called
    return clean(snake(parts[-1]) if camel else parts[-1])


def tensor_name(tensor: str) -> str:
    """A name for an output; "" where TensorFlow's own name says nothing."""
    last = tensor.split(":")[0].split("/")[-1]
    return "" if DEFAULT.match(last) else clean(last)


def weight_name(value: Value) -> str:
    """A name for a weight that a generated layer holds: the last two parts of its variable's."""
    parts = [part for part in value.node.name.split("/") if part not in ("read", "Enter", "while", "ReadVariableOp")]
    return clean("_".join(parts[-2:]).lower())


def result_names(node: Node) -> list[str]:
    """Names for the results of a call that gives several: of a recurrent layer its outputs and states."""
    wanted = value_name(node)
    if len(node.outputs) < 2:
        return [wanted]
    if node.op == "layers.Bidirectional":
        return _both_ways_names(node, re.sub("_cell$", "", wanted))
    states = RECURRENT.get(node.op)
    if states is None:
        return [f"{wanted}_{place}" for place in range(len(node.outputs))]
    wanted = re.sub("_cell$", "", wanted)
    if len(states) != len(node.outputs) - 1:
        states = tuple(f"state_{place + 1}" for place in range(len(node.outputs) - 1))
    return [wanted, *(f"{wanted}_{state}" for state in states)]


RECURRENT: dict[str, tuple[str, ...]] = {
    "layers.LSTM": ("h", "c"), "layers.GRU": ("h",), "layers.SimpleRNN": ("h",), "layers.RNN": ("state",),
    "layers.LSTMCell": ("h", "c"), "layers.GRUCell": ("h",), "porter_layers.ExtendedLSTMCell": ("h", "c"),
    "layers.ConvLSTM1D": ("h", "c"), "layers.ConvLSTM2D": ("h", "c"), "layers.ConvLSTM3D": ("h", "c"),
}  # fmt: skip


def _both_ways_names(node: Node, wanted: str) -> list[str]:
    (layer,), kwargs = node.attrs["config"]
    ways = ("forward", "backward")
    sequences = [f"{wanted}_{way}" for way in ways] if kwargs.get("merge_mode", "") is None else [wanted]
    states = [f"{wanted}_{way}_{state}" for way in ways for state in RECURRENT[layer.op]]
    return [*sequences, *states][: len(node.outputs)]


def paragraphs(calls: list[Node]) -> dict[int, str]:
    """For each call the outermost TensorFlow scope that not all of them share."""
    names = {id(node): (node.origin[-1] if node.origin else node.name).split("/")[:-1] for node in calls}
    scopes = [parts for parts in names.values() if parts]
    shared = 0
    while scopes and all(len(parts) > shared and parts[shared] == scopes[0][shared] for parts in scopes):
        shared += 1
    return {key: "/".join(parts[shared : shared + 1]) for key, parts in names.items()}
