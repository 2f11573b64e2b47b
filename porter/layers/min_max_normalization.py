"""`MinMaxNormalization`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class MinMaxNormalization(layers.Layer):
    """Scales to [0, 1]: `(x - min x) / (max(x - min x) + epsilon)`, minimum and maximum over `axis`.

    Args:
        axis: the axes to reduce, an int or a sequence; by default all but the batch.
        epsilon: added to the maximum. With 0, a constant input gives 0 / 0 = NaN.
        shifted: False takes the maximum of x instead of x - min x; the result is then not in [0, 1].
        batch_coupled: must be True for an `axis` that holds the batch (0): every answer then depends on its neighbours.

    Shapes: [batch, ...] in and out.
    """

    def __init__(self, axis=None, epsilon=0.0, shifted=True, batch_coupled=False, **kwargs):
        super().__init__(**kwargs)
        if isinstance(axis, int):
            axis = (axis,)
        self.axis = None if axis is None else tuple(axis)
        if not batch_coupled and self.axis is not None and 0 in self.axis:
            raise ValueError(f"axis 0 is the batch; set batch_coupled=True to reduce over it. Received: axis={axis}")
        self.epsilon = epsilon
        self.shifted = shifted
        self.batch_coupled = batch_coupled

    def call(self, x):
        axis = tuple(range(1, len(x.shape))) if self.axis is None else self.axis
        low = ops.min(x, axis=axis, keepdims=True)
        high = ops.max(x - low if self.shifted else x, axis=axis, keepdims=True)
        return (x - low) / (high + self.epsilon)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"axis": self.axis, "epsilon": self.epsilon, "shifted": self.shifted}
        return {**super().get_config(), **config, "batch_coupled": self.batch_coupled}
