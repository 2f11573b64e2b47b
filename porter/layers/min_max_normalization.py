"""`MinMaxNormalization`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class MinMaxNormalization(layers.Layer):
    """Scales to [0, 1]: `(x - min x) / max(x - min x)`, minimum and maximum over `axis`.

    Args:
        axis: the axes to reduce, an int or a sequence; by default all but the batch.
        epsilon: what keeps the divisor from zero. With 0, a constant input gives 0 / 0 = NaN. NaN in the input spreads
            over all that is reduced with it.
        guard: how it does so: "added" divides by maximum + epsilon, "floor" by max(maximum, epsilon), "zero" gives 0
            where the divisor is 0.
        shifted: False takes the maximum of x instead of x - min x; the result is then not in [0, 1].
        batch_coupled: must be True for an `axis` that holds the batch (0): every answer then depends on its neighbours.

    Shapes: [batch, ...] in and out.
    Source: hand-written TensorFlow 1 code.
    """

    def __init__(self, axis=None, epsilon=0.0, guard="added", shifted=True, batch_coupled=False, **kwargs):
        super().__init__(**kwargs)
        if isinstance(axis, int):
            axis = (axis,)
        self.axis = None if axis is None else tuple(axis)
        if not batch_coupled and self.axis is not None and 0 in self.axis:
            raise ValueError(f"axis 0 is the batch; set batch_coupled=True to reduce over it. Received: axis={axis}")
        if guard not in ("added", "floor", "zero"):
            raise ValueError(f'guard must be "added", "floor" or "zero". Received: guard={guard}')
        self.epsilon = epsilon
        self.guard = guard
        self.shifted = shifted
        self.batch_coupled = batch_coupled
        self.supports_masking = True

    def call(self, x):
        wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        axis = tuple(range(1, len(x.shape))) if self.axis is None else self.axis
        low = ops.min(wide, axis=axis, keepdims=True)
        high = ops.max(wide, axis=axis, keepdims=True)
        if self.shifted:
            high = high - low
        if self.guard == "zero":
            unit = ops.divide_no_nan(wide - low, high)
        elif self.guard == "floor":
            unit = (wide - low) / ops.maximum(high, self.epsilon)
        else:
            unit = (wide - low) / (high + self.epsilon)
        return ops.cast(unit, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"axis": self.axis, "epsilon": self.epsilon, "guard": self.guard, "shifted": self.shifted}
        return {**super().get_config(), **config, "batch_coupled": self.batch_coupled}
