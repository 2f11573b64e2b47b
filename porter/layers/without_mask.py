"""`WithoutMask`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class WithoutMask(layers.Layer):
    """Passes a sequence on without the mask that the layer before it was given.

    Keras hands such a mask on to every layer that follows, for which TensorFlow 1 took all steps to count.

    Shapes: any, to the same shape.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x):
        return ops.copy(x)

    def compute_mask(self, x, previous_mask=None):
        return None
