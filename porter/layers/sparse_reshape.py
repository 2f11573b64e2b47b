"""`SparseReshape`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class SparseReshape(layers.Layer):
    """Where the entries of a sparse tensor stand once it has another shape.

    Inputs: places [entries, rank], the shape they count in [rank], the new shape [new rank], which may hold one -1.
    Outputs: places [entries, new rank], and the new shape without the -1.
    Source: tensorflow/core/kernels/reshape_util.cc, 1.15.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, indices, shape, new_shape):
        shape, new_shape = ops.cast(shape, indices.dtype), ops.cast(new_shape, indices.dtype)
        known = ops.prod(ops.where(new_shape < 0, 1, new_shape))
        new_shape = ops.where(new_shape < 0, ops.prod(shape) // ops.maximum(known, 1), new_shape)
        flat = ops.sum(indices * _strides(shape), axis=1, keepdims=True)
        strides = ops.maximum(_strides(new_shape), 1)
        whole = ops.concatenate([flat + 1, ops.zeros_like(flat) + strides[:-1]], axis=1)  # the first axis has no end
        places = flat % whole // strides
        if shape.shape == new_shape.shape:  # places outside of the shape stay what they are if the shape does
            places = ops.where(ops.all(shape == new_shape), indices, places)
        return places, new_shape

    def compute_output_spec(self, indices, shape, new_shape):
        rank = new_shape.shape[0]
        places = keras.KerasTensor((indices.shape[0], rank), dtype=indices.dtype)
        return places, keras.KerasTensor((rank,), dtype=indices.dtype)


def _strides(shape):
    """How far apart entries are along each axis of a tensor of this shape."""
    ones = ops.ones((1,), dtype=shape.dtype)
    return ops.flip(ops.cumprod(ops.concatenate([ones, ops.flip(shape[1:], axis=0)])), axis=0)
