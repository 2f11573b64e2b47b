"""`ExtractPatches`."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class ExtractPatches(layers.Layer):
    """Puts the patch around each place into the channels, for any type, stride and dilation, exactly.

    `keras.ops.image.extract_patches` knows no strides together with dilation and multiplies by an identity matrix.

    Args:
        sizes, steps, rates: the patch's size, the strides and the dilation, one number per spatial axis.
        padding: "valid", or "same" with zeros outside.

    Shapes: [batch, rows, ..., channels] to [batch, new rows, ..., prod(sizes) * channels]; the channels are fastest.
    Source: tensorflow/core/kernels/extract_image_patches_op.cc, 1.15.
    """

    def __init__(self, sizes, steps, rates, padding="valid", **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.sizes, self.steps, self.rates = tuple(sizes), tuple(steps), tuple(rates)
        self.padding = padding

    def call(self, x):
        spans = [(size - 1) * rate + 1 for size, rate in zip(self.sizes, self.rates)]
        sizes = ops.shape(x)[1:-1]
        if self.padding == "same":
            paddings = [(0, 0)]
            for size, span, step in zip(sizes, spans, self.steps):
                missing = (-(-size // step) - 1) * step + span - size
                missing = max(missing, 0) if isinstance(missing, int) else ops.maximum(missing, 0)
                paddings.append((missing // 2, missing - missing // 2))
            x = ops.pad(x, [*paddings, (0, 0)])
            sizes = ops.shape(x)[1:-1]
        patches = []
        for offset in np.ndindex(*self.sizes):
            places = zip(offset, self.rates, sizes, spans, self.steps)
            cut = [slice(at * rate, size - span + 1 + at * rate, step) for at, rate, size, span, step in places]
            patches.append(x[(slice(None), *cut)])
        return ops.concatenate(patches, axis=-1)

    def compute_output_spec(self, x):
        sizes = list(x.shape[1:-1])
        for i, size in enumerate(sizes):
            if size is not None:
                span = 1 if self.padding == "same" else (self.sizes[i] - 1) * self.rates[i] + 1
                sizes[i] = (size - span) // self.steps[i] + 1
        return keras.KerasTensor((x.shape[0], *sizes, int(np.prod(self.sizes)) * x.shape[-1]), dtype=x.dtype)

    def get_config(self):
        config = {"sizes": self.sizes, "steps": self.steps, "rates": self.rates, "padding": self.padding}
        return {**super().get_config(), **config}
