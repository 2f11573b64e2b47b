"""`StandardizedConv1D`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class StandardizedConv1D(layers.Conv1D):
    """A Conv1D whose kernel is standardised before each use: mean 0 and deviation 1 for each filter.

    Strides, padding, dilation, groups, data format, bias and activation are Conv1D's.

    Args:
        filters, kernel_size, and all others: as Conv1D has them.
        epsilon: what keeps the divisor from zero.
        guard: how it does so: "variance" divides by sqrt(variance + epsilon), "deviation" by sqrt(variance) + epsilon.

    Shapes: kernel [steps, channels / groups, filters], standardised over all axes but the last.
    Source: "Weight Standardization" (Qiao et al., 2019).
    """

    def __init__(self, filters, kernel_size, epsilon=1e-5, guard="deviation", **kwargs):
        super().__init__(filters, kernel_size, **kwargs)
        if guard not in ("variance", "deviation"):
            raise ValueError(f'guard must be "variance" or "deviation". Received: guard={guard}')
        self.epsilon = epsilon
        self.guard = guard

    def call(self, inputs):
        return super(layers.Conv1D, self).call(inputs)  # Conv1D's own call passes convolution_op by

    def convolution_op(self, inputs, kernel):
        wide = ops.cast(kernel, keras.backend.result_type(kernel.dtype, "float32"))
        mean, variance = ops.moments(wide, [0, 1], keepdims=True)
        if self.guard == "variance":
            wide = (wide - mean) / ops.sqrt(variance + self.epsilon)
        else:
            wide = (wide - mean) / (ops.sqrt(variance) + self.epsilon)
        padding = self.padding
        if padding == "causal":
            zeros = [self.dilation_rate[0] * (self.kernel_size[0] - 1), 0]
            inputs = ops.pad(
                inputs, [[0, 0], zeros, [0, 0]] if self.data_format == "channels_last" else [[0, 0], [0, 0], zeros]
            )
            padding = "valid"
        return ops.conv(
            inputs,
            ops.cast(wide, kernel.dtype),
            strides=list(self.strides),
            padding=padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon, "guard": self.guard}
