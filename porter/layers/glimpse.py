"""`Glimpse`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class Glimpse(layers.Layer):
    """A window of each picture, at a place of its own; what lies outside of the picture is noise.

    Args:
        size: rows and columns of the window.
        centered, normalized: whether places, which are the windows' middles, count from that of the picture, in halves
            of what they count, and whether they count in parts of the picture.
        noise: "uniform" between the smallest and the largest number of the picture, "gaussian" as each channel is
            distributed, or "zero".
        seed: of the random numbers.

    Called on pictures [batch, rows, columns, channels] and places [batch, 2], rows first.
    Shapes: [batch, *size, channels].
    Source: tensorflow/core/kernels/eigen_attention.h, version 1, 1.15.
    """

    def __init__(self, size, centered=True, normalized=True, noise="uniform", seed=None, **kwargs):
        super().__init__(**kwargs)
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.centered, self.normalized, self.noise, self.seed = centered, normalized, noise, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x, places):
        rows, inside_rows = self._places(places[:, 0], ops.shape(x)[1], self.size[0])
        columns, inside_columns = self._places(places[:, 1], ops.shape(x)[2], self.size[1])
        flat = ops.reshape(x, (-1, ops.shape(x)[1] * ops.shape(x)[2], x.shape[-1]))
        at = rows[:, :, None] * ops.shape(x)[2] + columns[:, None, :]
        seen = ops.take_along_axis(flat, ops.reshape(at, (-1, self.size[0] * self.size[1], 1)), axis=1)
        seen = ops.reshape(seen, (-1, *self.size, x.shape[-1]))
        inside = ops.logical_and(inside_rows[:, :, None], inside_columns[:, None, :])[..., None]
        return ops.where(inside, seen, self._around(x, seen))

    def _places(self, place, count, window):
        """Which rows, or columns, are seen, and which of them the picture has."""
        size = ops.cast(count, place.dtype)
        place = place * size if self.normalized else place
        place = place / 2.0 + size / 2.0 if self.centered else place
        at = ops.cast(place - window / 2.0, "int32")[:, None] + ops.arange(window, dtype="int32")[None]
        return ops.clip(at, 0, count - 1), ops.logical_and(at >= 0, at < count)

    def _around(self, x, seen):
        if self.noise == "zero":
            return ops.zeros_like(seen)
        axes = (1, 2, 3) if self.noise == "uniform" else (1, 2)
        low, high = ops.min(x, axes, keepdims=True), ops.max(x, axes, keepdims=True)
        if self.noise == "uniform":
            drawn = keras.random.uniform(ops.shape(seen), seed=self.seed_generator)
            return low + ops.cast(drawn, x.dtype) * (high - low)
        drawn = keras.random.normal(ops.shape(seen), seed=self.seed_generator)
        drawn = ops.mean(x, axes, keepdims=True) + ops.cast(drawn, x.dtype) * ops.std(x, axes, keepdims=True)
        return ops.clip(drawn, low, high)

    def compute_output_spec(self, x, places):
        return keras.KerasTensor((x.shape[0], *self.size, x.shape[-1]), dtype=x.dtype)

    def get_config(self):
        config = {"size": self.size, "centered": self.centered, "normalized": self.normalized, "noise": self.noise}
        return {**super().get_config(), **config, "seed": self.seed}
