"""`BatchGather`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class BatchGather(layers.Layer):
    """Picks entries along an axis, for each sample its own: `output[b, j] = x[b, indices[b, j]]`.

    Call it with x and indices.

    Args:
        axis: the axis of x that indices count along, not before `batch_dims`.
        batch_dims: how many leading axes x and indices share.

    Shapes: x [batch, between, n, rest], indices [batch, picks] to [batch, between, picks, rest], each of these standing
        for any number of axes; sizes may be unknown.
    Source: `tf.gather` with batch_dims.
    """

    def __init__(self, axis=1, batch_dims=1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis
        self.batch_dims = batch_dims

    def call(self, x, indices):
        first, picks = self.batch_dims, len(indices.shape) - self.batch_dims
        x = ops.moveaxis(x, self.axis, first)
        shape = ops.shape(x)
        indices = ops.cast(indices, "int32")
        samples = 1
        for size in shape[:first]:
            samples = samples * size
        starts = ops.reshape(ops.arange(samples) * shape[first], (*ops.shape(indices)[:first], *[1] * picks))
        taken = ops.take(ops.reshape(x, (samples * shape[first], *shape[first + 1 :])), starts + indices, axis=0)
        between = self.axis - first
        axes = list(range(len(taken.shape)))
        axes[first : first + picks + between] = [
            *range(first + picks, first + picks + between),
            *range(first, first + picks),
        ]
        return ops.transpose(taken, axes)

    def compute_output_spec(self, x, indices):
        shape = (*x.shape[: self.axis], *indices.shape[self.batch_dims :], *x.shape[self.axis + 1 :])
        return keras.KerasTensor(shape, dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "batch_dims": self.batch_dims}
