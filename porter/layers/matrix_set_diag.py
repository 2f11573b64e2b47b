"""`MatrixSetDiag`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class MatrixSetDiag(layers.Layer):
    """Puts other numbers on diagonals of matrices.

    Args:
        lowest, highest: which diagonals, 0 for the main one, negative below it.
        align: "LEFT" or "RIGHT", for the diagonals above and those below the main one, as in "RIGHT_LEFT": on which
            side a diagonal shorter than the longest is put.

    Inputs: matrices [..., rows, columns]; diagonals [..., entries] or, if there are several, [..., diagonals, entries]
        with the highest first.
    Source: tensorflow/core/kernels/matrix_set_diag_op.cc, 2.3.
    """

    def __init__(self, lowest=0, highest=0, align="RIGHT_LEFT", **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.lowest, self.highest = lowest, highest
        self.align = align

    def call(self, x, diagonals):
        rows, columns = ops.shape(x)[-2:]
        longest = ops.shape(diagonals)[-1]
        i, j = ops.arange(rows)[:, None], ops.arange(columns)[None, :]
        diagonal = j - i
        length = ops.minimum(rows + ops.minimum(diagonal, 0), columns - ops.maximum(diagonal, 0))
        above, below = (side == "RIGHT" for side in self.align.split("_"))
        right = ops.logical_or(ops.logical_and(diagonal > 0, above), ops.logical_and(diagonal < 0, below))
        place = ops.minimum(i, j) + ops.where(right, longest - length, 0)
        inside = ops.logical_and(diagonal >= self.lowest, diagonal <= self.highest)
        flat = ops.where(inside, (self.highest - diagonal) * longest + place, 0)
        if self.lowest < self.highest:
            diagonals = ops.reshape(diagonals, (*ops.shape(diagonals)[:-2], -1))
        return ops.where(inside, ops.take(diagonals, flat, axis=-1), x)

    def compute_output_spec(self, x, diagonals):
        return keras.KerasTensor(x.shape, dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "lowest": self.lowest, "highest": self.highest, "align": self.align}
