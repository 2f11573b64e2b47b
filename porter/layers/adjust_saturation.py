"""`AdjustSaturation`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class AdjustSaturation(layers.Layer):
    """Multiplies the saturation of colours, which stays within [0, 1]; hue and value are kept.

    Args:
        factor: by how much; without it, a scalar, the layer's second input.

    Shapes: [..., 3] in and out.
    Source: tensorflow/core/kernels/adjust_saturation_op.cc, 1.15.
    """

    def __init__(self, factor=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.factor = factor

    def call(self, x, factor=None):
        factor = self.factor if factor is None else factor
        value = ops.max(x, axis=-1, keepdims=True)
        extent = value - ops.min(x, axis=-1, keepdims=True)
        saturation = ops.where(value > 0, extent / ops.where(value > 0, value, 1), 0)
        # 1 for the component that is the value, 0 for the smallest
        share = ops.where(extent > 0, 1 - (value - x) / ops.where(extent > 0, extent, 1), 1)
        return value * (1 - ops.clip(saturation * factor, 0, 1) * (1 - share))

    def compute_output_spec(self, x, factor=None):
        return keras.KerasTensor(x.shape, dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
