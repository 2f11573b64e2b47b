"""`RGBToHSV`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class RGBToHSV(layers.Layer):
    """From red, green and blue to hue, saturation and value, all of them in [0, 1] where the colours are.

    Unlike `keras.ops.image.rgb_to_hsv` it takes tensors of any rank, and very dark colours as they are.

    Shapes: [..., 3] in and out.
    Source: tensorflow/core/kernels/colorspace_op.h, 1.15.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, x):
        red, green, blue = x[..., 0], x[..., 1], x[..., 2]
        value = ops.max(x, axis=-1)
        extent = value - ops.min(x, axis=-1)
        saturation = ops.where(value > 0, extent / ops.where(value > 0, value, 1), 0)
        scale = 1 / (6 * ops.where(extent > 0, extent, 1))
        hue = ops.where(green == value, scale * (blue - red) + 2 / 6, scale * (red - green) + 4 / 6)
        hue = ops.where(red == value, scale * (green - blue), hue)
        hue = ops.where(extent > 0, hue, 0)
        return ops.stack([ops.where(hue < 0, hue + 1, hue), saturation, value], axis=-1)

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=x.dtype)
