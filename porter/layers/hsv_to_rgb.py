"""`HSVToRGB`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class HSVToRGB(layers.Layer):
    """From hue, saturation and value to red, green and blue.

    Shapes: [..., 3] in and out.
    Source: tensorflow/core/kernels/colorspace_op.h, 1.15.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, x):
        hue, saturation, value = x[..., 0] * 6, x[..., 1], x[..., 2]
        red = ops.clip(ops.abs(hue - 3) - 1, 0, 1)
        green = ops.clip(2 - ops.abs(hue - 2), 0, 1)
        blue = ops.clip(2 - ops.abs(hue - 4), 0, 1)
        return ops.stack([(1 - saturation + saturation * each) * value for each in (red, green, blue)], axis=-1)

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=x.dtype)
