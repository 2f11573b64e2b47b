"""`Digamma`."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class Digamma(layers.Layer):
    """The derivative of the logarithm of the gamma function, by its asymptotic series.

    Shapes: any, in and out. NaN at 0 and the negative integers.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, x):
        # for numbers below 1/2 by reflection: digamma(1 - x) - digamma(x) = pi / tan(pi x)
        below = x < 0.5
        z = ops.where(below, 1 - x, x)
        # digamma(z) = digamma(z + 1) - 1 / z, until z is large enough for the series
        result = ops.zeros_like(z)
        for _ in range(10):
            small = z < 10
            result = ops.where(small, result - 1 / z, result)
            z = ops.where(small, z + 1, z)
        square = 1 / (z * z)
        series = square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square / 240)))
        result = result + ops.log(z) - 0.5 / z - series
        part = x - ops.round(x)  # exact, so that the tangent is as good next to a pole as elsewhere
        reflected = result - np.float32(np.pi) / ops.tan(np.float32(np.pi) * part)
        result = ops.where(below, reflected, result)
        return ops.where(ops.logical_and(below, part == 0), ops.cast(float("nan"), x.dtype), result)

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=x.dtype)
