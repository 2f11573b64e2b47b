"""`SetOperation`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class SetOperation(layers.Layer):
    """Intersection, union or difference of two sets per row, each in order of size.

    How many entries there are depends on the values, which a compiled model knows on TensorFlow alone.

    Args:
        operation: "intersection", "union", "a-b" or "b-a".

    Inputs: a [rows, entries], b [rows, others]. Outputs, as of a sparse tensor: indices [found, 2] of row and place,
        the entries [found], and the shape [2].
    Source: tensorflow/core/kernels/set_kernels.cc, 1.15.
    """

    def __init__(self, operation, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = False  # a size depends on the data, which JAX cannot compile
        self.operation = operation

    def call(self, a, b):
        entries = ops.sort(ops.concatenate([a, b], axis=1), axis=1)
        keep = ops.concatenate([ops.ones_like(entries[:, :1], dtype="bool"), entries[:, 1:] != entries[:, :-1]], axis=1)
        in_a = ops.any(entries[:, :, None] == a[:, None, :], axis=2)
        in_b = ops.any(entries[:, :, None] == b[:, None, :], axis=2)
        if self.operation == "intersection":
            keep = ops.logical_and(keep, ops.logical_and(in_a, in_b))
        elif self.operation != "union":
            keep = ops.logical_and(keep, ops.logical_not(in_b if self.operation == "a-b" else in_a))
        rows, columns = ops.nonzero(keep)
        kept = ops.cast(keep, "int32")
        width = ops.shape(entries)[1]
        flat = ops.cast(rows, "int32") * width + ops.cast(columns, "int32")
        place = ops.take(ops.reshape(ops.cumsum(kept, axis=1), (-1,)), flat) - 1
        indices = ops.stack([ops.cast(rows, "int64"), ops.cast(place, "int64")], axis=1)
        shape = ops.stack([ops.cast(ops.shape(a)[0], "int64"), ops.cast(ops.max(ops.sum(kept, axis=1)), "int64")])
        return indices, ops.take(ops.reshape(entries, (-1,)), flat), shape

    def compute_output_spec(self, a, b):
        shapes = ((None, 2), "int64"), ((None,), a.dtype), ((2,), "int64")
        return tuple(keras.KerasTensor(shape, dtype=dtype) for shape, dtype in shapes)

    def get_config(self):
        return {**super().get_config(), "operation": self.operation}
