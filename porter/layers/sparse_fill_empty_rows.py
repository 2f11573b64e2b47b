"""`SparseFillEmptyRows`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class SparseFillEmptyRows(layers.Layer):
    """Gives every row of a sparse matrix that has no entry one, in its first column.

    How many entries there are depends on the values, which a compiled model knows on TensorFlow alone.

    Args:
        default: the entry for empty rows; without it, a scalar, the layer's fourth input.

    Inputs: places [entries, 2], entries [entries], the matrix's shape [2].
    Outputs: places and entries with these added, row after row; which rows were empty [rows]; and where each of the
        former entries stands now [entries].
    Source: tensorflow/core/kernels/sparse_fill_empty_rows_op.cc, 1.15.
    """

    def __init__(self, default=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = False  # a size depends on the data, which JAX cannot compile
        self.default = default

    def call(self, indices, values, shape, default=None):
        row = indices[:, 0]
        is_empty = ops.segment_sum(ops.ones_like(row), row, shape[0]) == 0
        empty = ops.cast(ops.nonzero(is_empty)[0], indices.dtype)
        added = ops.stack([empty, *([ops.zeros_like(empty)] * (ops.shape(indices)[1] - 1))], axis=1)
        rows = ops.concatenate([row, empty])
        # what stands first in a row stays so
        order = ops.argsort(rows * ops.cast(ops.shape(rows)[0], rows.dtype) + ops.cumsum(ops.ones_like(rows)) - 1)
        default = ops.cast(self.default if default is None else default, values.dtype)
        filled = ops.concatenate([values, ops.zeros_like(empty, dtype=values.dtype) + default])
        places = ops.cast(ops.argsort(order)[: ops.shape(row)[0]], indices.dtype)
        indices = ops.concatenate([indices, added])
        return ops.take(indices, order, axis=0), ops.take(filled, order), is_empty, places

    def compute_output_spec(self, indices, values, shape, default=None):
        outputs = [((None, indices.shape[1]), indices.dtype), ((None,), values.dtype), ((None,), "bool")]
        outputs.append(((indices.shape[0],), indices.dtype))
        return tuple(keras.KerasTensor(shape, dtype=dtype) for shape, dtype in outputs)

    def get_config(self):
        return {**super().get_config(), "default": self.default}
