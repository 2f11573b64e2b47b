"""`Bincount`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class Bincount(layers.Layer):
    """Counts how often each integer occurs, or adds up the weights of its occurrences.

    Args:
        size: integers from 0 to here are counted, larger ones are not; without it, a scalar, the second input. The
            output's size then depends on a value, which a compiled model knows on TensorFlow alone.
        dtype: the type of the counts.

    Inputs: integers of any shape, the size if it is not given above, and weights of the integers' shape, if any.
    Output: [size].
    Source: tensorflow/core/kernels/bincount_op.cc, 1.15.
    """

    def __init__(self, size=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = size is not None  # JAX cannot compile sizes that depend on the data
        self.size = size

    def call(self, x, *others):
        size = others[0] if self.size is None else self.size
        weights = others[1 if self.size is None else 0 :]
        x = ops.reshape(ops.cast(x, "int32"), (-1,))
        weights = ops.reshape(weights[0], (-1,)) if weights else ops.ones_like(x)
        counts = ops.segment_sum(weights, ops.minimum(x, size), size + 1)
        return ops.cast(counts[:size], self.dtype)

    def compute_output_spec(self, x, *others):
        return keras.KerasTensor((self.size,), dtype=self.dtype)

    def get_config(self):
        return {**super().get_config(), "size": self.size}
