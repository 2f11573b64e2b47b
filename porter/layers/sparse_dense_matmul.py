"""`SparseDenseMatMul`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class SparseDenseMatMul(layers.Layer):
    """The product of a sparse matrix and a dense one, without making the sparse one dense.

    Args:
        rows: the rows of the product; without it, the layer's fourth input is the sparse matrix's shape [2], which a
            compiled model knows on TensorFlow alone.
        transpose: take the sparse matrix transposed.
        picked: whether the third input holds, for each entry, the row of the dense matrix that it meets, such as an
            `Embedding` gives.

    Inputs: places [entries, 2], entries [entries], the dense matrix [columns, units], or its rows [entries, units].
    Output: [rows, units].
    Source: tensorflow/core/kernels/sparse_tensor_dense_matmul_op.cc, 1.15.
    """

    def __init__(self, rows=None, transpose=False, picked=False, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = rows is not None  # JAX cannot compile sizes that depend on the data
        self.rows = rows
        self.transpose = transpose
        self.picked = picked

    def call(self, indices, values, dense, shape=None):
        row, column = indices[:, 0], indices[:, 1]
        if self.transpose:
            row, column = column, row
        rows = shape[1 if self.transpose else 0] if self.rows is None else self.rows
        dense = dense if self.picked else ops.take(dense, column, axis=0)
        return ops.segment_sum(dense * values[:, None], row, rows)

    def compute_output_spec(self, indices, values, dense, shape=None):
        return keras.KerasTensor((self.rows, dense.shape[1]), dtype=dense.dtype)

    def get_config(self):
        config = {"rows": self.rows, "transpose": self.transpose, "picked": self.picked}
        return {**super().get_config(), **config}
