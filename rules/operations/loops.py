"""Arrays that a loop reads and fills, one element a step. An array is a tensor [size, ...]."""

from porter.rule import op, ops


@op("ArrayRead")
def array_read(array, index):
    return ops.take(array, index, axis=0)


@op("ArrayWrite")
def array_write(array, index, value):
    return ops.scatter_update(array, ops.reshape(index, (1, 1)), ops.expand_dims(value, 0))
