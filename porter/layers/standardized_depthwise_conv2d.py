"""`StandardizedDepthwiseConv2D`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class StandardizedDepthwiseConv2D(layers.DepthwiseConv2D):
    """A DepthwiseConv2D whose kernel is standardised before each use: mean 0 and deviation 1 for each filter.

    Strides, padding, dilation, data format, bias and activation are DepthwiseConv2D's.

    Args:
        kernel_size, and all others: as DepthwiseConv2D has them.
        axis: the kernel's axes that mean and deviation are taken over: rows and columns, so that each channel has its
            own, or with a third one those of all channels too.
        epsilon: what keeps the divisor from zero.
        guard: how it does so: "variance" divides by sqrt(variance + epsilon), "deviation" by sqrt(variance) + epsilon.

    Shapes: kernel [rows, columns, channels, multiplier].
    Source: "Weight Standardization" (Qiao et al., 2019).
    """

    def __init__(self, kernel_size, axis=(0, 1), epsilon=1e-5, guard="deviation", **kwargs):
        super().__init__(kernel_size, **kwargs)
        if guard not in ("variance", "deviation"):
            raise ValueError(f'guard must be "variance" or "deviation". Received: guard={guard}')
        self.axis = tuple(axis)
        self.epsilon = epsilon
        self.guard = guard

    def call(self, inputs):
        # there is no convolution_op to put something before, as Conv2D has
        wide = ops.cast(self.kernel, keras.backend.result_type(self.kernel.dtype, "float32"))
        mean, variance = ops.moments(wide, list(self.axis), keepdims=True)
        if self.guard == "variance":
            wide = (wide - mean) / ops.sqrt(variance + self.epsilon)
        else:
            wide = (wide - mean) / (ops.sqrt(variance) + self.epsilon)
        y = ops.depthwise_conv(
            inputs,
            ops.cast(wide, inputs.dtype),
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        if self.use_bias:
            shape = (1, 1, 1, -1) if self.data_format == "channels_last" else (1, -1, 1, 1)
            y = y + ops.reshape(self.bias, shape)
        return y if self.activation is None else self.activation(y)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon, "guard": self.guard}
