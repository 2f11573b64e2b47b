"""`MaxPoolingWithArgmax`."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class MaxPoolingWithArgmax(layers.Layer):
    """Max pooling that also tells where each maximum was found, the first of equal ones.

    Args:
        sizes, steps: the window and the strides, for rows and columns.
        padding: "valid" or "same".
        include_batch: count through the whole batch instead of within each image.
        index_dtype: the type of the places.

    Shapes: [batch, rows, columns, channels] to two of [batch, new rows, new columns, channels]: the maxima, and their
        places (row * columns + column) * channels + channel.
    Source: tensorflow/core/kernels/maxpooling_op.cc, 1.15.
    """

    def __init__(self, sizes, steps, padding="valid", include_batch=False, index_dtype="int64", **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.sizes, self.steps = tuple(sizes), tuple(steps)
        self.padding = padding
        self.include_batch = include_batch
        self.index_dtype = index_dtype

    def call(self, x):
        batch, rows, columns, channels = ops.shape(x)
        places = ops.reshape(ops.arange(rows * columns * channels), (1, rows, columns, channels))
        if self.padding == "same":
            paddings = [(0, 0)]
            for size, window, step in zip((rows, columns), self.sizes, self.steps):
                missing = (-(-size // step) - 1) * step + window - size
                missing = max(missing, 0) if isinstance(missing, int) else ops.maximum(missing, 0)
                paddings.append((missing // 2, missing - missing // 2))
            dtype = keras.backend.standardize_dtype(x.dtype)
            lowest = float("-inf") if "float" in dtype else int(np.iinfo(dtype).min)
            x = ops.pad(x, [*paddings, (0, 0)], constant_values=lowest)
            places = ops.pad(places, [*paddings, (0, 0)])
        sizes = ops.shape(x)[1:3]
        best = place = None
        for offset in np.ndindex(*self.sizes):
            each = zip(offset, sizes, self.sizes, self.steps)
            cut = (slice(None), *(slice(at, size - window + 1 + at, step) for at, size, window, step in each))
            if best is None:
                best, place = x[cut], places[cut] + ops.zeros_like(x[cut], dtype=places.dtype)
            else:
                larger = x[cut] > best
                best, place = ops.where(larger, x[cut], best), ops.where(larger, places[cut], place)
        if self.include_batch:
            first = ops.arange(batch) * (rows * columns * channels)
            place = place + ops.cast(ops.reshape(first, (-1, 1, 1, 1)), place.dtype)
        return best, ops.cast(place, self.index_dtype)

    def compute_output_spec(self, x):
        sizes = list(x.shape[1:3])
        for i, size in enumerate(sizes):
            if size is not None:
                sizes[i] = (size - (1 if self.padding == "same" else self.sizes[i])) // self.steps[i] + 1
        shape = (x.shape[0], *sizes, x.shape[-1])
        return keras.KerasTensor(shape, dtype=x.dtype), keras.KerasTensor(shape, dtype=self.index_dtype)

    def get_config(self):
        config = {"sizes": self.sizes, "steps": self.steps, "padding": self.padding}
        return {**super().get_config(), **config, "include_batch": self.include_batch, "index_dtype": self.index_dtype}
