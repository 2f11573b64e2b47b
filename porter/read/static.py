"""Static types and shapes of tensors, as the file declares them or as TensorFlow infers them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from porter.errors import PorterError
from porter.read.contexts import Contexts
from porter.read.cut import Plan, Stand, cut, unknown
from porter.read.operations import constant, input_types, output_types, shape_of
from porter.read.wiring import Tensor, Wiring, spell

Shape = tuple[int | None, ...]


def declared(wiring: Wiring, tensor: Tensor) -> Stand:
    """The DataType number and the shape that the file itself gives a tensor; 0 and None where it says nothing."""
    node = wiring.nodes[tensor[0]]
    types = output_types(node) or []
    dtype = types[tensor[1]] % 100 if tensor[1] < len(types) else _taken_as(wiring, tensor)
    shape: Shape | None = None
    if node.op.startswith("Iterator") and tensor[1] < len(node.attr["output_shapes"].list.shape):
        shape = shape_of(node.attr["output_shapes"].list.shape[tensor[1]])
    elif "Dequeue" in node.op:
        shape = _dequeued(wiring, tensor)
    elif node.op.startswith("Placeholder") or node.op in ("VariableV2", "Variable", "VarHandleOp"):
        dtype = node.attr["dtype"].type
        shape = shape_of(node.attr["shape"].shape) if "shape" in node.attr else None
        old = 0 < wiring.graph_def.versions.producer < 22
        if shape == () and old and node.op == "Placeholder":
            shape = None  # version 21 and before could not write an unknown rank
    elif tensor[1] < len(node.attr["_output_shapes"].list.shape if "_output_shapes" in node.attr else ()):
        shape = shape_of(node.attr["_output_shapes"].list.shape[tensor[1]])
    return Stand(dtype, shape)


def _taken_as(wiring: Wiring, tensor: Tensor) -> int:
    """The type that the users of an unknown operation's result ask for, 0 if none does."""
    for user, slot, index in wiring.users[tensor[0]]:
        types = input_types(wiring.nodes[user]) or []
        if index == tensor[1] and slot < len(types):
            return types[slot] % 100
    return 0


def _dequeued(wiring: Wiring, tensor: Tensor) -> Shape | None:
    """A queue declares the shape of one element; how many are taken at once is the training's affair."""
    name, index = tensor
    queue = wiring.nodes[wiring.through(wiring.inputs[name][0], ("Identity",))[0]]
    shapes = queue.attr["shapes"].list.shape if "shapes" in queue.attr else ()
    if index >= len(shapes):
        return None
    element = shape_of(shapes[index])
    if element is None or not ("Many" in wiring.op(name) or "UpTo" in wiring.op(name)):
        return element
    return (None, *element)


def taken_at_once(wiring: Wiring, tensor: Tensor) -> int | None:
    """How many elements a DequeueMany or DequeueUpTo takes, None for another operation or a number that is computed."""
    op = wiring.op(tensor[0])
    if "DequeueMany" not in op and "DequeueUpTo" not in op:
        return None
    count = wiring.nodes.get(wiring.through(wiring.inputs[tensor[0]][1], ("Identity",))[0])
    return int(constant(count)) if count is not None and count.op == "Const" else None


def imported(graph_def: Any) -> Any:
    """A tf.Graph of a GraphDef, None if TensorFlow refuses it."""
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        try:
            tf.graph_util.import_graph_def(graph_def, name="")
        except (ValueError, TypeError, KeyError, tf.errors.OpError):
            return None
    return graph


def shapes_of(wiring: Wiring, contexts: Contexts, tensors: Iterable[Tensor], plan: Plan) -> dict[Tensor, Shape | None]:
    """The shapes that TensorFlow infers for `tensors`, without those behind operations that it does not know."""
    lost = wiring.after(unknown(wiring, wiring.nodes), stop={tensor[0] for tensor in plan.cuts})
    wanted = [tensor for tensor in tensors if tensor[0] not in lost]
    cuts = {t: s for t, s in plan.cuts.items() if s.dtype}
    plan = Plan(plan.stands, cuts, plan.constants, plan.defaults, tables=plan.tables)
    try:
        graph = imported(cut(wiring, contexts, wanted, plan))
    except PorterError:
        return {}
    if graph is None:
        return {}
    found: dict[Tensor, Shape | None] = {}
    for tensor in wanted:
        shape = graph.get_tensor_by_name(plan.renamed.get(spell(tensor), spell(tensor))).shape
        found[tensor] = None if shape.rank is None else tuple(shape.as_list())
    return found


def shape_behind(wiring: Wiring, contexts: Contexts, tensor: Tensor, plan: Plan) -> Shape | None:
    """The shape of a tensor at which the graph is to be cut, from what is in front of it."""
    others = {other: stand for other, stand in plan.cuts.items() if other != tensor}
    plan = Plan(plan.stands, others, plan.constants, plan.defaults, tables=plan.tables)
    return shapes_of(wiring, contexts, [tensor], plan).get(tensor)


def channels_of(wiring: Wiring, tensor: Tensor) -> Shape | None:
    """The shape of a decoded image or sound, as far as its decoder says."""
    node = wiring.nodes[tensor[0]]
    if node.op == "DecodeWav":
        sizes = (int(node.attr[name].i) for name in ("desired_samples", "desired_channels"))
        return () if tensor[1] else tuple(size if size > 0 else None for size in sizes)
    if node.op in ("DecodeJpeg", "DecodePng", "DecodeBmp", "DecodeImage"):
        return (None, None, int(node.attr["channels"].i) or None)
    return None
