"""One name for each operation that TensorFlow gave several, with the same order of inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from porter.graph import Graph, Node, Value

SAME = {
    "AddV2": "Add",
    "BatchMatMulV2": "BatchMatMul",
    "BatchMatMulV3": "BatchMatMul",
    "BiasAddV1": "BiasAdd",
    "FusedBatchNormV2": "FusedBatchNorm",
    "FusedBatchNormV3": "FusedBatchNorm",
    "Inv": "Reciprocal",
    "MaxPoolV2": "MaxPool",
    "AvgPoolV2": "AvgPool",
    "RefSwitch": "Switch",
    "RefMerge": "Merge",
    "RefIdentity": "Identity",
    "Conv3DBackpropInput": "Conv3DBackpropInputV2",
    "ResizeNearestNeighborV2": "ResizeNearestNeighbor",
    "Unpack": "Unstack",
    "Pack": "Stack",
    "GuaranteeConst": "Identity",
    **{f"Batch{name}": name for name in ("FFT", "FFT2D", "FFT3D", "IFFT", "IFFT2D", "IFFT3D")},
}


def unify_names(graph: Graph) -> None:
    """Rename operations; see `SAME` and below."""
    for node in list(graph):
        node.op = SAME.get(node.op, node.op)
        if node.op == "Div" and node.out.dtype.startswith(("float", "bfloat", "half", "complex")):
            node.op = "RealDiv"
        elif node.op == "ConjugateTranspose" and not node.out.dtype.startswith("complex"):
            node.op = "Transpose"
        elif node.op == "Concat":
            node.op = "ConcatV2"
            graph.set_inputs(node, [*node.inputs[1:], node.inputs[0]])
        elif node.op == "BatchNormWithGlobalNormalization":
            x, mean, variance, beta, gamma = node.inputs
            if not node.attrs["scale_after_normalization"]:
                gamma = constant(
                    graph, f"{node.name}/ones", np.ones([size or 1 for size in gamma.shape or ()], np.float32)
                )
            node.op, node.attrs = "FusedBatchNorm", {"is_training": False, "epsilon": node.attrs["variance_epsilon"]}
            graph.set_inputs(node, [x, gamma, beta, mean, variance])
        elif node.op == "BroadcastArgs" and all(value.shape and value.shape[0] is not None for value in node.inputs):
            _to_larger_sizes(graph, node)
        elif node.op in ("FusedPadConv2D", "FusedResizeAndPadConv2D") and (node.inputs[0].shape or (None,))[0] == 1:
            _take_apart(graph, node)  # of several samples TensorFlow's kernels pad the first one only
        elif node.op == "ShapeN":
            for value, shaped in zip(node.outputs, node.inputs, strict=True):
                alone = Node(f"{node.name}/{value.index}", "Shape", [shaped], origin=node.origin)
                alone.outputs = [Value(alone, 0, value.shape, value.probe, value.dtype, value.tensor)]
                graph.replace(value, graph.add(alone).out)
        elif node.op in ("Gather", "ResourceGather"):
            node.op = "GatherV2"
            graph.set_inputs(node, [*node.inputs, constant(graph, f"{node.name}/axis", np.int32(0))])
        elif node.op == "TopK":
            node.op = "TopKV2"
            graph.set_inputs(node, [*node.inputs, constant(graph, f"{node.name}/k", np.int32(node.attrs.pop("k")))])
        elif node.op in ("Conv2DBackpropInput", "Conv3DBackpropInputV2"):
            # output = conv_transpose(x, kernel), as tf.nn.conv2d_transpose calls it
            node.op = node.op[:6] + "Transpose"
            size, last = node.inputs[0], not node.attrs.get("data_format", "").startswith("NC")
            sized = [size] if _is_fed(size) and last else []
            if _takes_size_of_another(node):
                node.attrs["size_of_another"] = True
                sized = sized or _shape_of_another(node) * last
            graph.set_inputs(node, [node.inputs[2], node.inputs[1], *sized])


def _take_apart(graph: Graph, node: Node) -> None:
    """Resizing, padding and a convolution, which `optimize_for_inference` put into one operation."""
    x, *sizes, paddings, kernel = node.inputs
    if sizes:
        corners = {"align_corners": True} if node.attrs.pop("resize_align_corners", False) else {}
        x = _step(graph, node, "ResizeBilinear", [x, *sizes], corners)
    x = _step(graph, node, "MirrorPad", [x, paddings], {"mode": node.attrs.pop("mode")})
    node.op = "Conv2D"
    graph.set_inputs(node, [x, kernel])


def _step(graph: Graph, node: Node, op: str, inputs: list[Value], attrs: dict[str, Any]) -> Value:
    """The result of an operation that `node` does among others; its shape is found later."""
    made = Node(f"{node.name}/{op}", op, inputs, attrs, origin=node.origin)
    made.outputs = [Value(made, 0, dtype=inputs[0].dtype)]
    return graph.add(made).out


def _to_larger_sizes(graph: Graph, node: Node) -> None:
    """The shape that two tensors are broadcast to: axis for axis the larger size, the shorter shape led by ones."""
    rank = max(value.shape[0] for value in node.inputs if value.shape and value.shape[0] is not None)
    longer = []
    for slot, value in enumerate(node.inputs):
        missing = rank - value.shape[0]  # type: ignore[index, operator]
        if missing:
            ones = constant(graph, f"{node.name}/ones_{slot}", np.ones(missing, value.dtype))
            axis = constant(graph, f"{node.name}/axis_{slot}", np.int32(0))
            joined = Node(f"{node.name}/{slot}", "ConcatV2", [ones, value, axis], origin=node.origin)
            joined.outputs = [Value(joined, 0, (rank,), (rank,), value.dtype)]
            value = graph.add(joined).out
        longer.append(value)
    node.op = "Maximum"
    graph.set_inputs(node, longer)


def _takes_size_of_another(node: Node) -> bool:
    """True if the target shape of a transposed convolution is not constant, nor made of its own input's."""
    own = {id(value) for value in _passed_on(node.inputs[2])}
    stack, seen = [node.inputs[0].node], set()
    while stack:
        source = stack.pop()
        if id(source) in seen:
            continue
        seen.add(id(source))
        if source.op == "Shape":
            if not own & {id(value) for value in _passed_on(source.inputs[0])}:
                return True
        else:
            stack.extend(value.node for value in source.inputs)
    return False


def _shape_of_another(node: Node) -> list[Value]:
    """The `Shape` of the one tensor whose rows and columns a transposed convolution is to give; empty if there is none."""
    size, x = _uncast(node.inputs[0]), node.inputs[2]
    if x.node.op == "ExpandDims":  # one axis, written as two
        return []
    shapes = [size]
    if size.node.op != "Shape":
        middle = _entries(size)[1:-1]
        if not middle or [place for place, _ in middle] != list(range(1, (x.rank or 0) - 1)):
            return []
        shapes = [shape for _, shape in middle]
    if any(shape.node.op != "Shape" for shape in shapes):
        return []
    others = {id(shape.node.inputs[0]) for shape in shapes}
    return shapes[:1] if len(others) == 1 and shapes[0].node.inputs[0].rank == x.rank else []


def _entries(vector: Value) -> list[tuple[int | None, Value]]:
    """For each entry of `vector`: which entry of which other vector it is; None and anything where that is not known."""
    node = vector.node
    if node.op in ("Pack", "Stack"):
        found = [_slice(_uncast(value)) for value in node.inputs]
        return [each[0] if len(each) == 1 else (None, vector) for each in found]
    if node.op == "ConcatV2":
        return [entry for value in node.inputs[:-1] for entry in _entries(_uncast(value))]
    return _slice(vector)


def _slice(value: Value) -> list[tuple[int | None, Value]]:
    """See `_entries`: of one number, or of a piece of a vector."""
    node, count = value.node, (value.shape or (1,))[0] or 1
    unknown: list[tuple[int | None, Value]] = [(None, value)] * count
    if node.op != "StridedSlice" or any(each.node.op != "Const" for each in node.inputs[1:]):
        return unknown
    begin, _, step = (int(each.node.attrs["value"].reshape(-1)[0]) for each in node.inputs[1:])
    begin = 0 if node.attrs.get("begin_mask") else begin
    if begin < 0 or step != 1 or node.attrs.get("ellipsis_mask") or node.attrs.get("new_axis_mask"):
        return unknown
    return [(begin + number, _uncast(node.inputs[0])) for number in range(count)]


def _uncast(value: Value) -> Value:
    """`value` before identities and casts."""
    while value.node.op in ("Identity", "Cast"):
        value = value.node.inputs[0]
    return value


def _is_fed(value: Value) -> bool:
    """True for sizes that are an input of the model, or made of one's entries."""
    stack, seen = [value.node], set()
    while stack:
        source = stack.pop()
        if source.op == "Placeholder":
            return True
        if id(source) not in seen and source.op != "Shape":
            seen.add(id(source))
            stack.extend(each.node for each in source.inputs)
    return False


def _passed_on(value: Value) -> list[Value]:
    """`value`, and what it was before identities and transposes."""
    found = [value]
    while found[-1].node.op in ("Identity", "Transpose"):
        found.append(found[-1].node.inputs[0])
    return found


def constant(graph: Graph, name: str, array: np.ndarray | np.generic) -> Value:
    """A new constant in the graph."""
    node = Node(name, "Const", [], {"value": np.asarray(array)})
    node.outputs = [Value(node, 0, np.shape(array), np.shape(array), np.asarray(array).dtype.name)]
    return graph.add(node).out
