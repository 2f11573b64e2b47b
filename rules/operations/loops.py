"""Arrays that a loop reads and fills, one element a step. An array is a tensor [size, ...]."""

from porter.rule import call, op, ops


@op("ArrayRead")
def array_read(array, index, *, node):
    if index.node.op != "Const" and any(user.op == "Cond" for user, _ in node.out.uses):
        # Both sides of a condition are computed here, so this is read where the original would not have read.
        size = array.shape[0] if array.shape else None
        last = ops.subtract(call("ops.getitem", ops.shape(array), (0,)), 1) if size is None else size - 1
        index = ops.minimum(index, last)
    return ops.take(array, index, axis=0)


@op("ArrayWrite")
def array_write(array, index, value):
    return ops.scatter_update(array, ops.reshape(index, (1, 1)), ops.expand_dims(value, 0))
