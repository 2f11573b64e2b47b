"""`BatchStatisticsNormalization`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class BatchStatisticsNormalization(layers.Layer):
    """Batch normalisation by the batch's own statistics: `(x - mean) / sqrt(variance + epsilon) * gamma + beta`.

    There are no moving averages, so that every answer depends on its neighbours in the batch, in inference too. It is
    what TensorFlow 1's batch normalisation computes where training was fixed to True.

    Args:
        axis: the axis of the channels, which keep statistics of their own; all other axes are reduced.
        epsilon: added to the variance.
        center: whether there is a beta. scale: whether there is a gamma.

    Shapes: [batch, ..., channels] in and out; gamma and beta hold one number per channel.
    """

    def __init__(self, axis=-1, epsilon=0.001, center=True, scale=True, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.supports_masking = True

    def build(self, input_shape):
        shape = (input_shape[self.axis],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma") if self.scale else None
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta") if self.center else None

    def call(self, x):
        wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        axis = self.axis % len(x.shape)
        mean, variance = ops.moments(wide, [each for each in range(len(x.shape)) if each != axis], keepdims=True)
        shape = [-1 if each == axis else 1 for each in range(len(x.shape))]
        factor = ops.rsqrt(variance + self.epsilon)
        if self.scale:
            factor = factor * ops.reshape(ops.cast(self.gamma, wide.dtype), shape)
        wide = (wide - mean) * factor
        if self.center:
            wide = wide + ops.reshape(ops.cast(self.beta, wide.dtype), shape)
        return ops.cast(wide, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"axis": self.axis, "epsilon": self.epsilon, "center": self.center, "scale": self.scale}
        return {**super().get_config(), **config}
