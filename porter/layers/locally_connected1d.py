"""`LocallyConnected1D`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class LocallyConnected1D(layers.Layer):
    """A Conv1D without padding that has a kernel and a bias of its own for every place.

    Args:
        filters, kernel_size, strides, activation, use_bias: as in Conv1D.

    Shapes: [batch, steps, channels] to [batch, places, filters], with (steps - kernel_size) // strides + 1 places.
    Kernel [places, kernel_size * channels, filters], where channels are fastest; bias [places, filters].
    Source: tensorflow/python/keras/layers/local.py, 1.15, implementation=1; Keras 3 has no such layer.
    """

    def __init__(self, filters, kernel_size, strides=1, activation=None, use_bias=True, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides = filters, kernel_size, strides
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias

    def build(self, input_shape):
        places, _ = self.compute_output_shape(input_shape)[1:]
        width = self.kernel_size * input_shape[-1]
        self.kernel = self.add_weight(shape=(places, width, self.filters), name="kernel")
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(shape=(places, self.filters), initializer="zeros", name="bias")

    def call(self, x):
        last = x.shape[1] - self.kernel_size
        parts = [x[:, at : last + at + 1 : self.strides] for at in range(self.kernel_size)]
        y = ops.einsum("bpi,pif->bpf", ops.concatenate(parts, axis=-1), self.kernel)
        if self.bias is not None:
            y = y + self.bias
        return self.activation(y)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], (input_shape[1] - self.kernel_size) // self.strides + 1, self.filters)

    def get_config(self):
        config = {"filters": self.filters, "kernel_size": self.kernel_size, "strides": self.strides}
        config |= {"activation": keras.activations.serialize(self.activation), "use_bias": self.use_bias}
        return {**super().get_config(), **config}
