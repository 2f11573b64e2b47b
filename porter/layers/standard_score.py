"""`StandardScore`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class StandardScore(layers.Layer):
    """Takes off the mean and divides by the standard deviation, both over `axis`: a z-score.

    Args:
        axis: the axes to reduce, an int or a sequence; by default all but the batch.
        epsilon: what keeps the divisor from zero. With 0, a constant input gives 0 / 0 = NaN.
        guard: how it does so: "variance" divides by sqrt(variance + epsilon), "deviation" by sqrt(variance) + epsilon,
            "floor" by max(sqrt(variance), epsilon).
        batch_coupled: must be True for an `axis` that holds the batch (0): every answer then depends on its neighbours.

    Shapes: [batch, ...] in and out.
    Source: hand-written TensorFlow 1 code; tf.image.per_image_standardization ("floor").
    """

    def __init__(self, axis=None, epsilon=0.0, guard="variance", batch_coupled=False, **kwargs):
        super().__init__(**kwargs)
        if isinstance(axis, int):
            axis = (axis,)
        self.axis = None if axis is None else tuple(axis)
        if not batch_coupled and self.axis is not None and 0 in self.axis:
            raise ValueError(f"axis 0 is the batch; set batch_coupled=True to reduce over it. Received: axis={axis}")
        if guard not in ("variance", "deviation", "floor"):
            raise ValueError(f'guard must be "variance", "deviation" or "floor". Received: guard={guard}')
        self.epsilon = epsilon
        self.guard = guard
        self.batch_coupled = batch_coupled
        self.supports_masking = True

    def call(self, x):
        wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        axis = tuple(range(1, len(x.shape))) if self.axis is None else self.axis
        mean = ops.mean(wide, axis=axis, keepdims=True)
        centred = wide - mean
        variance = ops.mean(ops.square(centred), axis=axis, keepdims=True)
        if self.guard == "variance":
            deviation = ops.sqrt(variance + self.epsilon)
        elif self.guard == "deviation":
            deviation = ops.sqrt(variance) + self.epsilon
        else:
            deviation = ops.maximum(ops.sqrt(variance), self.epsilon)
        return ops.cast(centred / deviation, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"axis": self.axis, "epsilon": self.epsilon, "guard": self.guard}
        return {**super().get_config(), **config, "batch_coupled": self.batch_coupled}
