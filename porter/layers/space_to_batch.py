"""`SpaceToBatch`."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class SpaceToBatch(layers.Layer):
    """Pads with zeros, then moves blocks of the axes after the batch into the batch.

    Args:
        block_shape: the block's size along each of these axes.
        paddings: pairs (before, after) for each of these axes; without it they are the layer's second input,
            integers [len(block_shape), 2].

    Shapes: [batch, rows, ..., channels] to [batch * prod(block_shape), (rows + padding) / block, ..., channels].
    Source: tensorflow/core/kernels/spacetobatch_op.cc, 1.15.
    """

    def __init__(self, block_shape, paddings=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = paddings is not None  # JAX cannot compile sizes that depend on the data
        self.block_shape = tuple(block_shape)
        self.paddings = None if paddings is None else tuple(map(tuple, paddings))

    def call(self, x, paddings=None):
        count = len(self.block_shape)
        paddings = self.paddings if paddings is None else [[paddings[i, 0], paddings[i, 1]] for i in range(count)]
        x = ops.pad(x, [[0, 0], *map(list, paddings), *([[0, 0]] * (len(x.shape) - count - 1))])
        batch, *sizes = ops.shape(x)
        rest = tuple(sizes[count:])
        sizes = [size // block for size, block in zip(sizes, self.block_shape)]
        split = [part for pair in zip(sizes, self.block_shape) for part in pair]
        x = ops.reshape(x, (batch, *split, *rest))
        within, between = range(2, 2 * count + 1, 2), range(1, 2 * count, 2)
        x = ops.transpose(x, (*within, 0, *between, *range(2 * count + 1, 2 * count + 1 + len(rest))))
        return ops.reshape(x, (batch * int(np.prod(self.block_shape)), *sizes, *rest))

    def compute_output_spec(self, x, paddings=None):
        batch, *sizes = x.shape
        for i, block in enumerate(self.block_shape):
            known = sizes[i] is not None and paddings is None
            sizes[i] = (sizes[i] + sum(self.paddings[i])) // block if known else None
        batch = None if batch is None else batch * int(np.prod(self.block_shape))
        return keras.KerasTensor((batch, *sizes), dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "block_shape": self.block_shape, "paddings": self.paddings}
