"""`ComplexNumber`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class ComplexNumber(layers.Layer):
    """A complex tensor `real + 1j * imaginary`, of two real ones of the same shape; complex128 for float64."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, real, imaginary):
        dtype = "complex128" if keras.backend.standardize_dtype(real.dtype) == "float64" else "complex64"
        return ops.cast(real, dtype) + 1j * ops.cast(imaginary, dtype)

    def compute_output_spec(self, real, imaginary):
        return keras.KerasTensor(real.shape, dtype="complex128" if real.dtype == "float64" else "complex64")
