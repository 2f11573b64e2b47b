"""`KernelGradient`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class KernelGradient(layers.Layer):
    """The derivative of a convolution by its kernel, summed over the batch.

    Args:
        kernel_size, strides, dilation: two numbers, or one for both.
        padding: "valid" or "same".

    Called on what was convolved, [batch, rows, columns, channels], and on what came back, [batch, ..., filters].
    Shapes: [rows of the kernel, columns of it, channels, filters].
    Source: tf.nn.conv2d_backprop_filter, 1.15.
    """

    def __init__(self, kernel_size, strides, padding="valid", dilation=(1, 1), **kwargs):
        super().__init__(**kwargs)
        self.kernel_size, self.strides, self.dilation = map(self._pair, (kernel_size, strides, dilation))
        self.padding = padding

    @staticmethod
    def _pair(number):
        return (number, number) if isinstance(number, int) else tuple(number)

    def call(self, x, dy):
        reach = [(size - 1) * rate for size, rate in zip(self.kernel_size, self.dilation)]
        left_over = [0, 0] if self.padding == "same" else reach
        places = zip(x.shape[1:3], left_over, self.strides)
        spans = [(size - more - 1) // step * step + 1 for size, more, step in places]
        if self.padding == "same":
            missing = [max(span + more - size, 0) for span, more, size in zip(spans, reach, x.shape[1:3])]
            x = ops.pad(x, [(0, 0), *((each // 2, each - each // 2) for each in missing), (0, 0)])
        parts = []
        for row in range(self.kernel_size[0]):
            for column in range(self.kernel_size[1]):
                top, left = row * self.dilation[0], column * self.dilation[1]
                cut = x[:, top : top + spans[0] : self.strides[0], left : left + spans[1] : self.strides[1]]
                parts.append(ops.einsum("bhwc,bhwo->co", cut, dy))
        return ops.reshape(ops.stack(parts), (*self.kernel_size, x.shape[-1], dy.shape[-1]))

    def compute_output_spec(self, x, dy):
        return keras.KerasTensor((*self.kernel_size, x.shape[-1], dy.shape[-1]), dtype=dy.dtype)

    def get_config(self):
        config = {"kernel_size": self.kernel_size, "strides": self.strides, "padding": self.padding}
        return {**super().get_config(), **config, "dilation": self.dilation}
