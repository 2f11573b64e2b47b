"""`AveragePoolingGradient`."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class AveragePoolingGradient(layers.Layer):
    """The derivative of average pooling: what came back for a window is spread evenly over what lies in it.

    Args:
        size: the rows and columns of what was pooled.
        pool_size, strides: the window and how far it moves, two numbers or one for both.
        padding: "valid" or "same"; what lies outside was not counted.

    Shapes: [batch, windows down, windows across, channels] to [batch, rows, columns, channels].
    Source: tensorflow/core/kernels/avgpooling_op.cc, 1.15.
    """

    def __init__(self, size, pool_size, strides, padding="valid", **kwargs):
        super().__init__(**kwargs)
        self.size, self.pool_size, self.strides = map(self._pair, (size, pool_size, strides))
        self.padding = padding

    @staticmethod
    def _pair(number):
        return (number, number) if isinstance(number, int) else tuple(number)

    def call(self, dy):
        for axis in (0, 1):
            dy = self._spread(dy, axis)
        return dy

    def _spread(self, dy, axis):
        """Along one axis, as a product with what share each entry has of each window."""
        size, pool, step, count = self.size[axis], self.pool_size[axis], self.strides[axis], self._windows(axis)
        first = max((count - 1) * step + pool - size, 0) // 2 if self.padding == "same" else 0
        shares = np.zeros((count, size), "float32")
        for window in range(count):
            inside = slice(max(window * step - first, 0), min(window * step - first + pool, size))
            shares[window, inside] = 1 / max(inside.stop - inside.start, 1)
        return ops.einsum("bhwc,hx->bxwc" if axis == 0 else "bhwc,wx->bhxc", dy, ops.cast(shares, dy.dtype))

    def _windows(self, axis):
        size, pool, step = self.size[axis], self.pool_size[axis], self.strides[axis]
        return -(-size // step) if self.padding == "same" else (size - pool) // step + 1

    def compute_output_spec(self, dy):
        return keras.KerasTensor((dy.shape[0], *self.size, dy.shape[-1]), dtype=dy.dtype)

    def get_config(self):
        config = {"size": self.size, "pool_size": self.pool_size, "strides": self.strides, "padding": self.padding}
        return {**super().get_config(), **config}
