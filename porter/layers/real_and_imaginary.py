"""`RealAndImaginary`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class RealAndImaginary(layers.Layer):
    """The real and the imaginary part of a complex tensor, as two real tensors of its shape."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, x):
        return ops.real(x), ops.imag(x)

    def compute_output_spec(self, x):
        dtype = "float64" if x.dtype == "complex128" else "float32"
        return keras.KerasTensor(x.shape, dtype=dtype), keras.KerasTensor(x.shape, dtype=dtype)
