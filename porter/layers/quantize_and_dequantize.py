"""`QuantizeAndDequantize`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class QuantizeAndDequantize(layers.Layer):
    """Rounds to the multiples of a step that few bits can hold; the step follows from a range.

    Args:
        num_bits: how many bits. signed: whether one of them is the sign.
        round_mode: "half_to_even" or "half_up".
        narrow_range: leave out the lowest number.
        low, high: the range; by default that of the values themselves.

    Shapes: any, in and out.
    Source: tensorflow/core/kernels/quantize_and_dequantize_op.h, 1.15.
    """

    def __init__(
        self, num_bits=8, signed=True, round_mode="half_to_even", narrow_range=False, low=None, high=None, **kwargs
    ):
        super().__init__(autocast=False, **kwargs)
        self.num_bits = num_bits
        self.signed = signed
        self.round_mode = round_mode
        self.narrow_range = narrow_range
        self.low, self.high = low, high

    def call(self, x):
        least = 0.0
        if self.signed:
            least = float(-(2 ** (self.num_bits - 1)) + self.narrow_range)
        most = float(2 ** (self.num_bits - 1) - 1 if self.signed else 2**self.num_bits - 1)
        low = ops.min(x) if self.low is None else ops.full((), self.low, dtype=x.dtype)
        high = ops.max(x) if self.high is None else ops.full((), self.high, dtype=x.dtype)
        # how many steps make 1, so that the side with the larger numbers fits
        huge = 3.4028234663852886e38
        from_low = ops.where(least * low > 0, least / ops.where(low == 0, 1, low), huge)
        from_high = ops.where(most * high > 0, most / ops.where(high == 0, 1, high), huge)
        by_low = from_low < from_high
        scale = ops.where(by_low, from_low, from_high)
        step = ops.where(by_low, low / (least or 1), high / most)
        if self.low is not None:
            x = ops.clip(x, ops.where(by_low, low, least * step), ops.where(by_low, most * step, high))
        scaled = x * scale
        rounded = ops.round(scaled) if self.round_mode == "half_to_even" else ops.floor(scaled + 0.5)
        return rounded * step

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=x.dtype)

    def get_config(self):
        config = {"num_bits": self.num_bits, "signed": self.signed, "round_mode": self.round_mode}
        config.update(narrow_range=self.narrow_range, low=self.low, high=self.high)
        return {**super().get_config(), **config}
