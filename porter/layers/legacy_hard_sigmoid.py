"""`legacy_hard_sigmoid`."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="porter")
def legacy_hard_sigmoid(x):
    """The hard sigmoid of Keras 1 and 2, with a slope of 1/5; Keras 3 has one of 1/6."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)
