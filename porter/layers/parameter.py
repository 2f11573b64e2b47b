"""`Parameter`: a weight that belongs to no other layer."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class Parameter(layers.Layer):
    """A weight by itself: the layer's output is the weight, whatever its input holds.

    Args:
        shape: the weight's shape; it has no batch axis.
        dtype: its type, such as "float32".
        trainable: whether training changes it.
    """

    def __init__(self, shape, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.shape = tuple(shape)

    def build(self, input_shape):
        self.value = self.add_weight(
            shape=self.shape, initializer="zeros", dtype=self.dtype, trainable=self.trainable, name="value"
        )

    def call(self, x):
        # `convert_to_tensor` would give the variable itself on TensorFlow, which `ops.stack` does not take
        return ops.copy(self.value)

    def compute_output_spec(self, x):
        return keras.KerasTensor(self.shape, dtype=self.dtype)

    def get_config(self):
        return {**super().get_config(), "shape": self.shape}
