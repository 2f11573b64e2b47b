"""`AdjustHue`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class AdjustHue(layers.Layer):
    """Turns the hue of colours, smallest and largest component staying as they are.

    Args:
        delta: how far, as a share of the full circle; without it, a scalar, the layer's second input.

    Shapes: [..., 3] in and out.
    Source: tensorflow/core/kernels/adjust_hue_op.cc, 1.15.
    """

    def __init__(self, delta=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.delta = delta

    def call(self, x, delta=None):
        delta = self.delta if delta is None else delta
        red, green, blue = x[..., 0], x[..., 1], x[..., 2]
        low, high = ops.min(x, axis=-1), ops.max(x, axis=-1)
        extent = high - low
        scale = 1 / ops.where(extent > 0, extent, 1)
        hue = ops.where(green == high, (blue - red) * scale + 2, (red - green) * scale + 4)
        hue = ops.where(red == high, (green - blue) * scale, hue)
        hue = ops.mod(hue + delta * 6, 6)
        parts = ops.abs(hue - 3) - 1, 2 - ops.abs(hue - 2), 2 - ops.abs(hue - 4)
        return ops.stack([low + extent * ops.clip(part, 0, 1) for part in parts], axis=-1)

    def compute_output_spec(self, x, delta=None):
        return keras.KerasTensor(x.shape, dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "delta": self.delta}
