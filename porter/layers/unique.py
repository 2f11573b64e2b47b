"""`Unique`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class Unique(layers.Layer):
    """The different entries of a vector in the order of their first occurrence, and for each entry which of them it is.

    How many there are depends on the values, which a compiled model knows on TensorFlow alone.

    Args:
        index_dtype: the type of the indices and counts.
        with_counts: give as a third output how often each occurs.

    Shapes: [entries] to [different], [entries] and [different].
    Source: tensorflow/core/kernels/unique_op.cc, 1.15.
    """

    def __init__(self, index_dtype="int32", with_counts=False, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = False  # a size depends on the data, which JAX cannot compile
        self.index_dtype = index_dtype
        self.with_counts = with_counts

    def call(self, x):
        order = ops.argsort(x)
        ordered = ops.take(x, order)
        is_new = ops.concatenate([ops.ones_like(ordered[:1], dtype="bool"), ordered[1:] != ordered[:-1]])
        group = ops.cumsum(ops.cast(is_new, "int32")) - 1  # in order of size
        first = ops.take(order, ops.nonzero(is_new)[0])
        by_occurrence = ops.argsort(first)
        unique = ops.take(x, ops.take(first, by_occurrence))
        place = ops.take(ops.argsort(by_occurrence), group)
        index = ops.cast(ops.take(place, ops.argsort(order)), self.index_dtype)
        if not self.with_counts:
            return unique, index
        return unique, index, ops.segment_sum(ops.ones_like(index), index, ops.shape(unique)[0])

    def compute_output_spec(self, x):
        outputs = [(None, x.dtype), (x.shape[0], self.index_dtype), (None, self.index_dtype)]
        return tuple(keras.KerasTensor((size,), dtype=dtype) for size, dtype in outputs[: 3 if self.with_counts else 2])

    def get_config(self):
        return {**super().get_config(), "index_dtype": self.index_dtype, "with_counts": self.with_counts}
