"""`RaggedRange`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class RaggedRange(layers.Layer):
    """Several ranges of numbers, one behind the other.

    Call arguments: where each ends (that number is not in it), where it begins, and its steps: vectors, or one number
    for all. Outputs: where each range starts among the numbers, with one entry more for the end of the last; and the
    numbers. How many there are depends on the data, which JAX can run but not compile.
    Source: tensorflow/core/kernels/ragged_range_op.cc, 1.15.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = False  # a size depends on the data, which JAX cannot compile

    def call(self, limits, starts, steps):
        one = ops.zeros_like(ops.reshape(starts, (-1,))) + ops.zeros_like(ops.reshape(limits, (-1,)))
        one = one + ops.zeros_like(ops.reshape(steps, (-1,)))
        starts, limits, steps = starts + one, limits + one, steps + one
        if keras.backend.is_float_dtype(starts.dtype):
            counts = ops.ceil((limits - starts) / steps)
        else:
            counts = -((starts - limits) // steps)
        counts = ops.cast(ops.maximum(counts, 0), "int32")
        splits = ops.concatenate([ops.zeros((1,), dtype="int32"), ops.cumsum(counts)])
        place = ops.arange(splits[-1])
        row = ops.sum(ops.cast(ops.expand_dims(place, 1) >= ops.expand_dims(splits[1:], 0), "int32"), axis=1)
        within = place - ops.take(splits, row)
        numbers = ops.take(starts, row) + ops.cast(within, starts.dtype) * ops.take(steps, row)
        return splits, numbers

    def compute_output_spec(self, limits, starts, steps):
        return keras.KerasTensor((None,), dtype="int32"), keras.KerasTensor((None,), dtype=limits.dtype)
