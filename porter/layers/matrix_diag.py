"""`MatrixDiag`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class MatrixDiag(layers.Layer):
    """Makes matrices with given diagonals.

    Args:
        lowest, highest: which diagonals, 0 for the main one, negative below it.
        rows, columns: the matrix's size; by default the smallest that fits, square where both are left out.
        padding_value: what stands elsewhere.
        align: "LEFT" or "RIGHT", for the diagonals above and those below the main one, as in "RIGHT_LEFT": on which
            side a diagonal shorter than the longest is put.

    Shapes: [..., entries] for one diagonal, else [..., diagonals, entries] with the highest first, to
        [..., rows, columns].
    Source: tensorflow/core/kernels/matrix_diag_op.cc, 2.3.
    """

    def __init__(self, lowest=0, highest=0, rows=None, columns=None, padding_value=0, align="RIGHT_LEFT", **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.lowest, self.highest = lowest, highest
        self.rows, self.columns = rows, columns
        self.padding_value = padding_value
        self.align = align

    def call(self, x):
        longest = ops.shape(x)[-1]
        rows, columns = self._size(longest)
        i, j = ops.arange(rows)[:, None], ops.arange(columns)[None, :]
        diagonal = j - i
        place = ops.minimum(i, j)
        length = ops.minimum(rows + ops.minimum(diagonal, 0), columns - ops.maximum(diagonal, 0))
        above, below = (side == "RIGHT" for side in self.align.split("_"))
        right = ops.logical_or(ops.logical_and(diagonal > 0, above), ops.logical_and(diagonal < 0, below))
        place = place + ops.where(right, longest - length, 0)
        inside = ops.logical_and(diagonal >= self.lowest, diagonal <= self.highest)
        flat = ops.where(inside, (self.highest - diagonal) * longest + place, 0)
        if self.lowest < self.highest:
            x = ops.reshape(x, (*ops.shape(x)[:-2], -1))
        return ops.where(inside, ops.take(x, flat, axis=-1), ops.cast(self.padding_value, x.dtype))

    def _size(self, longest):
        if longest is None:
            return self.rows, self.columns
        rows, columns = longest - min(self.highest, 0), longest + max(self.lowest, 0)
        if self.rows is None and self.columns is None:
            square = longest + max(-min(self.highest, 0), max(self.lowest, 0))
            return square, square
        return self.rows or rows, self.columns or columns

    def compute_output_spec(self, x):
        outer = x.shape[: -1 if self.lowest == self.highest else -2]
        return keras.KerasTensor((*outer, *self._size(x.shape[-1])), dtype=x.dtype)

    def get_config(self):
        config = {"lowest": self.lowest, "highest": self.highest, "rows": self.rows, "columns": self.columns}
        return {**super().get_config(), **config, "padding_value": self.padding_value, "align": self.align}
