"""`GrayscaleDilation`."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class GrayscaleDilation(layers.Layer):
    """Morphological dilation: the largest of `x + kernel` under the kernel, channel by channel.

    Args:
        steps, rates: strides and dilation, for rows and columns.
        padding: "valid", or "same", where what is outside never counts.

    Inputs: x [batch, rows, columns, channels], kernel [kernel rows, kernel columns, channels].
    Source: tensorflow/core/kernels/dilation_ops.cc, 1.15.
    """

    def __init__(self, steps=(1, 1), rates=(1, 1), padding="valid", **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.steps, self.rates = tuple(steps), tuple(rates)
        self.padding = padding

    def call(self, x, kernel):
        spans = [(size - 1) * rate + 1 for size, rate in zip(kernel.shape, self.rates)]
        sizes = ops.shape(x)[1:3]
        if self.padding == "same":
            paddings = [(0, 0)]
            for size, span, step in zip(sizes, spans, self.steps):
                missing = (-(-size // step) - 1) * step + span - size
                missing = max(missing, 0) if isinstance(missing, int) else ops.maximum(missing, 0)
                paddings.append((missing // 2, missing - missing // 2))
            x = ops.pad(x, [*paddings, (0, 0)], constant_values=float("-inf"))
            sizes = ops.shape(x)[1:3]
        result = None
        for offset in np.ndindex(*kernel.shape[:2]):
            places = zip(offset, self.rates, sizes, spans, self.steps)
            cut = [slice(at * rate, size - span + 1 + at * rate, step) for at, rate, size, span, step in places]
            raised = x[(slice(None), *cut)] + kernel[offset]
            result = raised if result is None else ops.maximum(result, raised)
        return result

    def compute_output_spec(self, x, kernel):
        sizes = list(x.shape[1:3])
        for i, size in enumerate(sizes):
            if size is not None:
                span = 1 if self.padding == "same" else (kernel.shape[i] - 1) * self.rates[i] + 1
                sizes[i] = (size - span) // self.steps[i] + 1
        return keras.KerasTensor((x.shape[0], *sizes, x.shape[-1]), dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "steps": self.steps, "rates": self.rates, "padding": self.padding}
