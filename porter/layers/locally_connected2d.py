"""`LocallyConnected2D`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class LocallyConnected2D(layers.Layer):
    """A Conv2D without padding that has a kernel and a bias of its own for every place.

    Args:
        filters, activation, use_bias: as in Conv2D.
        kernel_size, strides: a number, or one for rows and one for columns.

    Shapes: [batch, rows, columns, channels] to [batch, new rows, new columns, filters]. Kernel [new rows * new columns,
    kernel rows * kernel columns * channels, filters], where channels are fastest; bias
    [new rows, new columns, filters].
    Source: tensorflow/python/keras/layers/local.py, 1.15, implementation=1; Keras 3 has no such layer.
    """

    def __init__(self, filters, kernel_size, strides=1, activation=None, use_bias=True, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
        self.strides = (strides, strides) if isinstance(strides, int) else tuple(strides)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias

    def build(self, input_shape):
        rows, columns, _ = self.compute_output_shape(input_shape)[1:]
        width = self.kernel_size[0] * self.kernel_size[1] * input_shape[-1]
        self.kernel = self.add_weight(shape=(rows * columns, width, self.filters), name="kernel")
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(shape=(rows, columns, self.filters), initializer="zeros", name="bias")

    def call(self, x):
        last_row, last_column = (size - own for size, own in zip(x.shape[1:3], self.kernel_size))
        parts = [
            x[:, row : last_row + row + 1 : self.strides[0], column : last_column + column + 1 : self.strides[1]]
            for row in range(self.kernel_size[0])
            for column in range(self.kernel_size[1])
        ]
        _, rows, columns, _ = self.compute_output_shape(x.shape)
        patches = ops.reshape(ops.concatenate(parts, axis=-1), (-1, *self.kernel.shape[:2]))
        y = ops.reshape(ops.einsum("bpi,pif->bpf", patches, self.kernel), (-1, rows, columns, self.filters))
        if self.bias is not None:
            y = y + self.bias
        return self.activation(y)

    def compute_output_shape(self, input_shape):
        sizes = zip(input_shape[1:3], self.kernel_size, self.strides)
        return (input_shape[0], *((size - own) // step + 1 for size, own, step in sizes), self.filters)

    def get_config(self):
        config = {"filters": self.filters, "kernel_size": self.kernel_size, "strides": self.strides}
        config |= {"activation": keras.activations.serialize(self.activation), "use_bias": self.use_bias}
        return {**super().get_config(), **config}
