"""`TransposedConvolution`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class TransposedConvolution(layers.Layer):
    """Convolves transposed with a kernel that is an input, in one, two or three dimensions.

    A layer, because `keras.ops.conv_transpose` mixes up its arguments in Functional models (Keras 3.15).

    Args: `strides`, `padding` and `output_padding` as in `keras.layers.Conv2DTranspose`.

    Call arguments: x [batch, rows, columns, channels] and kernel [rows, columns, filters, channels].
    """

    def __init__(self, strides=1, padding="valid", output_padding=None, **kwargs):
        super().__init__(**kwargs)
        self.strides = strides
        self.padding = padding
        self.output_padding = output_padding

    def call(self, x, kernel):
        return ops.conv_transpose(x, kernel, self.strides, self.padding, self.output_padding)

    def get_config(self):
        config = {"strides": self.strides, "padding": self.padding, "output_padding": self.output_padding}
        return {**super().get_config(), **config}
