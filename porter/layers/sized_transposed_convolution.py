"""`SizedTransposedConvolution`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class SizedTransposedConvolution(layers.Layer):
    """Convolves transposed with a kernel that is an input, to a size that is an input too.

    Several sizes lead to the same number of steps in a strided convolution, so the way back needs to be told.

    Args: `strides` and `padding` as in `keras.layers.Conv2DTranspose`.

    Call arguments: x [batch, rows, columns, channels], kernel [rows, columns, filters, channels], and size, the four
    integers of the result's shape; five of them for three dimensions. JAX can run this but not compile it.
    """

    def __init__(self, strides=1, padding="valid", **kwargs):
        super().__init__(**kwargs)
        self.supports_jit = False  # a size depends on the data, which JAX cannot compile
        self.strides = strides
        self.padding = padding

    def call(self, x, kernel, size):
        y = ops.conv_transpose(x, kernel, self.strides, "valid")
        dimensions = len(x.shape) - 2
        strides = [self.strides] * dimensions if isinstance(self.strides, int) else self.strides
        y = ops.pad(y, [(0, 0), *((0, stride - 1) for stride in strides), (0, 0)])  # what no window reaches is 0
        cut = [slice(None)]
        for axis, stride in enumerate(strides, 1):
            whole = (ops.shape(x)[axis] - 1) * stride + kernel.shape[axis - 1]
            before = ops.maximum(whole - size[axis], 0) // 2 if self.padding == "same" else 0
            cut.append(slice(before, before + size[axis]))
        return y[tuple(cut)]

    def compute_output_spec(self, x, kernel, size):
        unknown = (None,) * (len(x.shape) - 2)
        return keras.KerasTensor((x.shape[0], *unknown, kernel.shape[-2]), dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "strides": self.strides, "padding": self.padding}
