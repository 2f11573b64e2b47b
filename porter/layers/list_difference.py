"""`ListDifference`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class ListDifference(layers.Layer):
    """The entries of one vector that another does not hold, and where they stand.

    How many there are depends on the values, which a compiled model knows on TensorFlow alone.

    Args:
        index_dtype: the type of the places.

    Inputs: two vectors [entries], [others]. Outputs: entries and places, [left] each.
    Source: tensorflow/core/kernels/listdiff_op.cc, 1.15.
    """

    def __init__(self, index_dtype="int32", **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = False  # a size depends on the data, which JAX cannot compile
        self.index_dtype = index_dtype

    def call(self, x, others):
        places = ops.nonzero(ops.logical_not(ops.any(x[:, None] == others[None, :], axis=1)))[0]
        return ops.take(x, places), ops.cast(places, self.index_dtype)

    def compute_output_spec(self, x, others):
        return keras.KerasTensor((None,), dtype=x.dtype), keras.KerasTensor((None,), dtype=self.index_dtype)

    def get_config(self):
        return {**super().get_config(), "index_dtype": self.index_dtype}
