"""Rewrites a graph's channels_first operations to channels_last, with transposes around each.

TensorFlow has no CPU kernels for most of them. A transpose moves numbers and changes none, so the result is still the
original, operation by operation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from porter.verify.graphdef import layout, split


class Layout(NamedTuple):
    """What of an operation follows its data format.

    data: the input that holds the picture; output 0 holds the result. sizes: an input that holds a shape, if any.
    """

    data: int
    sizes: int | None = None


LAYOUTS = {
    "Conv2D": Layout(0),
    "Conv3D": Layout(0),
    "DepthwiseConv2dNative": Layout(0),
    "Conv2DBackpropInput": Layout(2, sizes=0),
    "Conv3DBackpropInputV2": Layout(2, sizes=0),
    "MaxPool": Layout(0),
    "MaxPool3D": Layout(0),
    "AvgPool": Layout(0),
    "AvgPool3D": Layout(0),
    "FusedBatchNorm": Layout(0),
    "FusedBatchNormV2": Layout(0),
    "FusedBatchNormV3": Layout(0),
    "DepthToSpace": Layout(0),
    "SpaceToDepth": Layout(0),
}
LAST = {b"NCHW": b"NHWC", b"NCDHW": b"NDHWC"}


def channels_last(graph_def: Any) -> Any:
    """`graph_def` itself where all is channels_last, else a rewritten copy. Node names and what they compute stay.

    Outputs 1 and up of a rewritten node are found under `NAME/channels_last`.
    """
    from tensorflow.core.framework import graph_pb2

    first = {node.name for node in graph_def.node if node.op in LAYOUTS and layout(node) in LAST}
    if not first:
        return graph_def
    result = graph_pb2.GraphDef(versions=graph_def.versions, library=graph_def.library)
    for node in graph_def.node:
        copy = result.node.add()
        copy.CopyFrom(node)
        for slot, source in enumerate(copy.input):
            name, index = split(source)
            if name in first and index > 0:
                copy.input[slot] = f"{name}/channels_last:{index}"
        if node.name in first:
            _rewrite(result, copy)
    return result


def _rewrite(graph_def: Any, node: Any) -> None:
    """Turn `node` to channels_last and add the transposes; the last of them takes the node's name."""
    follows = LAYOUTS[node.op]
    rank = len(node.attr["data_format"].s)
    to_last = [0, *range(2, rank), 1]
    to_first = [0, rank - 1, *range(1, rank - 1)]
    name, dtype = node.name, node.attr["T"].type
    node.name = f"{name}/channels_last"
    node.attr["data_format"].s = LAST[node.attr["data_format"].s]
    for attr in ("strides", "dilations", "ksize"):
        values = list(node.attr[attr].list.i) if attr in node.attr else []
        if values:
            node.attr[attr].list.i[:] = [values[axis] for axis in to_last]
    if "explicit_paddings" in node.attr and node.attr["explicit_paddings"].list.i:
        pairs = node.attr["explicit_paddings"].list.i
        pairs[:] = [end for axis in to_last for end in pairs[2 * axis : 2 * axis + 2]]
    node.input[follows.data] = _transpose(
        graph_def, node.input[follows.data], to_last, f"{name}/channels_last/data", dtype
    )
    if follows.sizes is not None:
        node.input[follows.sizes] = _pick(graph_def, node.input[follows.sizes], to_last, f"{name}/channels_last/sizes")
    _transpose(graph_def, node.name, to_first, name, dtype)


def _constant(graph_def: Any, values: list[int], name: str, beside: str) -> str:
    """A constant that lives in the same loop or branch as the tensor `beside`, which a control input sees to."""
    import tensorflow as tf

    node = graph_def.node.add(name=name, op="Const", input=[f"^{split(beside)[0]}"])
    node.attr["dtype"].type = tf.int32.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values, tf.int32))
    return name


def _transpose(graph_def: Any, tensor: str, perm: list[int], name: str, dtype: int) -> str:
    import tensorflow as tf

    node = graph_def.node.add(
        name=name, op="Transpose", input=[tensor, _constant(graph_def, perm, f"{name}/channels_last_perm", tensor)]
    )
    node.attr["T"].type = dtype
    node.attr["Tperm"].type = tf.int32.as_datatype_enum
    return name


def _pick(graph_def: Any, tensor: str, order: list[int], name: str) -> str:
    import tensorflow as tf

    axis = _constant(graph_def, [0], f"{name}/axis", tensor)
    graph_def.node[-1].attr["value"].tensor.CopyFrom(tf.make_tensor_proto(0, tf.int32))
    order_name = _constant(graph_def, order, f"{name}/order", tensor)
    node = graph_def.node.add(name=name, op="GatherV2", input=[tensor, order_name, axis])
    for attr in ("Tparams", "Tindices", "Taxis"):
        node.attr[attr].type = tf.int32.as_datatype_enum
    return name
