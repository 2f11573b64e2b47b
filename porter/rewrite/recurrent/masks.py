"""Masks: which steps of a sequence count. Keras remembers them on tensors, TensorFlow 1 did not."""

from __future__ import annotations

from porter.graph import Graph, Node, Value
from porter.rewrite.recurrent.layers import RECURRENT
from porter.rewrite.recurrent.lift import new, transposed
from porter.rewrite.recurrent.scan import Mask
from porter.rewrite.recurrent.sizes import same_size
from porter.rewrite.sizes import Sizes
from porter.rule import porter_layers


def tensor_of(mask: Mask, sequence: Value) -> Value:
    """The mask [batch, steps] as a tensor; one that is in the graph already where it would be the same."""
    if mask.lengths is not None:
        for user, slot in mask.lengths.uses:
            if user.op == "porter_layers.SequenceMask" and slot == 0 and same_size(sequence, user.inputs[1], 0, 1):
                return user.out
        made = porter_layers.SequenceMask()(mask.lengths, transposed(sequence))
        made.node.name, made.node.origin = f"{mask.lengths.node.name}/mask~", mask.lengths.node.origin
        made.shape = (mask.lengths.shape[0] if mask.lengths.shape else None, sequence.shape[0])  # type: ignore[index]
        made.dtype = "bool"
        return made
    array = transposed(mask.array)  # type: ignore[arg-type]
    if array.rank and array.rank > 2:
        axes = tuple(range(2, array.rank))
        array = new("Squeeze", [array], {"axes": axes}, array, array.shape[:2], array.probe and array.probe[:2])  # type: ignore[index]
    if array.dtype != "bool":
        array = new("Cast", [array], {}, array, array.shape, array.probe)
        array.dtype = "bool"
    return array


def forget_masks(graph: Graph) -> None:
    """Keep a layer's mask from those that follow it: Keras would let them leave out steps which the original counted.

    Calls of `keras.ops` know no masks, and layers that are given one of their own take that.
    """
    masked = [node for node in graph if node.op in RECURRENT and "mask" in node.attrs["kwargs"]]
    sizes = Sizes(graph) if masked else ()
    for node in masked:
        inner = (
            node.attrs["config"][0][0].arguments[1] if node.op == "layers.Bidirectional" else node.attrs["config"][1]
        )
        count = 2 if node.attrs["config"][1].get("merge_mode", "") is None else 1
        for value in node.outputs[:count] if inner.get("return_sequences") else []:
            users = [(user, slot) for user, slot in value.uses if not _has_own_mask(user)]
            if graph.is_output(value) or not all(_is_plain(user, sizes) for user, _ in users):
                _forget(graph, value, users)


def _has_own_mask(user: Node) -> bool:
    return user.op in RECURRENT and "mask" in user.attrs["kwargs"]


def _is_plain(user: Node, sizes: Sizes | tuple) -> bool:
    """True for what stays a call of `keras.ops` in the model."""
    return user.op.startswith("ops.") and "at_run_time" not in user.attrs and not any(v in sizes for v in user.inputs)


def _forget(graph: Graph, value: Value, users: list[tuple[Node, int]]) -> None:
    made = porter_layers.WithoutMask()(value)
    made.node.name = f"{value.node.name.split('~')[0]}/every_step~"
    made.node.origin, made.node.attrs["rule"] = value.node.origin, "mask"
    made.shape, made.probe, made.dtype, made.tensor = value.shape, value.probe, value.dtype, value.tensor
    graph.add(made.node)
    for user, slot in users:
        user.inputs[slot] = made
        value.uses.remove((user, slot))
        made.uses.append((user, slot))
    graph.outputs = [made if each is value else each for each in graph.outputs]
