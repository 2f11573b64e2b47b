"""`InstanceNormalization`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class InstanceNormalization(layers.Layer):
    """Normalises each sample by itself, epsilon beside the deviation: `(x - mean) / (std + epsilon) * gamma + beta`.

    Where epsilon is added to the variance, `keras.layers.GroupNormalization(groups=-1)` is the layer to use.

    Args:
        axis: the axis of the channels, which keep statistics of their own; None reduces all axes but the batch, and has
            one gamma and one beta for everything.
        epsilon: added to the standard deviation.
        center: whether there is a beta. scale: whether there is a gamma.

    Shapes: [batch, ...] in and out; gamma and beta [channels], or [1] where axis is None.
    Source: keras-contrib's InstanceNormalization.
    """

    def __init__(self, axis=None, epsilon=0.001, center=True, scale=True, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.supports_masking = True

    def build(self, input_shape):
        shape = (1,) if self.axis is None else (input_shape[self.axis],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma") if self.scale else None
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta") if self.center else None

    def call(self, x):
        wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        rank = len(x.shape)
        kept = (0,) if self.axis is None else (0, self.axis % rank)
        axes = [axis for axis in range(rank) if axis not in kept]
        shape = [-1 if axis in kept[1:] else 1 for axis in range(rank)]
        mean, variance = ops.moments(wide, axes, keepdims=True)
        wide = (wide - mean) / (ops.sqrt(variance) + self.epsilon)
        if self.scale:
            wide = wide * ops.reshape(ops.cast(self.gamma, wide.dtype), shape)
        if self.center:
            wide = wide + ops.reshape(ops.cast(self.beta, wide.dtype), shape)
        return ops.cast(wide, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"axis": self.axis, "epsilon": self.epsilon, "center": self.center, "scale": self.scale}
        return {**super().get_config(), **config}
