"""`RaggedToSparse`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class RaggedToSparse(layers.Layer):
    """Rows of several lengths as entries of a sparse tensor.

    Call arguments: where each row starts among the values, with one entry more for the end of the last, for rows of
    rows once for each level, the outermost first; and the values [values].
    Outputs: places [values, rank], the values, and the tensor's shape [rank], which has room for the longest rows.
    Source: tensorflow/core/kernels/ragged_tensor_to_sparse_kernel.cc, 1.15.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, *parts):
        *levels, values = parts
        row = ops.cast(ops.arange(ops.shape(values)[0]), "int64")
        places, sizes = [], []
        for splits in reversed(levels):
            splits, place = ops.cast(splits, "int64"), row
            row = ops.sum(ops.cast(ops.expand_dims(place, 1) >= ops.expand_dims(splits[1:], 0), "int64"), axis=1)
            places.insert(0, place - ops.take(splits, row))
            sizes.insert(0, ops.max(splits[1:] - splits[:-1]))
        rows = ops.cast(ops.shape(levels[0])[0] - 1, "int64")
        return ops.stack([row, *places], axis=1), values, ops.stack([rows, *sizes])

    def compute_output_spec(self, *parts):
        values, rank = parts[-1], len(parts)
        return (
            keras.KerasTensor((values.shape[0], rank), dtype="int64"),
            keras.KerasTensor(values.shape, dtype=values.dtype),
            keras.KerasTensor((rank,), dtype="int64"),
        )
