"""A copy of a graph that computes in float64, to see how far the float32 original is from the true numbers.

In the copy each tensor that was float32, or shorter, is float64. Operations that have no double kernel on the CPU, or whose types
are fixed, keep theirs with casts around them. Weights and constants keep their values and are cast, so that
they are held once. Complex numbers likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from porter.verify.graphdef import by_name, layout, split

FLOAT, DOUBLE, INT, COMPLEX64, COMPLEX128, VARIANT = 1, 2, 3, 8, 18, 21  # enum DataType of TensorFlow's types.proto
BFLOAT16, HALF = 14, 19
RAISED = {FLOAT: DOUBLE, HALF: DOUBLE, BFLOAT16: DOUBLE, COMPLEX64: COMPLEX128}
FIXED = {*RAISED, VARIANT}  # what stands at the other end of such a tensor cannot be changed
ARRAYS = {f"TensorArray{what}V3" for what in ("", "Read", "Write", "Gather", "Scatter", "Concat", "Split", "Size")}
PASSING = {"Enter", "Exit", "Identity", "Merge", "NextIteration", "Switch"}
NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")


def in_double(graph_def: Any, keep: set[str]) -> tuple[Any, dict[str, str]]:
    """The copy, and for each tensor whose float64 version has another name that name.

    keep: nodes that stay as they are (the variables). Raises KeyError where an operation is unknown to TensorFlow.
    """
    from tensorflow.core.framework import graph_pb2

    source = _without_fused_norms(graph_def)
    result = graph_pb2.GraphDef(versions=source.versions, library=source.library)
    nodes = by_name(source)
    flows = _flows(nodes)
    raised = {name: _raise(node) if name not in keep and name not in flows else None for name, node in nodes.items()}
    renamed: dict[str, str] = {}

    def is_double(tensor: str) -> bool:
        name, index = split(tensor)
        return raised.get(name) is not None and not _is_flow(nodes[name], index)

    def double(tensor: str, dtype: int) -> str:
        """The name of the float64 version of `tensor`; made by a cast where its node stays in float32."""
        if is_double(tensor):
            return tensor
        name, index = split(tensor)
        key = f"{name}:{index}"
        if key not in renamed:
            renamed[key] = f"{name}/double_{index}:0"
            _cast(result, tensor, f"{name}/double_{index}", dtype, RAISED[dtype])
        return renamed[key]

    for name, node in nodes.items():
        copy = result.node.add()
        new = raised[name]
        copy.CopyFrom(new if new is not None else node)
        for slot, (dtype, follows) in enumerate(_types(node, inputs=True)):
            if dtype not in RAISED:
                continue
            if new is not None and follows:
                copy.input[slot] = double(copy.input[slot], dtype)
            elif is_double(copy.input[slot]):
                _cast(result, copy.input[slot], f"{name}/single_{slot}", RAISED[dtype], dtype)
                copy.input[slot] = f"{name}/single_{slot}"
        if new is None and name not in flows:
            for index, (dtype, _) in enumerate(_types(node, inputs=False)):
                if dtype in RAISED:
                    double(f"{name}:{index}", dtype)
    return result, renamed


def _flows(nodes: Mapping[str, Any]) -> set[str]:
    """The nodes that hand on the flow of a TensorArray: a float32 that says nothing but in what order to compute."""
    users: dict[str, list[str]] = {}
    for node in nodes.values():
        for source in node.input:
            users.setdefault(split(source)[0], []).append(node.name)
    stack = [
        name
        for name, node in nodes.items()
        if node.op in ARRAYS and any(_is_flow(node, index) for index in range(len(_definition(node.op).output_arg)))
    ]
    found: set[str] = set()
    while stack:
        for name in users.get(stack.pop(), ()):
            if nodes[name].op in PASSING and name not in found:
                found.add(name)
                stack.append(name)
    return found


def _is_flow(node: Any, index: int) -> bool:
    return node.op in ARRAYS and _definition(node.op).output_arg[index].name.startswith("flow")


def _raise(node: Any) -> Any | None:
    """A copy of `node` with its types raised, or None where it has to stay in float32."""
    from tensorflow.core.framework import node_def_pb2

    definition = _definition(node.op)
    ends = [arg for arg in (*definition.input_arg, *definition.output_arg) if not arg.name.startswith("flow")]
    lists = node.op.startswith("TensorList")  # their handles hold whatever type all of them have
    fixed = any(arg.type in FIXED and not (lists and arg.type == VARIANT) for arg in ends)
    calls = any(attr.type == "func" for attr in definition.attr)  # whose functions expect the types that they have
    if fixed or calls or node.op == "Const":
        return None
    copy = node_def_pb2.NodeDef()
    copy.CopyFrom(node)
    types: dict[str, list[int]] = {}
    for attr in definition.attr:
        if attr.type not in ("type", "list(type)"):
            continue
        value = copy.attr.get(attr.name, attr.default_value)
        old = [value.type] if attr.type == "type" else list(value.list.type)
        types[attr.name] = [RAISED.get(dtype, dtype) for dtype in old]
        if types[attr.name] != old:
            if attr.type == "type":
                copy.attr[attr.name].type = types[attr.name][0]
            else:
                copy.attr[attr.name].list.type[:] = types[attr.name]
    return copy if _has_kernel(node.op, tuple((name, tuple(each)) for name, each in sorted(types.items()))) else None


@cache
def _definition(op: str) -> Any:
    from tensorflow.python.framework import op_def_registry

    definition = op_def_registry.get(op)
    if definition is None:
        raise KeyError(f"TensorFlow knows no operation {op}")
    return definition


@cache
def _has_kernel(op: str, types: tuple[tuple[str, tuple[int, ...]], ...]) -> bool:
    """Whether the CPU has a kernel of `op` for these type attributes."""
    from tensorflow.python.framework import kernels

    given = dict(types)
    for kernel in kernels.get_registered_kernels_for_op(op).kernel:
        if kernel.device_type not in ("CPU", "DEFAULT") or kernel.label:
            continue
        allowed = {constraint.name: set(constraint.allowed_values.list.type) for constraint in kernel.constraint}
        if all(set(dtypes) <= allowed.get(name, set(dtypes)) for name, dtypes in given.items()):
            return True
    return False


def _types(node: Any, *, inputs: bool) -> list[tuple[int, bool]]:
    """For each input (or output) its type, and whether that follows from an attribute."""
    definition = _definition(node.op)
    defaults = {attr.name: attr.default_value for attr in definition.attr}

    def attr(name: str) -> Any:
        return node.attr[name] if name in node.attr else defaults[name]

    found: list[tuple[int, bool]] = []
    for arg in definition.input_arg if inputs else definition.output_arg:
        if arg.type_list_attr:
            found += [(dtype, True) for dtype in attr(arg.type_list_attr).list.type]
            continue
        dtype = attr(arg.type_attr).type if arg.type_attr else arg.type
        found += [(dtype, bool(arg.type_attr))] * (attr(arg.number_attr).i if arg.number_attr else 1)
    return found


def _cast(graph_def: Any, tensor: str, name: str, old: int, new: int) -> None:
    node = graph_def.node.add(name=name, op="Cast", input=[tensor])
    node.attr["SrcT"].type = old
    node.attr["DstT"].type = new


def _without_fused_norms(graph_def: Any) -> Any:
    """`graph_def` with each fused batch normalisation written out, as its kernel knows no double."""
    from tensorflow.core.framework import graph_pb2

    used = {source for node in graph_def.node for source in node.input if ":" in source}
    fused = {
        node.name
        for node in graph_def.node
        if node.op in NORMS
        and node.attr["T"].type in (FLOAT, HALF, BFLOAT16)
        and layout(node) in (b"", b"NHWC", b"NDHWC")
        and not any(f"{node.name}:{index}" in used for index in range(1, 6))
    }
    if not fused:
        return graph_def
    result = graph_pb2.GraphDef(versions=graph_def.versions, library=graph_def.library)
    for node in graph_def.node:
        if node.name in fused:
            _write_out(result, node)
        else:
            result.node.add().CopyFrom(node)
    return result


def _write_out(graph_def: Any, node: Any) -> None:
    """(x - mean) * (rsqrt(variance + epsilon) * gamma) + beta, in float32 whatever x is."""
    x, gamma, beta, mean, variance = list(node.input)[:5]
    dtype = node.attr["T"].type
    if dtype != FLOAT:
        _cast(graph_def, x, f"{node.name}/written_out/x", dtype, FLOAT)
        x = f"{node.name}/written_out/x"
    in_training = "is_training" not in node.attr or node.attr["is_training"].b

    def add(op: str, name: str, *inputs: str) -> str:
        made = graph_def.node.add(name=name, op=op, input=inputs)
        made.attr["T"].type = FLOAT
        return name

    if in_training:
        mean = _mean(graph_def, f"{node.name}/written_out/batch_mean", x, 4 if layout(node) != b"NDHWC" else 5)
        squares = add("SquaredDifference", f"{node.name}/written_out/squares", x, mean)
        variance = _mean(
            graph_def, f"{node.name}/written_out/batch_variance", squares, 4 if layout(node) != b"NDHWC" else 5
        )
    epsilon = graph_def.node.add(name=f"{node.name}/written_out/epsilon", op="Const", input=[f"^{split(x)[0]}"])
    epsilon.attr["dtype"].type = FLOAT
    epsilon.attr["value"].tensor.dtype = FLOAT
    epsilon.attr["value"].tensor.tensor_shape.SetInParent()
    epsilon.attr["value"].tensor.float_val.append(node.attr["epsilon"].f if "epsilon" in node.attr else 1e-4)
    scale = add(
        "Rsqrt",
        f"{node.name}/written_out/rsqrt",
        add("Add", f"{node.name}/written_out/variance", variance, epsilon.name),
    )
    scale = add("Mul", f"{node.name}/written_out/scale", scale, gamma)
    scaled = add(
        "Mul", f"{node.name}/written_out/scaled", add("Sub", f"{node.name}/written_out/shifted", x, mean), scale
    )
    if dtype == FLOAT:
        add("Add", node.name, scaled, beta)
    else:
        _cast(graph_def, add("Add", f"{node.name}/written_out/wide", scaled, beta), node.name, FLOAT, dtype)


def _mean(graph_def: Any, name: str, tensor: str, rank: int) -> str:
    """The mean over all axes but the last."""
    axes = graph_def.node.add(name=f"{name}/axes", op="Const", input=[f"^{split(tensor)[0]}"])
    axes.attr["dtype"].type = INT
    axes.attr["value"].tensor.dtype = INT
    axes.attr["value"].tensor.tensor_shape.dim.add(size=rank - 1)
    axes.attr["value"].tensor.int_val.extend(range(rank - 1))
    made = graph_def.node.add(name=name, op="Mean", input=[tensor, axes.name])
    made.attr["T"].type, made.attr["Tidx"].type = FLOAT, INT
    return name
