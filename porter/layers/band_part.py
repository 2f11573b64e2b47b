"""`BandPart`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class BandPart(layers.Layer):
    """Keeps the diagonals of matrices between two that come with the data; all else becomes 0.

    Call arguments: x [..., rows, columns], how many diagonals below the main one stay, and how many above it; all of
    them for a negative number.
    """

    def call(self, x, lower, upper):
        rows, columns = ops.shape(x)[-2:]
        above = ops.expand_dims(ops.arange(columns), 0) - ops.expand_dims(ops.arange(rows), 1)
        lower, upper = ops.cast(lower, above.dtype), ops.cast(upper, above.dtype)
        kept = ops.logical_and(
            ops.logical_or(lower < 0, -above <= lower), ops.logical_or(upper < 0, above <= upper)
        )  # fmt: skip
        return ops.where(kept, x, ops.zeros_like(x))
