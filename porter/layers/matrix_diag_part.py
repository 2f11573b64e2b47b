"""`MatrixDiagPart`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class MatrixDiagPart(layers.Layer):
    """Takes several diagonals of matrices.

    Args:
        lowest, highest: which diagonals, 0 for the main one, negative below it.
        padding_value: what fills diagonals shorter than the longest.
        align: "LEFT" or "RIGHT", for the diagonals above and those below the main one, as in "RIGHT_LEFT": on which
            side a shorter one is put.

    Shapes: [..., rows, columns] to [..., diagonals, entries] with the highest diagonal first.
    Source: tensorflow/core/kernels/matrix_diag_op.cc, 2.3.
    """

    def __init__(self, lowest, highest, padding_value=0, align="RIGHT_LEFT", **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.lowest, self.highest = lowest, highest
        self.padding_value = padding_value
        self.align = align

    def call(self, x):
        rows, columns = x.shape[-2:]
        diagonal = ops.arange(self.highest, self.lowest - 1, -1)[:, None]
        length = ops.minimum(rows + ops.minimum(diagonal, 0), columns - ops.maximum(diagonal, 0))
        above, below = (side == "RIGHT" for side in self.align.split("_"))
        right = ops.logical_or(ops.logical_and(diagonal > 0, above), ops.logical_and(diagonal < 0, below))
        longest = self._longest(rows, columns)
        place = ops.arange(longest)[None, :] - ops.where(right, longest - length, 0)
        inside = ops.logical_and(place >= 0, place < length)
        flat = (place - ops.minimum(diagonal, 0)) * columns + place + ops.maximum(diagonal, 0)
        x = ops.reshape(x, (*ops.shape(x)[:-2], rows * columns))
        return ops.where(
            inside, ops.take(x, ops.where(inside, flat, 0), axis=-1), ops.cast(self.padding_value, x.dtype)
        )

    def _longest(self, rows, columns):
        return min(rows + min(self.highest, 0), columns - max(self.lowest, 0))

    def compute_output_spec(self, x):
        shape = (*x.shape[:-2], self.highest - self.lowest + 1, self._longest(*x.shape[-2:]))
        return keras.KerasTensor(shape, dtype=x.dtype)

    def get_config(self):
        config = {"lowest": self.lowest, "highest": self.highest}
        return {**super().get_config(), **config, "padding_value": self.padding_value, "align": self.align}
