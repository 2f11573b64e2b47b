"""Finds where a graph lets the samples of a batch influence each other at inference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from porter.graph import Graph, Node, Value

# Operations that reduce over `axes`, and what to call what they take.
REDUCTIONS = {
    "Max": "maximum",
    "Min": "minimum",
    "Sum": "sum",
    "Mean": "mean",
    "Prod": "product",
    "EuclideanNorm": "norm",
}
ALONG_AXIS = {"Cumsum": "running sum", "Cumprod": "running product", "ArgMax": "largest", "ArgMin": "smallest"}
ALONG_LAST = {"Softmax": "softmax", "LogSoftmax": "softmax", "TopKV2": "largest values"}


@dataclass(eq=False)
class Coupling:
    """An operation through which samples of a batch influence each other.

    what: what it takes over the batch, in words. undone: whether it was made each sample's own. why: what stood against
    that, "" where nothing was tried. meets: values where what it gave meets samples again. outputs: the
    places of the graph's outputs that it bears on. unfolds: whether one of these gets an axis more, of rows that had been
    folded into the batch.
    """

    node: Node
    what: str
    origin: tuple[str, ...]
    undone: bool = False
    why: str = ""
    meets: list[Value] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    unfolds: bool = False


def holds_batch(value: Value, axis: int, batch: int) -> bool:
    """True if `axis` is the batch, or the batch folded with something else."""
    return bool(value.probe) and len(value.probe or ()) > axis and (value.probe or ())[axis] % batch == 0


def has_samples(value: Value, batch: int) -> bool:
    """True if any axis holds the batch."""
    return any(size % batch == 0 and size for size in value.probe or ())


def at_inference(node: Node) -> list[Value]:
    """The inputs that count at inference: what a training switch gives in training alone does not."""
    if node.op == "Cond" and node.inputs[0].node.op == "Knob":
        return [node.inputs[0], *node.inputs[2:]]
    return node.inputs


def inference_order(graph: Graph) -> list[Node]:
    """What the outputs need at inference, each after what it depends on."""
    needed = behind(graph.outputs)
    return [node for node in graph.ordered() if id(node) in needed]


def behind(values: Iterable[Value]) -> set[int]:
    """The ids of the nodes that these values need at inference."""
    needed: set[int] = set()
    stack = [value.node for value in values]
    while stack:
        node = stack.pop()
        if id(node) not in needed:
            needed.add(id(node))
            stack.extend(value.node for value in at_inference(node))
    return needed


def bearing_couplings(graph: Graph, order: list[Node], batch: int) -> list[Coupling]:
    """The couplings of `order` that bear on a sample's answer: those behind which there are samples again.

    Behind a loss, which has no samples itself, there are none.
    """
    needed = {id(node) for node in order}
    ends = {id(value.node) for value in graph.outputs if has_samples(value, batch)}
    bearing: set[int] = set()
    for node in reversed(order):
        users = [user for value in node.outputs for user, slot in value.uses if _counts_there(user, slot)]
        if id(node) in ends or any(
            id(user) in bearing or any(has_samples(value, batch) for value in user.outputs)
            for user in users
            if id(user) in needed
        ):
            bearing.add(id(node))
    return [each for each in couplings(order, batch) if id(each.node) in bearing]


def _counts_there(user: Node, slot: int) -> bool:
    """Whether input number `slot` counts at inference."""
    return slot != 1 or user.op != "Cond" or user.inputs[0].node.op != "Knob"


def couplings(order: list[Node], batch: int) -> Iterator[Coupling]:
    """The operations of `order` that work across the batch. What is an integer counts or bounds something, and is none."""
    for node in order:
        what = _across(node, batch)
        if what and node.inputs[0].dtype.startswith(("float", "bfloat", "complex")):
            yield Coupling(node, what, node.origin or (node.name,))


def _across(node: Node, batch: int) -> str:
    """What a node takes over the batch, "" if it takes nothing over it."""
    if not node.inputs or not node.inputs[0].probe:
        return ""
    x, last = node.inputs[0], len(node.inputs[0].probe or ()) - 1
    if node.op in REDUCTIONS and any(holds_batch(x, axis, batch) for axis in node.attrs.get("axes", ())):
        return _of_squares(x.node) if node.op == "Mean" else REDUCTIONS[node.op]
    if node.op in ALONG_AXIS and isinstance(axis := node.attrs.get("axis"), int) and holds_batch(x, axis, batch):
        return ALONG_AXIS[node.op]
    if node.op in ALONG_LAST and holds_batch(x, last, batch):
        return ALONG_LAST[node.op]
    if node.op == "L2Loss" and has_samples(x, batch):
        return "sum of squares"
    if node.op == "FusedBatchNorm" and node.attrs.get("is_training", True):
        channels = 1 if node.attrs.get("data_format", "NHWC").startswith("NC") else last
        over_batch = any(holds_batch(x, axis, batch) for axis in range(last + 1) if axis != channels)
        return "mean and variance" if over_batch else ""
    if node.op in ("MatMul", "BatchMatMul") and last >= 1:
        flipped = node.attrs.get("transpose_a") or node.attrs.get("adj_x")
        return "product" if holds_batch(x, last - 1 if flipped else last, batch) else ""
    return ""


def _of_squares(node: Node) -> str:
    """What the mean of this is called."""
    square = node.op == "Square" or node.op == "Mul" and node.inputs[0] is node.inputs[1]
    if node.op == "SquaredDifference" or square and node.inputs[0].node.op == "Sub":
        return "variance"
    return "mean of squares" if square else "mean"
