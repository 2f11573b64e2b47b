"""Turns what computes on channels_first tensors into channels_last, Keras' own layout.

An operation with data_format NCHW gets a transpose before it and one behind. The one behind then moves down through
everything that does not mind, until it meets one before, and both go, or until it has to stay: before a flattening, at
an output. Inputs and outputs of the model keep their layout.

Why not Keras' data_format="channels_first": TensorFlow has such kernels on some CPUs only, and Keras 3.15 adds a bias
of shape (1, n, 1, 1) along the last axis where that has n elements too (keras/src/backend/tensorflow/numpy.py, add).
Graphs that do nothing channels_first are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from porter.graph import Graph, Node, Value
from porter.graph.operations import BROADCASTING, RANDOM, UNARY
from porter.pattern import Matcher

FIRST = ("NCHW", "NCDHW")
PER_AXIS = ("strides", "ksize", "dilations")

ELEMENTWISE = UNARY | BROADCASTING | {"Cond"}
WINDOWS = {
    "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv2dNative", "MaxPool", "AvgPool",
    "MaxPool3D", "AvgPool3D", "BiasAdd", "FusedBatchNorm",
}  # fmt: skip
SPACE_AND_BATCH = {"SpaceToBatchND": "paddings", "BatchToSpaceND": "crops"}
REDUCTIONS = {"Sum", "Mean", "Max", "Min", "Prod", "All", "Any", "EuclideanNorm"}


def channels_last(graph: Graph) -> None:
    """Turn channels_first operations into channels_last ones, with as few transposes as that takes."""
    for node in list(graph):
        if node.op == "Reshape":
            _unfold_bias(graph, node)
    if not any(map(_speaks_of_first, graph)):
        return
    static = Matcher(graph).is_static
    for node in graph.ordered():
        if _says_first(node) and node.inputs[0].shape is not None and not static(node.inputs[0]):
            _turn(graph, node)
    for node in graph.ordered():
        if graph.nodes.get(node.name) is node and node.outputs and node.out.shape is not None:
            _sink(graph, node, static)


def _speaks_of_first(node: Node) -> bool:
    """True for data format NCHW, and for a transpose to channels_first right behind what had to be channels_last."""
    behind = node.op == "Transpose" and node.inputs[0].node.op in WINDOWS
    return node.attrs.get("data_format") in FIRST or (behind and _beneath(node.out) is not None)


def to_last(rank: int) -> tuple[int, ...]:
    """The permutation from channels_first to channels_last."""
    return (0, *range(2, rank), 1)


def to_first(rank: int) -> tuple[int, ...]:
    """The permutation from channels_last to channels_first."""
    return (0, rank - 1, *range(1, rank - 1))


def _place(axis: int, rank: int) -> int:
    """Where an axis of a channels_first tensor is once it is channels_last."""
    return to_last(rank).index(axis)


def _permuted(items: Sequence[Any] | None, perm: Sequence[int]) -> tuple[Any, ...] | None:
    return None if items is None else tuple(items[axis] for axis in perm)


# Transposes


def _transpose(graph: Graph, value: Value, perm: tuple[int, ...]) -> Value:
    """`value` transposed, without a second transpose behind one that is there, and without one that does nothing."""
    source = value.node
    if source.op == "Transpose" and "perm" in source.attrs:
        value, perm = source.inputs[0], tuple(source.attrs["perm"][axis] for axis in perm)
    elif source.op == "ExpandDims" and perm == to_last(len(perm)) and source.attrs.get("axis", 0) > 1:
        inner = _transpose(graph, source.inputs[0], to_last(len(perm) - 1))
        return _node(graph, "ExpandDims", inner, {"axis": source.attrs["axis"] - 1}, _reshaped(value, perm))
    if perm == tuple(range(len(perm))):
        return value
    result = _node(graph, "Transpose", value, {"perm": perm}, _reshaped(value, perm))
    result.tensor = value.transposed(perm)
    return result


def _reshaped(value: Value, perm: Sequence[int]) -> Value:
    """A value in no graph with the shape of `value` transposed."""
    return Value(value.node, value.index, _permuted(value.shape, perm), _permuted(value.probe, perm), value.dtype)


def _node(graph: Graph, op: str, source: Value, attrs: dict[str, Any], like: Value) -> Value:
    node = Node(f"{source.node.name}/{'transposed' if op == 'Transpose' else 'expanded'}", op, [source], attrs)
    node.outputs = [Value(node, 0, like.shape, like.probe, like.dtype)]
    return graph.add(node).out


def _restore(graph: Graph, value: Value, perm: tuple[int, ...]) -> None:
    """`value` was transposed by the inverse of `perm`; let its users see it as it was."""
    node = Node(f"{value.node.name}/transposed", "Transpose", [], {"perm": perm})
    node.outputs = [Value(node, 0, value.shape, value.probe, value.dtype)]
    graph.replace(value, node.out)
    inverse = tuple(int(axis) for axis in np.argsort(perm))
    value.shape, value.probe = _permuted(value.shape, inverse), _permuted(value.probe, inverse)
    value.tensor = value.transposed(inverse)
    node.inputs = [value]
    graph.add(node)


def _beneath(value: Value) -> Value | None:
    """The channels_last tensor that `value` is the channels_first form of, if it is one."""
    rank = value.rank
    if value.node.op == "Transpose" and rank and rank > 2 and value.node.attrs.get("perm") == to_first(rank):
        return value.node.inputs[0]
    return None


# Operations that say NCHW


def _says_first(node: Node) -> bool:
    """True if `node` is channels_first: its data format says so, or it moves all axes but the first after the batch."""
    if node.op in SPACE_AND_BATCH:
        return _space_without_channels(node)
    return node.attrs.get("data_format") in FIRST


def _space_without_channels(node: Node) -> bool:
    block, pairs = node.attrs.get("block_shape"), node.attrs.get(SPACE_AND_BATCH[node.op])
    if not block or not pairs or len(block) < 3:
        return False
    return block[0] == 1 < max(block) and not any(pairs[0])


def _turn(graph: Graph, node: Node) -> None:
    """Make `node` channels_last, between two transposes."""
    rank = node.inputs[0].rank or 0
    node.attrs.pop("data_format", None)
    if rank < 3:
        return
    if node.op in SPACE_AND_BATCH:
        for name in ("block_shape", SPACE_AND_BATCH[node.op]):
            node.attrs[name] = node.attrs[name][1:]
    perm = to_last(rank)
    for name in PER_AXIS:
        if name in node.attrs:
            node.attrs[name] = _permuted(node.attrs[name], perm)
    if node.attrs.get("explicit_paddings"):
        flat = node.attrs["explicit_paddings"]
        node.attrs["explicit_paddings"] = tuple(flat[2 * axis + side] for axis in perm for side in (0, 1))
    graph.set_inputs(node, [_transpose(graph, node.inputs[0], perm), *node.inputs[1:]])
    if node.out.shape is not None:
        _restore(graph, node.out, to_first(rank))


def _unfold_bias(graph: Graph, node: Node) -> None:
    """Reshape, BiasAdd, Reshape is how TensorFlow 1 adds a bias to five axes: without the reshapes it is the same."""
    add = node.inputs[0].node
    fold = add.inputs[0].node if add.op == "BiasAdd" else add
    if (
        fold.op != "Reshape"
        or fold is add
        or len(fold.inputs) != 1
        or len(add.out.uses) != 1
        or graph.is_output(add.out)
    ):
        return
    before, between, after = fold.inputs[0], fold.out, node.out
    if not before.shape or not between.shape or before.shape != after.shape or before.rank != 5 or between.rank != 4:
        return
    kept = (
        before.shape[:2] == between.shape[:2]
        if add.attrs.get("data_format") in FIRST
        else before.shape[-1] == between.shape[-1]
    )
    if not kept or None in before.shape[1:]:
        return
    graph.set_inputs(add, [before, add.inputs[1]])
    add.out.shape, add.out.probe, add.out.tensor = after.shape, after.probe, after.tensor
    graph.replace(after, add.out)


# Moving transposes down


def _sink(graph: Graph, node: Node, static: Callable[[Value], bool]) -> None:
    """Let `node` work on channels_last tensors if its inputs are channels_first forms of such."""
    if node.op == "Transpose" and "perm" in node.attrs:
        source = node.inputs[0].node
        if source.op in ("Transpose", "ExpandDims"):
            graph.replace(node.out, _transpose(graph, node.inputs[0], node.attrs["perm"]))
    elif node.op in ELEMENTWISE:
        _sink_elementwise(graph, node, static)
    elif node.op == "ConcatV2" and "axis" in node.attrs:
        rank = node.out.rank or 0
        if any(map(_beneath, node.inputs)) and all(value.rank == rank and not static(value) for value in node.inputs):
            node.attrs["axis"] = _place(node.attrs["axis"] % rank, rank)
            _become(graph, node, [_transpose(graph, value, to_last(rank)) for value in node.inputs])
    elif node.op in MOVES and node.inputs:
        beneath = _beneath(node.inputs[0])
        if beneath is not None:
            MOVES[node.op](graph, node, beneath)


def _become(graph: Graph, node: Node, inputs: list[Value]) -> None:
    """Give `node` channels_last inputs; its outputs, channels_last then, are restored for their users."""
    graph.set_inputs(node, inputs)
    for value in node.outputs:
        if value.rank is not None and value.rank > 2:
            _restore(graph, value, to_first(value.rank))


def _sink_elementwise(graph: Graph, node: Node, static: Callable[[Value], bool]) -> None:
    rank = node.out.rank or 0
    if not any(map(_beneath, node.inputs)):
        return
    predicate = node.inputs[:1] if node.op == "Cond" else []
    moved = [_moved(graph, value, rank, static) for value in node.inputs[len(predicate) :]]
    if all(value is not None for value in moved):
        _become(graph, node, [*predicate, *(value for value in moved if value is not None)])


def _moved(graph: Graph, value: Value, rank: int, static: Callable[[Value], bool]) -> Value | None:
    """An operand of a channels_first operation, for the same operation on channels_last. None if it has to stay."""
    beneath = _beneath(value)
    if beneath is not None or value.shape is None:
        return beneath if value.rank == rank else None
    if all(size == 1 for size in value.shape):
        return value
    source = value.node
    if source.op == "Const":
        array = source.attrs["value"]
        array = array.reshape((1,) * (rank - array.ndim) + array.shape).transpose(to_last(rank))
        channels = array.shape == (1,) * (rank - 1) + array.shape[-1:]
        return _constant(graph, source, array.reshape(-1) if channels else array)
    if source.op == "Reshape" and source.inputs[0].rank == 1:
        full = (1,) * (rank - len(value.shape)) + value.shape
        per_channel = full.count(1) == rank - 1 and full[1] != 1
        return source.inputs[0] if per_channel else None
    if static(value) or value.rank != rank:
        return None
    if _is_random(value):
        return _turn_random(graph, value)
    return _transpose(graph, value, to_last(rank))


def _constant(graph: Graph, source: Node, array: np.ndarray) -> Value:
    node = Node(f"{source.name}/transposed", "Const", [], {"value": array}, origin=source.origin)
    node.outputs = [Value(node, 0, array.shape, array.shape, source.out.dtype)]
    return graph.add(node).out


def _is_random(value: Value) -> bool:
    """True for a random tensor, or what arithmetic with scalars makes of one, used once: a dropout's mask."""
    node = value.node
    if len(value.uses) != 1:
        return False
    if node.op in RANDOM:
        sizes = [size.node for size in node.inputs]
        shaped = all(size.op == "Shape" and _beneath(size.inputs[0]) is not None for size in sizes)
        return node.op == "RandomUniform" and shaped
    if node.op not in ELEMENTWISE:
        return False
    tensors = [each for each in node.inputs if each.rank]
    return len(tensors) == 1 and _is_random(tensors[0])


def _turn_random(graph: Graph, value: Value) -> Value:
    """A random tensor is as random in any layout: only its shape has to follow."""
    node, rank = value.node, value.rank or 0
    for each in node.inputs if node.op not in RANDOM else ():
        if each.rank:
            _turn_random(graph, each)
    if node.op in RANDOM:
        if "shape" in node.attrs:
            node.attrs["shape"] = _permuted(node.attrs["shape"], to_last(rank))
        for size in node.inputs:
            beneath = _beneath(size.node.inputs[0])
            assert beneath is not None
            shape = Node(f"{size.node.name}/transposed", "Shape", [beneath], origin=size.node.origin)
            shape.outputs = [Value(shape, 0, size.shape, size.probe, size.dtype)]
            graph.set_inputs(node, [graph.add(shape).out])
    value.shape, value.probe = _permuted(value.shape, to_last(rank)), _permuted(value.probe, to_last(rank))
    value.tensor = ""
    return value


def _reduce(graph: Graph, node: Node, x: Value) -> None:
    axes, rank = node.attrs.get("axes"), x.rank or 0
    if axes is None:
        return
    spatial = set(range(2, rank))
    keeps = node.attrs.get("keepdims", False)
    if not keeps and 1 not in axes and not spatial <= set(axes):
        return
    node.attrs["axes"] = tuple(sorted(_place(axis, rank) for axis in axes))
    if keeps:
        _become(graph, node, [x])
    else:
        graph.set_inputs(node, [x])


def _arg(graph: Graph, node: Node, x: Value) -> None:
    if node.attrs.get("axis") == 1:
        node.attrs["axis"] = (x.rank or 0) - 1
        graph.set_inputs(node, [x])


def _split(graph: Graph, node: Node, x: Value) -> None:
    if "axis" in node.attrs:
        node.attrs["axis"] = _place(node.attrs["axis"], x.rank or 0)
        _become(graph, node, [x])


def _per_axis(*names: str) -> Callable[[Graph, Node, Value], None]:
    """For operations with attributes that hold an entry for each axis."""

    def move(graph: Graph, node: Node, x: Value) -> None:
        if all(len(node.attrs.get(name, ())) == x.rank for name in names):
            for name in names:
                node.attrs[name] = _permuted(node.attrs[name], to_last(x.rank or 0))
            _become(graph, node, [x, *node.inputs[1:]])

    return move


def _squeeze(graph: Graph, node: Node, x: Value) -> None:
    axes, rank = node.attrs.get("axes"), x.rank or 0
    if not axes or 0 in axes:
        return
    node.attrs["axes"] = tuple(sorted(_place(axis, rank) for axis in axes))
    spatial = [axis for axis in range(2, rank) if axis not in axes]
    if 1 not in axes and spatial:
        _become(graph, node, [x])
    else:
        graph.set_inputs(node, [x])


def _expand(graph: Graph, node: Node, x: Value) -> None:
    if node.attrs.get("axis", 0) > 1:
        node.attrs["axis"] -= 1
        _become(graph, node, [x])


def _reverse(graph: Graph, node: Node, x: Value) -> None:
    if "axes" in node.attrs:
        node.attrs["axes"] = tuple(sorted(_place(axis, x.rank or 0) for axis in node.attrs["axes"]))
        _become(graph, node, [x])


def _slices(graph: Graph, node: Node, x: Value) -> None:
    """Only slices that keep every axis."""
    slices, rank = list(node.attrs.get("slices", (None,))), x.rank or 0
    if any(isinstance(item, int) or item is None for item in slices):
        return
    if Ellipsis in slices:
        place = slices.index(Ellipsis)
        slices[place : place + 1] = [slice(None)] * (rank - len(slices) + 1)
    slices += [slice(None)] * (rank - len(slices))
    node.attrs["slices"] = _permuted(slices, to_last(rank))
    _become(graph, node, [x])


def _flatten(graph: Graph, node: Node, x: Value) -> None:
    """With one row and one column the layouts are the same."""
    if x.shape is not None and "shape" in node.attrs and all(size == 1 for size in x.shape[1:-1]):
        graph.set_inputs(node, [x])


MOVES: dict[str, Callable[[Graph, Node, Value], None]] = {
    **dict.fromkeys(REDUCTIONS, _reduce),
    "ArgMax": _arg,
    "ArgMin": _arg,
    "Split": _split,
    "SplitV": _split,
    "Pad": _per_axis("paddings"),
    "PadV2": _per_axis("paddings"),
    "MirrorPad": _per_axis("paddings"),
    "Tile": _per_axis("multiples"),
    "Slice": _per_axis("begin", "size"),
    "Squeeze": _squeeze,
    "ExpandDims": _expand,
    "ReverseV2": _reverse,
    "StridedSlice": _slices,
    "Reshape": _flatten,
}
