"""`DynamicSlice`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class DynamicSlice(layers.Layer):
    """Cuts a block out of a tensor whose place and size come with the data: `x[begin : begin + size]` on every axis.

    Call it with x, begin and size, integers [rank]; a size of -1 means all that is left.

    Args:
        shape: what is known of the result's shape, None for an unknown size.

    Shapes: any x to `shape`. Where the size comes with the data, JAX can run this but not compile it.
    Source: `tf.slice`.
    """

    def __init__(self, shape, **kwargs):
        super().__init__(**kwargs)
        self.supports_jit = False  # a size depends on the data, which JAX cannot compile
        self.shape = tuple(shape)

    def call(self, x, begin, size):
        left = ops.convert_to_tensor(ops.shape(x), dtype=begin.dtype) - begin
        return ops.slice(x, begin, ops.unstack(ops.where(size < 0, left, size)))

    def compute_output_spec(self, x, begin, size):
        return keras.KerasTensor(self.shape, dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "shape": self.shape}
