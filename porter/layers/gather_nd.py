"""`GatherNd`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class GatherNd(layers.Layer):
    """Picks entries by their places: `output[..., :] = x[indices[..., 0], indices[..., 1], ...]`.

    Call it with x and indices, integers of shape [..., depth], where depth axes of x are counted through.

    Shapes: x [n0, n1, ..., rest], indices [..., depth] to [..., rest]. Sizes may be unknown.
    Source: `tf.gather_nd`; places outside of x are not noticed.
    """

    def call(self, x, indices):
        depth = indices.shape[-1]
        shape = ops.shape(x)
        place = indices[..., 0]
        for axis in range(1, depth):
            place = place * ops.cast(shape[axis], indices.dtype) + indices[..., axis]
        return ops.take(ops.reshape(x, (-1, *shape[depth:])), place, axis=0)

    def compute_output_spec(self, x, indices):
        return keras.KerasTensor((*indices.shape[:-1], *x.shape[indices.shape[-1] :]), dtype=x.dtype)
