"""`WeightStandardization`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class WeightStandardization(layers.Wrapper):
    """Wraps a layer whose kernel is standardised before each use: mean 0 and deviation 1 over some of its axes.

    For convolutions over all axes but the filters' there are `StandardizedConv2D` and its like; this is for dense and
    transposed ones, and for other axes.

    Args:
        layer: one with a `kernel`, such as `keras.layers.Dense(8)` or `keras.layers.Conv2DTranspose(8, 3)`.
        axis: the kernel's axes that mean and deviation are taken over; by default all but the last.
        epsilon: what keeps the divisor from zero.
        guard: how it does so: "variance" divides by sqrt(variance + epsilon), "deviation" by sqrt(variance) + epsilon.

    Shapes: those of the wrapped layer.
    Source: "Weight Standardization" (Qiao et al., 2019).
    """

    def __init__(self, layer, axis=None, epsilon=1e-5, guard="deviation", **kwargs):
        super().__init__(layer, **kwargs)
        if guard not in ("variance", "deviation"):
            raise ValueError(f'guard must be "variance" or "deviation". Received: guard={guard}')
        self.axis = axis if axis is None or isinstance(axis, int) else tuple(axis)
        self.epsilon = epsilon
        self.guard = guard

    def standardized_kernel(self):
        kernel = ops.cast(self.layer.kernel, keras.backend.result_type(self.layer.kernel.dtype, "float32"))
        axis = tuple(range(len(kernel.shape) - 1)) if self.axis is None else self.axis
        mean = ops.mean(kernel, axis=axis, keepdims=True)
        variance = ops.mean(ops.square(kernel - mean), axis=axis, keepdims=True)
        if self.guard == "variance":
            return (kernel - mean) / ops.sqrt(variance + self.epsilon)
        return (kernel - mean) / (ops.sqrt(variance) + self.epsilon)

    def call(self, x):
        kernel, layer = self.standardized_kernel(), self.layer
        trained, fixed = (
            [kernel if each is layer.kernel else each for each in variables]
            for variables in (layer.trainable_variables, layer.non_trainable_variables)
        )
        return layer.stateless_call(trained, fixed, x)[0]

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon, "guard": self.guard}
