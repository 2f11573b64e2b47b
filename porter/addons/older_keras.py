"""Layers as Keras had them before it became TensorFlow's, where today's of the name compute something else."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow.compat.v2 as tf
import tf_keras

from porter.addons.remembered import Remembered


def keep_all_steps() -> Callable[[], None]:
    """Let recurrent layers collect every step from now on, until the function that this returns is called.

    Where the last step alone is wanted, tf-keras takes an array of one element that each step overwrites: an error in
    loops of TensorFlow 1.
    """
    from tf_keras.src import backend

    rnn = backend.rnn
    backend.rnn = functools.wraps(rnn)(lambda *args, **kwargs: rnn(*args, **{**kwargs, "return_all_outputs": True}))
    return functools.partial(setattr, backend, "rnn", rnn)


class OlderUpSampling2D(Remembered, tf_keras.layers.UpSampling2D):
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


class MaxoutDense(Remembered, tf_keras.layers.Layer):
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


class Highway(Remembered, tf_keras.layers.Layer):
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


class ParametricSoftplus(Remembered, tf_keras.layers.Layer):
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


class CosineMerge(Remembered, tf_keras.layers.Layer):
    """Keras 1's way "cos" of bringing two vectors together, with an axis in front of the cosine.

    Shapes: two of [batch, n] give [batch, 1, 1]. Refused: matrices, whose products Keras 1 divided by roots of what may be
    negative. Source: Keras 1.2.2, `Merge.call` and `batch_dot` of its TensorFlow backend.
    """

    def build(self, input_shape: Any) -> None:
        if [len(shape) for shape in input_shape] != [2, 2]:
            raise ValueError(f"Keras 1 has no cosine of matrices, and {self.name} takes {input_shape}")
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        x, y = inputs
        norm = tf.sqrt(_product(x, x) * _product(y, y))
        return tf.expand_dims(_product(x, y) / tf.maximum(norm, tf_keras.backend.epsilon()), 1)


def _product(x: Any, y: Any) -> Any:
    return tf.reduce_sum(x * y, 1, keepdims=True)


class OlderBatchNormalization(Remembered, tf_keras.layers.Layer):
    """Keras 1's with mode 1, over the last axis of each sample, or mode 2, over the batch at inference too.

    Source: Keras 1.2.2, `BatchNormalization.call`, which adds epsilon twice in mode 1.
    """

    def __init__(self, mode: int, axis: int = -1, epsilon: float = 1e-3, **kwargs: Any):
        super().__init__(**kwargs)
        self.mode, self.axis, self.epsilon = mode, axis, epsilon

    def build(self, input_shape: Any) -> None:
        self.size = input_shape[self.axis]
        names = ("gamma", "beta", "running_mean", "running_std")
        made = [self.add_weight(name=name, shape=(self.size,), trainable=place < 2) for place, name in enumerate(names)]
        self.gamma, self.beta = made[:2]
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        if self.mode == 1:
            mean, variance = tf.nn.moments(x, [-1], keepdims=True)
            return self.gamma * ((x - mean) / (tf.sqrt(variance + self.epsilon) + self.epsilon)) + self.beta
        axis = self.axis % x.shape.rank
        mean, variance = tf.nn.moments(x, [each for each in range(x.shape.rank) if each != axis], keepdims=True)
        shape = [self.size if each == axis else 1 for each in range(x.shape.rank)]
        gamma, beta = tf.reshape(self.gamma, shape), tf.reshape(self.beta, shape)
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, self.epsilon)
