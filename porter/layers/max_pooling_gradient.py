"""`MaxPoolingGradient`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class MaxPoolingGradient(layers.Layer):
    """The derivative of max pooling: what came back for a window goes to its largest entry, to the first of several.

    Args:
        pool_size, strides: the window and how far it moves, two numbers or one for both.
        padding: "valid" or "same".

    Called on what was pooled, [batch, rows, columns, channels], and on what came back for each window.
    Shapes: as what was pooled; rows and columns must be known.
    Source: tensorflow/core/kernels/maxpooling_op.cc, 1.15.
    """

    def __init__(self, pool_size, strides, padding="valid", **kwargs):
        super().__init__(**kwargs)
        self.pool_size, self.strides, self.padding = self._pair(pool_size), self._pair(strides), padding

    @staticmethod
    def _pair(number):
        return (number, number) if isinstance(number, int) else tuple(number)

    def call(self, x, dy):
        rows, columns, channels = x.shape[1:]
        counts = [
            -(-size // step) if self.padding == "same" else (size - pool) // step + 1
            for size, pool, step in zip((rows, columns), self.pool_size, self.strides)
        ]
        missing = [
            max((count - 1) * step + pool - size, 0)
            for count, step, pool, size in zip(counts, self.strides, self.pool_size, (rows, columns))
        ]
        top, left = (each // 2 if self.padding == "same" else 0 for each in missing)
        around = [(0, 0), (top, missing[0] - top), (left, missing[1] - left), (0, 0)]
        padded = ops.pad(x, around, constant_values=float("-inf")) if any(missing) else x
        offsets = [(row, column) for row in range(self.pool_size[0]) for column in range(self.pool_size[1])]
        spans = [(count - 1) * step + 1 for count, step in zip(counts, self.strides)]
        cuts = [
            padded[:, row : row + spans[0] : self.strides[0], column : column + spans[1] : self.strides[1]]
            for row, column in offsets
        ]
        largest = cuts[0]
        for cut in cuts[1:]:
            largest = ops.maximum(largest, cut)
        found, taken = 0, ops.zeros_like(dy, dtype="bool")
        for (row, column), cut in zip(offsets, cuts):
            here = ops.logical_and(ops.equal(cut, largest), ops.logical_not(taken))
            taken = ops.logical_or(taken, here)
            after = [padded.shape[axis + 1] - at - spans[axis] for axis, at in enumerate((row, column))]
            spread = ops.reshape(ops.where(here, dy, ops.zeros_like(dy)), (-1, *counts, channels))
            spread = self._apart(spread, spans)
            found = found + ops.pad(spread, [(0, 0), (row, after[0]), (column, after[1]), (0, 0)])
        return found[:, top : top + rows, left : left + columns]

    def _apart(self, x, spans):
        """Zeros between the entries, as far as the windows lie apart."""
        for axis, (step, span) in enumerate(zip(self.strides, spans), 1):
            if step > 1:
                parts = ops.stack([x, *[ops.zeros_like(x)] * (step - 1)], axis=axis + 1)
                x = ops.reshape(parts, (-1, *x.shape[1:axis], x.shape[axis] * step, *x.shape[axis + 1 :]))
                x = x[:, :span] if axis == 1 else x[:, :, :span]
        return x

    def compute_output_spec(self, x, dy):
        return keras.KerasTensor(x.shape, dtype=dy.dtype)

    def get_config(self):
        config = {"pool_size": self.pool_size, "strides": self.strides, "padding": self.padding}
        return {**super().get_config(), **config}
