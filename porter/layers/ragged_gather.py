"""`RaggedGather`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class RaggedGather(layers.Layer):
    """Rows of several lengths, picked by index.

    Call arguments: where each row starts among the values, with one entry more for the end of the last; the values
    [values, ...]; and indices of rows. Outputs: the same for the rows that were picked, in the order of the indices.
    How many values there are depends on the data, which JAX can run but not compile.
    Source: tensorflow/core/kernels/ragged_gather_op.cc, 1.15.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = False  # a size depends on the data, which JAX cannot compile

    def call(self, splits, values, indices):
        starts = ops.take(splits, ops.reshape(indices, (-1,)))
        counts = ops.take(splits, ops.reshape(indices, (-1,)) + 1) - starts
        picked = ops.concatenate([ops.zeros((1,), dtype=splits.dtype), ops.cumsum(counts)])
        place = ops.cast(ops.arange(picked[-1]), splits.dtype)
        row = ops.sum(ops.cast(ops.expand_dims(place, 1) >= ops.expand_dims(picked[1:], 0), "int32"), axis=1)
        return picked, ops.take(values, ops.take(starts, row) + place - ops.take(picked, row), axis=0)

    def compute_output_spec(self, splits, values, indices):
        rest = values.shape[1:]
        return keras.KerasTensor((None,), dtype=splits.dtype), keras.KerasTensor((None, *rest), dtype=values.dtype)
