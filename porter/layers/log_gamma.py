"""`LogGamma`."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class LogGamma(layers.Layer):
    """The logarithm of the absolute value of the gamma function, by Lanczos' approximation (g = 7, n = 9).

    Shapes: any, in and out.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, x):
        # for numbers below 1/2 by reflection: gamma(x) gamma(1 - x) = pi / sin(pi x)
        below = x < 0.5
        z = ops.where(below, -x, x - 1)
        series = LANCZOS[0] + sum(each / (z + place) for place, each in enumerate(LANCZOS[1:], 1))
        # log(z + 7.5) with the rounding of the logarithm kept apart
        logarithm = ops.log1p(z / 7.5) + np.log(7.5).astype("float32")
        result = (
            (z + 0.5 - (z + 7.5) / logarithm) * logarithm + 0.5 * np.log(2 * np.pi).astype("float32") + ops.log(series)
        )
        part = ops.abs(x) - ops.floor(ops.abs(x))
        sine = ops.log(ops.sin(np.float32(np.pi) * ops.where(part > 0.5, 1 - part, part)))
        reflected = ops.where(ops.isfinite(sine), np.log(np.pi).astype("float32") - sine - result, -sine)
        result = ops.where(below, reflected, result)
        return ops.where(ops.isinf(x), ops.cast(float("inf"), x.dtype), result)

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=x.dtype)


LANCZOS = (
    0.99999999999980993, 676.520368121885098567, -1259.139216722402870, 771.323428777653088, -176.615029162140599,
    12.507343278686904814, -0.138571095265720116, 9.984369578019570859e-6, 1.505632735149311558e-7,
)  # fmt: skip
