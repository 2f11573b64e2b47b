"""`SparseSoftmax`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class SparseSoftmax(layers.Layer):
    """Softmax over the entries that each row of a sparse matrix has; what it has not does not count.

    Inputs: places [entries, 2], entries [entries], the matrix's shape [2], which a compiled model knows on TensorFlow
        alone. Output: [entries].
    Source: tensorflow/core/kernels/sparse_softmax_op.cc, 1.15.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, indices, values, shape):
        row, rows = indices[:, 0], shape[0]
        high = ops.take(ops.segment_max(values, row, rows), row)
        shares = ops.exp(values - high)
        return shares / ops.take(ops.segment_sum(shares, row, rows), row)

    def compute_output_spec(self, indices, values, shape):
        return keras.KerasTensor(values.shape, dtype=values.dtype)
