"""Addons' pooling to a given size. Source: tensorflow_addons/layers/adaptive_pooling.py, spatial_pyramid_pooling.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow.compat.v2 as tf
import tf_keras

from porter.addons.remembered import Remembered


class AdaptivePooling(Remembered, tf_keras.layers.Layer):
    """Cuts each inner axis into so many equal parts, which its size must be a multiple of, and reduces each."""

    def __init__(
        self, reduce: Callable[..., Any], rank: int, output_size: Any, data_format: str | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.reduce = reduce
        self.sizes = [output_size] * rank if isinstance(output_size, int) else list(output_size)
        self.first = 2 if data_format == "channels_first" else 1

    def call(self, inputs: Any) -> Any:
        shape = [tf.shape(inputs)[i] if n is None else n for i, n in enumerate(inputs.shape)]
        cut, axes = shape[: self.first], []
        for bins, size in zip(self.sizes, shape[self.first :], strict=False):
            cut += [bins, size // bins]
            axes.append(len(cut) - 1)
        cut += shape[self.first + len(self.sizes) :]
        return self.reduce(tf.reshape(inputs, cut), axes)


class SpatialPyramidPooling2D(Remembered, tf_keras.layers.Layer):
    """Averages over 1×1, 2×2 … parts of a picture, one after the other; what does not divide is cut off at the end."""

    def __init__(self, bins: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.bins = [[each, each] if isinstance(each, int) else list(each) for each in bins]
        self.channels_first = data_format == "channels_first"

    def call(self, inputs: Any) -> Any:
        x = tf.transpose(inputs, (0, 2, 3, 1)) if self.channels_first else inputs
        sizes = [tf.shape(x)[i] if n is None else n for i, n in enumerate(x.shape)]
        found = []
        for rows, columns in self.bins:
            kept = x[:, : sizes[1] - sizes[1] % rows, : sizes[2] - sizes[2] % columns]
            cut = tf.reshape(kept, [-1, rows, sizes[1] // rows, columns, sizes[2] // columns, sizes[3]])
            found.append(tf.reshape(tf.reduce_mean(cut, [2, 4]), [-1, rows * columns, sizes[3]]))
        pooled = tf.concat(found, axis=1)
        return tf.transpose(pooled, (0, 2, 1)) if self.channels_first else pooled


class MaxUnpooling2D(Remembered, tf_keras.layers.Layer):
    """Puts each number back to the place in a picture from which a max pooling took it, zeros elsewhere."""

    def __init__(self, pool_size: Any = (2, 2), strides: Any = (2, 2), padding: str = "SAME", **kwargs: Any):
        super().__init__(**kwargs)
        pair = lambda size: [size, size] if isinstance(size, int) else list(size)  # noqa: E731
        self.pool_size, self.strides, self.padding = pair(pool_size), pair(strides), padding

    def call(self, updates: Any, mask: Any) -> Any:
        sizes = [tf.shape(updates)[i] if n is None else n for i, n in enumerate(updates.shape)]
        rows, columns = (
            size * stride if self.padding == "SAME" else (size - 1) * stride + window
            for size, stride, window in zip(sizes[1:3], self.strides, self.pool_size, strict=True)
        )
        count = rows * columns * sizes[3]
        places = tf.cast(mask, tf.int32) + tf.reshape(tf.range(sizes[0]), (-1, 1, 1, 1)) * count
        filled = tf.scatter_nd(
            tf.reshape(places, (-1, 1)), tf.reshape(updates, (-1,)), tf.reshape(sizes[0] * count, (1,))
        )
        return tf.reshape(filled, (sizes[0], rows, columns, sizes[3]))


def _made(reduce: Callable[..., Any], rank: int) -> Callable[..., Any]:
    return lambda **config: AdaptivePooling(reduce, rank, **config)


ADAPTIVE = {
    f"Adaptive{kind}Pooling{rank}D": _made(reduce, rank)
    for kind, reduce in (("Average", tf.reduce_mean), ("Max", tf.reduce_max))
    for rank in (1, 2, 3)
}
