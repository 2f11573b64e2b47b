"""Layers as Keras had them before it became TensorFlow's, where today's of the name compute something else."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow.compat.v2 as tf
import tf_keras


def keep_all_steps() -> Callable[[], None]:
    """Let recurrent layers collect every step from now on, until the function that this returns is called.

    Where the last step alone is wanted, tf-keras takes an array of one element that each step overwrites: an error in
    loops of TensorFlow 1.
    """
    from tf_keras.src import backend

    rnn = backend.rnn
    backend.rnn = functools.wraps(rnn)(lambda *args, **kwargs: rnn(*args, **{**kwargs, "return_all_outputs": True}))
    return functools.partial(setattr, backend, "rnn", rnn)


class OlderUpSampling2D(tf_keras.layers.UpSampling2D):
    """Bilinear upsampling whose grids meet at the corner of the first pixel, not at the pixels' centres.

    Source: Keras 2.3.1, `resize_images` of its TensorFlow backend, which calls TensorFlow 1's resize_bilinear.
    """

    def call(self, inputs: Any) -> Any:
        first = self.data_format == "channels_first"
        x = tf.transpose(inputs, (0, 2, 3, 1)) if first else inputs
        sizes = [
            tf.shape(x)[axis] * factor if x.shape[axis] is None else x.shape[axis] * factor
            for axis, factor in zip((1, 2), self.size, strict=True)
        ]
        x = tf.compat.v1.image.resize_bilinear(x, sizes)
        return tf.transpose(x, (0, 3, 1, 2)) if first else x


class MaxoutDense(tf_keras.layers.Layer):
    """Keras 1's: the largest of several dense layers."""

    def __init__(self, output_dim: int, nb_feature: int = 4, use_bias: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.output_dim, self.nb_feature, self.use_bias = output_dim, nb_feature, use_bias

    def build(self, input_shape: Any) -> None:
        shape = (self.nb_feature, input_shape[-1], self.output_dim)
        self.kernel = self.add_weight(name="W", shape=shape)
        self.bias = self.add_weight(name="b", shape=(self.nb_feature, self.output_dim)) if self.use_bias else None
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        each = tf.einsum("bi,fio->bfo", x, self.kernel)
        return tf.reduce_max(each if self.bias is None else each + self.bias, axis=1)


class Highway(tf_keras.layers.Layer):
    """Keras 1's: a dense layer mixed with its own input, by a gate."""

    def __init__(self, activation: Any = None, use_bias: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation, self.use_bias = tf_keras.activations.get(activation), use_bias

    def build(self, input_shape: Any) -> None:
        size = input_shape[-1]
        self.kernels = [self.add_weight(name=name, shape=(size, size)) for name in ("W", "W_carry")]
        self.biases = [self.add_weight(name=name, shape=(size,)) for name in ("b", "b_carry") if self.use_bias]
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        both = [tf.matmul(x, kernel) for kernel in self.kernels]
        if self.use_bias:
            both = [y + bias for y, bias in zip(both, self.biases, strict=True)]
        gate = tf.sigmoid(both[1])
        return gate * self.activation(both[0]) + (1.0 - gate) * x


class ParametricSoftplus(tf_keras.layers.Layer):
    """Keras 1's: alpha · softplus(beta x)."""

    def __init__(self, alpha_init: float = 0.2, beta_init: float = 5.0, shared_axes: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.shared = list(shared_axes or ())

    def build(self, input_shape: Any) -> None:
        shape = tuple(1 if axis in self.shared else size for axis, size in enumerate(input_shape))[1:]
        self.alphas, self.betas = (self.add_weight(name=name, shape=shape) for name in ("alphas", "betas"))
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        return tf.nn.softplus(self.betas * x) * self.alphas
