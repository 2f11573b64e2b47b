"""Arrays that a loop reads and fills, one element a step. An array is a tensor [size, ...]."""

from porter.rule import call, op, ops, refuse, require


@op("ArrayRead")
def array_read(array, index, *, node):
    if index.node.op != "Const" and any(user.op == "Cond" for user, _ in node.out.uses):
        # Both sides of a condition are computed here, so this is read where the original would not have read.
        size = array.shape[0] if array.shape else None
        last = ops.subtract(call("ops.getitem", ops.shape(array), (0,)), 1) if size is None else size - 1
        index = ops.minimum(index, last)
    return ops.take(array, index, axis=0)


@op("TensorArrayConcatV3")
def array_concat(handle, array, *, node, dtype=None, element_shape_except0=None):
    """All elements one behind the other; they are of one size, as the array is a tensor."""
    require(not node.outputs[1].uses, "the lengths of the elements", node)
    require(array.shape is not None and len(array.shape) > 1, "the size of the elements is not known", node)
    sizes = array.shape[2:]
    require(None not in sizes, "the size of the elements is not known", node)
    return ops.reshape(array, (-1, *sizes)), node.outputs[1]


refuse(
    "TensorArrayScatterV3", "TensorListScatterIntoExistingList", "TensorListScatter", "TensorListScatterV2",
    reason="it writes at places that the data name, so that nothing says how large the array becomes",
)  # fmt: skip
refuse(
    "TensorArraySplitV3", "TensorListSplit", "TensorListConcat", "TensorListConcatV2", "TensorListConcatLists",
    reason="elements of several sizes, or of sizes that the data name, make no tensor",
)  # fmt: skip
refuse(
    "TensorListResize", "TensorListPushBack", "TensorListPushBackBatch", "TensorListPopBack", "EmptyTensorList",
    "TensorListLength", "TensorListReserve", "TensorArrayV3", "TensorArraySizeV3", "StackV2", "StackPushV2",
    "StackPopV2",
    reason="a list grows for as long as the data want, and nothing says how large it becomes at most",
)  # fmt: skip


@op("ArrayWrite")
def array_write(array, index, value):
    return ops.scatter_update(array, ops.reshape(index, (1, 1)), ops.expand_dims(value, 0))
