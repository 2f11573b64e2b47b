"""`SparseToDense`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class SparseToDense(layers.Layer):
    """A dense tensor with given entries at given places.

    Args:
        rank: how many axes it has. Its sizes are an input: a compiled model knows them on TensorFlow alone.
        default: what stands elsewhere.

    Inputs: places [entries, rank], sizes [rank], entries [entries].
    Source: tensorflow/core/kernels/sparse_to_dense_op.cc, 1.15.
    """

    def __init__(self, rank, default=0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.rank = rank
        self.default = default

    def call(self, indices, shape, values):
        empty = ops.full([shape[axis] for axis in range(self.rank)], self.default, dtype=values.dtype)
        return ops.scatter_update(empty, indices, values)

    def compute_output_spec(self, indices, shape, values):
        return keras.KerasTensor((None,) * self.rank, dtype=values.dtype)

    def get_config(self):
        return {**super().get_config(), "rank": self.rank, "default": self.default}
