"""`EdgeAveragePooling`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class EdgeAveragePooling(layers.Layer):
    """Average pooling with padding "same" of which the edges are right on every backend.

    A window that hangs over an edge averages what lies inside, as TensorFlow has it. Keras 3.15's own layers do the
    same on TensorFlow and JAX; on PyTorch they repeat the edge and count it where the two sides are padded unequally.

    Args:
        pool_size: the window, a number per spatial axis or one for all.
        strides: the same; how far it moves.

    Shapes: [batch, ..., channels] with one to three spatial axes; each becomes size / stride, rounded up.
    """

    def __init__(self, pool_size, strides, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = pool_size
        self.strides = strides

    def call(self, x):
        rank = len(x.shape) - 2
        pool_size, strides = self._per_axis(self.pool_size, rank), self._per_axis(self.strides, rank)
        if keras.backend.backend() != "torch":
            return ops.average_pool(x, pool_size, strides, "same", data_format="channels_last")
        around = [(0, 0), *map(self._around, x.shape[1:-1], pool_size, strides), (0, 0)]
        sums, shares = (
            ops.average_pool(ops.pad(each, around), pool_size, strides, "valid", data_format="channels_last")
            for each in (x, ops.ones_like(x))
        )
        return sums / shares

    @staticmethod
    def _per_axis(number, rank):
        return (number,) * rank if isinstance(number, int) else tuple(number)

    @staticmethod
    def _around(size, window, stride):
        """How much is padded before and behind an axis."""
        missing = max((-(-size // stride) - 1) * stride + window - size, 0)
        return missing // 2, missing - missing // 2

    def compute_output_shape(self, input_shape):
        batch, *sizes, channels = input_shape
        strides = self._per_axis(self.strides, len(sizes))
        sizes = [size and -(-size // stride) for size, stride in zip(sizes, strides, strict=True)]
        return (batch, *sizes, channels)

    def get_config(self):
        return {**super().get_config(), "pool_size": self.pool_size, "strides": self.strides}
