"""`FakeQuantization`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class FakeQuantization(layers.Layer):
    """Rounds to the numbers that few bits can hold between two limits, which are moved so that 0 is among them.

    Args:
        num_bits: how many bits.
        narrow_range: leave out the lowest of the 2 ** num_bits numbers.

    Inputs: x, the lower and the upper limit, scalars or one for each entry of the last axis. The gradient is 1 between
        the limits and 0 outside.
    Source: tensorflow/core/kernels/fake_quant_ops_functor.h, 1.15.
    """

    def __init__(self, num_bits=8, narrow_range=False, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.num_bits = num_bits
        self.narrow_range = narrow_range

    def call(self, x, low, high):
        least, most = float(self.narrow_range), float(2**self.num_bits - 1)
        scale = (high - low) / (most - least)
        zero = ops.clip(ops.floor(least - low / ops.where(scale == 0, 1, scale) + 0.5), least, most)
        low, high = (least - zero) * scale, (most - zero) * scale
        inside = ops.clip(x, low, high)
        inverse = 1 / ops.where(scale == 0, 1, scale)  # as TensorFlow does it: the quotient may round to another number
        rounded = ops.floor((inside - low) * inverse + 0.5) * scale + low
        return inside + ops.stop_gradient(rounded - inside)

    def compute_output_spec(self, x, low, high):
        return keras.KerasTensor(x.shape, dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "num_bits": self.num_bits, "narrow_range": self.narrow_range}
