"""`CumulativeLogSumExp`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class CumulativeLogSumExp(layers.Layer):
    """The logarithm of the sum of the exponentials of all entries up to each one, along one axis.

    Args:
        axis: the axis.
        reverse: count from the end.

    Shapes: any, in and out.
    Source: tf.math.cumulative_logsumexp.
    """

    def __init__(self, axis, reverse=False, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.axis = axis
        self.reverse = reverse

    def call(self, x):
        return ops.associative_scan(ops.logaddexp, x, reverse=self.reverse, axis=self.axis)

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "reverse": self.reverse}
