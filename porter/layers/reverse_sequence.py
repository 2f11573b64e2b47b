"""`ReverseSequence`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class ReverseSequence(layers.Layer):
    """Turns round the first `lengths[i]` entries of each sample i, and leaves what comes after them.

    Call it with x and lengths.

    Args:
        axis: the axis along which entries change places.
        batch_axis: the axis that counts the samples.

    Shapes: x [batch, time, ...], lengths [batch] integers, to the shape of x; sizes may be unknown.
    Source: `tf.reverse_sequence`.
    """

    def __init__(self, axis=1, batch_axis=0, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis
        self.batch_axis = batch_axis

    def call(self, x, lengths):
        rank = len(x.shape)
        time = ops.reshape(ops.arange(ops.shape(x)[self.axis]), [-1 if i == self.axis else 1 for i in range(rank)])
        lengths = ops.reshape(ops.cast(lengths, "int32"), [-1 if i == self.batch_axis else 1 for i in range(rank)])
        place = ops.where(time < lengths, lengths - 1 - time, time)
        return ops.take_along_axis(x, ops.broadcast_to(place, ops.shape(x)), axis=self.axis)

    def compute_output_spec(self, x, lengths):
        return keras.KerasTensor(x.shape, dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "batch_axis": self.batch_axis}
