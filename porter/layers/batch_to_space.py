"""`BatchToSpace`."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class BatchToSpace(layers.Layer):
    """Moves blocks out of the batch into the axes after it, then crops these: what `SpaceToBatch` did, undone.

    Args:
        block_shape: the block's size along each of these axes.
        crops: pairs (before, after) for each of these axes; without it they are the layer's second input,
            integers [len(block_shape), 2].

    Shapes: [batch, rows, ..., channels] to [batch / prod(block_shape), rows * block - crop, ..., channels].
    Source: tensorflow/core/kernels/batchtospace_op.cc, 1.15.
    """

    def __init__(self, block_shape, crops=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = crops is not None  # JAX cannot compile sizes that depend on the data
        self.block_shape = tuple(block_shape)
        self.crops = None if crops is None else tuple(map(tuple, crops))

    def call(self, x, crops=None):
        count = len(self.block_shape)
        batch, *sizes = ops.shape(x)
        batch = batch // int(np.prod(self.block_shape))
        rest = tuple(sizes[count:])
        x = ops.reshape(x, (*self.block_shape, batch, *sizes))
        merged = [axis for i in range(count) for axis in (count + 1 + i, i)]
        x = ops.transpose(x, (count, *merged, *range(2 * count + 1, 2 * count + 1 + len(rest))))
        sizes = [size * block for size, block in zip(sizes, self.block_shape)]
        x = ops.reshape(x, (batch, *sizes, *rest))
        crops = self.crops if crops is None else [[crops[i, 0], crops[i, 1]] for i in range(count)]
        inner = tuple(slice(before, size - after) for size, (before, after) in zip(sizes, crops))
        return x[(slice(None), *inner)]

    def compute_output_spec(self, x, crops=None):
        batch, *sizes = x.shape
        for i, block in enumerate(self.block_shape):
            known = sizes[i] is not None and crops is None
            sizes[i] = sizes[i] * block - sum(self.crops[i]) if known else None
        batch = None if batch is None else batch // int(np.prod(self.block_shape))
        return keras.KerasTensor((batch, *sizes), dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "block_shape": self.block_shape, "crops": self.crops}
