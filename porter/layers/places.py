"""`Places`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class Places(layers.Layer):
    """The places of what is not zero or False, in order, one row each.

    Shapes: [n0, n1, ...] of rank r to [count, r], int32. The count depends on the data: JAX runs this uncompiled only.
    Source: `tf.where` with one argument.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_jit = False  # a size depends on the data, which JAX cannot compile

    def call(self, x):
        places = ops.nonzero(x)  # a tuple, on PyTorch one tensor
        return ops.cast(ops.stack([places[axis] for axis in range(len(x.shape))], axis=-1), "int32")

    def compute_output_spec(self, x):
        return keras.KerasTensor((None, len(x.shape)), dtype="int32")
