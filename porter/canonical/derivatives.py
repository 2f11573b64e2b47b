"""What `tf.gradients` leaves around derivatives: sums over the axes along which a factor was broadcast.

Physics-informed networks and saliency maps answer with derivatives, so that these are part of what is converted. Which
axes were broadcast is told by shapes alone, even where a size is not known: the batch is as large in both.
"""

from __future__ import annotations

import numpy as np

from porter.canonical.fold_integers import fold
from porter.canonical.infer_shapes import refine_outputs
from porter.canonical.names import constant
from porter.canonical.size_vectors import Product, SizeVectors, Vector
from porter.graph import Graph, Node, Value

# Nothing but tf.gradients writes these.
SIGNS = {
    "FusedBatchNormGrad",
    "BroadcastGradientArgs", "ConcatOffset", "StridedSliceGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3",
}  # fmt: skip
TAKES_SIZES = {"Reshape": 1, "Tile": 1, "Slice": 1, "Fill": 0, "BroadcastTo": 1, "Pad": 1}  # from which input on


def derivatives(graph: Graph) -> None:
    """Settle axes of sums and shapes that derivatives go back to, and let normalisations hand on their statistics."""
    if not any(node.op in SIGNS for node in graph):
        return
    sizes = SizeVectors(graph)
    for node in graph.ordered():
        if fold(graph, node):
            continue  # arithmetic on axes that are settled by now
        if node.op == "BroadcastGradientArgs":
            axes = _broadcast_axes(*(sizes.of(value) for value in node.inputs))
            for value, found in zip(node.outputs, axes or (), strict=False):
                settled = constant(graph, f"{node.name}/axes_{value.index}", np.array(found, value.dtype))
                graph.replace(value, settled)
        elif node.op == "FusedBatchNorm" and node.attrs.get("is_training") is False:
            for value, given in zip(node.outputs[1:5], (*node.inputs[3:], *node.inputs[3:]), strict=False):
                graph.replace(value, given)
        elif node.op.startswith("FusedBatchNormGrad"):
            graph.set_inputs(node, node.inputs[:5])  # what else there is serves a GPU
        elif node.op == "Sum" and sizes.of(node.inputs[1]) == []:
            graph.replace(node.out, node.inputs[0])
        elif node.op == "Fill" and _is_like(node):
            node.op = "OnesLike"
            graph.set_inputs(node, [node.inputs[0].node.inputs[0]])
        elif node.op in TAKES_SIZES:
            _settle_sizes(graph, node, sizes)
        sizes.settle(node)
        if any(value.shape is None or None in value.shape for value in node.outputs):
            refine_outputs(node)


def _is_like(node: Node) -> bool:
    """Whether ones are filled into the shape of a tensor of the same type: what derivatives begin with."""
    shape, entry = (value.node for value in node.inputs)
    whole = shape.op == "Shape" and shape.inputs[0].dtype == node.out.dtype and "float" in node.out.dtype
    return whole and entry.op == "Const" and bool((np.asarray(entry.attrs["value"]) == 1).all())


def _settle_sizes(graph: Graph, node: Node, sizes: SizeVectors) -> None:
    """Drop what changes no shape; let the sizes that an operation takes be written as constants and sizes of tensors."""
    x, slot = node.inputs[0], TAKES_SIZES[node.op]
    wanted = sizes.of(node.inputs[slot])
    if wanted is None:
        return
    ones = node.op == "Tile" and all(each == Product(1) for each in wanted)
    if ones or node.op == "Reshape" and x.shape is not None and wanted == sizes.shape(x):
        graph.replace(node.out, x)
        return
    if node.op == "Slice" and (size := _whole_axes(sizes, *node.inputs)) is not None:
        whole = constant(graph, f"{node.name}/size", np.array(size, node.inputs[2].dtype))
        graph.set_inputs(node, [*node.inputs[:2], whole])
    for place, value in enumerate(node.inputs[slot:], slot):
        if value.node.op not in ("Const", "Shape", "Stack") and (made := sizes.write(value)) is not None:
            graph.set_inputs(node, [*node.inputs[:place], made, *node.inputs[place + 1 :]])


def _whole_axes(sizes: SizeVectors, x: Value, begin: Value, size: Value) -> list[int] | None:
    """How much a Slice takes of each axis, -1 for all of one whose size is not known; None where it is more than that."""
    starts, wanted, there = sizes.of(begin), sizes.of(size), sizes.shape(x)
    if starts is None or wanted is None or there is None:
        return None
    every = [
        -1 if each == held and start == Product(0) else None if each.letters else each.factor
        for start, each, held in zip(starts, wanted, there, strict=True)
    ]
    return None if None in every else [each for each in every if each is not None]


def _broadcast_axes(one: Vector | None, other: Vector | None) -> tuple[list[int], list[int]] | None:
    """The axes along which each of two shapes is broadcast to the other; None where the shapes do not tell.

    Two sizes that are not known are the same where one letter stands for both. One that is not known and a 1 may both be
    1, and then nothing is broadcast; but a sum along an axis of size 1 changes nothing.
    """
    if one is None or other is None:
        return None
    rank = max(len(one), len(other))
    axes: tuple[list[int], list[int]] = ([], [])
    padded = [[Product(1)] * (rank - len(sizes)) + sizes for sizes in (one, other)]
    for axis, (mine, theirs) in enumerate(zip(*padded, strict=True)):
        if mine == theirs:
            for side, sizes in enumerate((one, other)):
                axes[side].extend([axis] * (axis < rank - len(sizes)))
        elif mine == Product(1):
            axes[0].append(axis)
        elif theirs == Product(1):
            axes[1].append(axis)
        else:
            return None
    return axes
