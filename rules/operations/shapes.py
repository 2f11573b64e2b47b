"""Shapes."""

from porter.rule import layers, op, ops


@op("Reshape")
def reshape(x, *, shape):
    if shape and shape[0] is None:
        return layers.Reshape(tuple(shape[1:]))(x)
    return ops.reshape(x, shape)
