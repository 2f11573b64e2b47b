"""`L1Normalization`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class L1Normalization(layers.Layer):
    """Divides by the sum of absolute values over `axis`.

    Args:
        axis: the axes to reduce, an int or a sequence.
        epsilon: what keeps the divisor from zero. With 0, an input of zeros gives 0 / 0 = NaN.
        guard: how it does so: "floor" divides by max(sum, epsilon), "norm" by sum + epsilon.
        batch_coupled: must be True for an `axis` that holds the batch (0): every answer then depends on its neighbours.

    Shapes: [batch, ...] in and out.
    Source: hand-written TensorFlow 1 code.
    """

    def __init__(self, axis=-1, epsilon=0.0, guard="norm", batch_coupled=False, **kwargs):
        super().__init__(**kwargs)
        self.axis = (axis,) if isinstance(axis, int) else tuple(axis)
        if not batch_coupled and 0 in self.axis:
            raise ValueError(f"axis 0 is the batch; set batch_coupled=True to reduce over it. Received: axis={axis}")
        if guard not in ("floor", "norm"):
            raise ValueError(f'guard must be "floor" or "norm". Received: guard={guard}')
        self.epsilon = epsilon
        self.guard = guard
        self.batch_coupled = batch_coupled
        self.supports_masking = True

    def call(self, x):
        wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        norm = ops.sum(ops.abs(wide), axis=self.axis, keepdims=True)
        norm = ops.maximum(norm, self.epsilon) if self.guard == "floor" else norm + self.epsilon
        return ops.cast(wide / norm, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"axis": self.axis, "epsilon": self.epsilon, "guard": self.guard}
        return {**super().get_config(), **config, "batch_coupled": self.batch_coupled}
