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
        made.node.name = f"{value.node.name.split('~')[0]}/every_step~"
    made.node.origin, made.node.attrs["rule"] = value.node.origin, "mask"
    made.shape, made.probe, made.dtype, made.tensor = value.shape, value.probe, value.dtype, value.tensor
    graph.add(made.node)
    for user, slot in users:
        user.inputs[slot] = made
        value.uses.remove((user, slot))
        made.uses.append((user, slot))
    graph.outputs = [made if each is value else each for each in graph.outputs]
