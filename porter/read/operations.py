"""What TensorFlow says of its operations, and the groups of operations that reading tells apart."""

from __future__ import annotations

from functools import cache
from typing import Any

from porter.graph import operations

# By the names that files give them; those that take their seed as an input count too.
RANDOM = operations.RANDOM | {
    "StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal", "StatelessRandomUniformV2",
    "StatelessRandomNormalV2",
}  # fmt: skip
VARIABLES = frozenset({"Variable", "VariableV2", "AutoReloadVariable", "VarHandleOp"})
PASSING = frozenset({
    "Identity", "RefIdentity", "ReadVariableOp", "Enter", "RefEnter", "Exit", "RefExit", "Switch", "RefSwitch",
    "NextIteration", "RefNextIteration", "StopGradient", "PreventGradient", "Snapshot", "PlaceholderWithDefault",
    "CheckNumerics", "Print", "PrintV2", "EnsureShape", "DebugIdentity", "DebugIdentityV2", "DebugIdentityV3",
})  # fmt: skip
PLAIN = {
    "RefSwitch": "Switch", "RefIdentity": "Identity", "RefMerge": "Merge", "RefEnter": "Enter", "RefExit": "Exit",
    "RefNextIteration": "NextIteration", "PlaceholderV2": "Placeholder", "LookupTableFind": "LookupTableFindV2",
    # these write what passes to wherever the file says
    "DebugIdentity": "Identity", "DebugIdentityV2": "Identity", "DebugIdentityV3": "Identity",
}  # fmt: skip
SUMMARIES = frozenset({"MergeSummary", "WriteSummary", "ImageSummary", "AudioSummary", "AudioSummaryV2"})


@cache
def changes_state(op: str) -> bool:
    """Whether an operation writes to a variable: an assignment, an optimizer's step, a scatter into a variable."""
    return (
        op.startswith(("Assign", "Apply", "SparseApply", "ResourceApply", "ResourceSparseApply", "ResourceScatter"))
        or op in ("CountUpTo", "ResourceCountUpTo", "DestroyTemporaryVariable", "TemporaryVariable")
        or (
            op.startswith("Scatter")
            and not op.startswith("ScatterNd")
            or op in ("ScatterNdUpdate", "ScatterNdAdd", "ScatterNdSub")
        )
    )


@cache
def is_optimizer(op: str) -> bool:
    """Whether an operation is an optimizer's step, such as ApplyAdam."""
    return op.startswith(("Apply", "SparseApply", "ResourceApply", "ResourceSparseApply"))


@cache
def only_tells(op: str) -> bool:
    """Whether nothing is computed from an operation's result: summaries, savers, asserts, queue runners."""
    return (
        op in SUMMARIES
        or op.endswith(("Summary", "SummaryV2"))
        or op.startswith(("Save", "Restore", "MergeV2", "ShardedFilename", "QueueEnqueue", "QueueClose", "Stage"))
        or op in ("NoOp", "Assert", "PrintV2")
    )


@cache
def op_def(op: str) -> Any:
    """TensorFlow's OpDef, None for an operation that today's TensorFlow does not know."""
    from tensorflow.python.framework import op_def_registry

    return op_def_registry.get(op)


@cache
def only_computes(op: str) -> bool:
    """Whether running an operation does nothing but give its results: it writes no file and changes nothing."""
    definition = op_def(op)
    return definition is not None and bool(definition.output_arg) and not definition.is_stateful


@cache
def may_take_text(op: str) -> bool:
    """Whether an operation has an input that may be a string; False for one that today's TensorFlow does not know."""
    definition, text = op_def(op), 7
    if definition is None:
        return False
    allowed = {a.name: list(a.allowed_values.list.type) for a in definition.attr}
    for arg in definition.input_arg:
        types = allowed.get(arg.type_attr or arg.type_list_attr, [arg.type])
        if text in types or not types:
            return True
    return False


def _types(node: Any, arguments: Any) -> list[int] | None:
    """The DataType numbers of a node's inputs or outputs, None where an attribute is missing."""
    types: list[int] = []
    for arg in arguments:
        if arg.type_list_attr:
            if arg.type_list_attr not in node.attr:
                return None
            types += list(node.attr[arg.type_list_attr].list.type)
            continue
        if arg.type_attr:
            kind = (
                node.attr[arg.type_attr].type if arg.type_attr in node.attr else _default_type(node.op, arg.type_attr)
            )
        else:
            kind = arg.type
        types += [kind] * (int(node.attr[arg.number_attr].i) if arg.number_attr else 1)
    return types


def _default_type(op: str, attr: str) -> int:
    return next((a.default_value.type for a in op_def(op).attr if a.name == attr), 0)


def output_types(node: Any) -> list[int] | None:
    """DataType numbers of a node's outputs, None where TensorFlow does not know the operation."""
    definition = op_def(node.op)
    return None if definition is None else _types(node, definition.output_arg)


def input_types(node: Any) -> list[int] | None:
    """DataType numbers of a node's inputs, None where TensorFlow does not know the operation."""
    definition = op_def(node.op)
    return None if definition is None else _types(node, definition.input_arg)


def dtype_name(number: int) -> str:
    """TensorFlow's name of a DataType number, references as what they refer to: "float32"."""
    import tensorflow as tf

    return tf.dtypes.as_dtype(number).base_dtype.name


def shape_of(proto: Any) -> tuple[int | None, ...] | None:
    """A TensorShapeProto as a tuple, None for an unknown rank."""
    return None if proto.unknown_rank else tuple(None if dim.size < 0 else int(dim.size) for dim in proto.dim)


def constant(node: Any) -> Any:
    """A Const's value as an array."""
    from tensorflow.python.framework import tensor_util

    return tensor_util.MakeNdarray(node.attr["value"].tensor)


def constant_size(node: Any) -> int:
    """The number of elements of a Const, without unpacking it."""
    size = 1
    for dim in node.attr["value"].tensor.tensor_shape.dim:
        size *= int(dim.size)
    return size
