"""keras-contrib's layers. Source: keras_contrib/layers, the file of each one's name."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow.compat.v2 as tf
import tf_keras

from porter.addons.remembered import Remembered

EPSILON = 1e-7  # Keras' own


class _Shaped(Remembered, tf_keras.layers.Layer):
    """An activation with weights of its input's shape, of one number along shared axes."""

    names: tuple[str, ...] = ()

    def __init__(self, shared_axes: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.shared = [shared_axes] if isinstance(shared_axes, int) else list(shared_axes or ())

    def build(self, input_shape: Any) -> None:
        shape = [1 if axis in self.shared else size for axis, size in enumerate(input_shape)][1:]
        self.parts = [self.add_weight(name=name, shape=tuple(shape)) for name in self.names]
        super().build(input_shape)


class PELU(_Shaped):
    """alpha (exp(x / beta) - 1) below zero, alpha / beta · x above."""

    names = ("alpha", "beta")

    def call(self, x: Any) -> Any:
        alpha, beta = self.parts
        return tf.nn.relu(x) * alpha / beta + alpha * (tf.exp(-tf.nn.relu(-x) / beta) - 1.0)


class SReLU(_Shaped):
    """The identity between two thresholds, straight lines of learned slopes outside."""

    names = ("t_left", "a_left", "t_right", "a_right")

    def call(self, x: Any) -> Any:
        left, left_slope, right, right_slope = self.parts
        right = left + tf.abs(right)
        inside = tf.minimum(tf.nn.relu(x - left), right - left) - left_slope * tf.nn.relu(left - x)
        return left + inside + tf.nn.relu(x - right) * right_slope


class Swish(Remembered, tf_keras.layers.Layer):
    """x · sigmoid(beta x). beta is a number in the configuration, or a weight where it is to be trained.

    tracked: whether Keras took a layer's variables for weights by itself, which gives a trainable beta twice. An older
    version had `initial_beta` instead, and always a weight.
    """

    def __init__(
        self, beta: float = 1.0, initial_beta: float | None = None, trainable: bool = True, tracked: bool = False,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.beta, self.older = float(beta), initial_beta is not None
        self.count = 1 if self.older else int(trainable) + int(tracked)

    def build(self, input_shape: Any) -> None:
        shape = (1,) if self.older else ()
        self.stored = [self.add_weight(name=f"scaling_factor_{place}", shape=shape) for place in range(self.count)]
        super().build(input_shape)

    def from_file(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """As many arrays as there are weights; some files have it where others have none, and none where others do."""
        if not self.stored:
            return [array for array in arrays if float(array.reshape(())) != self.beta]
        return ([*arrays, np.asarray(self.beta, "float32")] * 2)[: self.count]

    def call(self, x: Any) -> Any:
        return x * tf.sigmoid((self.stored[0] if self.stored else self.beta) * x)


class SineReLU(Remembered, tf_keras.layers.Layer):
    def __init__(self, epsilon: float = 0.0025, **kwargs: Any):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, x: Any) -> Any:
        return tf.maximum(self.epsilon * (tf.sin(x) - tf.cos(x)), x)


class CosineDense(Remembered, tf_keras.layers.Layer):
    """The cosine between (x, 1) and (kernel, bias), the bias being one more weight of each unit."""

    def __init__(self, units: int, activation: Any = None, use_bias: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.units, self.use_bias, self.activation = units, use_bias, tf_keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))
        self.bias = self.add_weight(name="bias", shape=(self.units,)) if self.use_bias else None
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        bias: Any = 0.0 if self.bias is None else self.bias
        own = tf.sqrt(tf.reduce_sum(tf.square(x), -1, keepdims=True) + (0.0 if self.bias is None else 1.0) + EPSILON)
        norm = own * tf.sqrt(tf.reduce_sum(tf.square(self.kernel), 0) + bias**2 + EPSILON)
        output = tf.tensordot(x, self.kernel, 1) / norm
        return self.activation(output if self.bias is None else output + self.bias / norm)


class CosineConvolution2D(Remembered, tf_keras.layers.Layer):
    """The same for each window of a picture.

    tracked: as in `Swish`; the kernel of ones, which sums the windows up, then is a weight and was trained.
    """

    def __init__(
        self, filters: int, kernel_size: Any, activation: Any = None, padding: str = "valid", strides: Any = (1, 1),
        data_format: str = "channels_last", use_bias: bool = True, tracked: bool = False, **kwargs: Any,
    ):  # fmt: skip
        if data_format != "channels_last":
            raise ValueError("data_format='channels_first', for which its kernels had another layout")
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides = filters, tuple(kernel_size), tuple(strides)
        self.padding, self.use_bias, self.tracked = padding.upper(), use_bias, tracked
        self.activation = tf_keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        window = (*self.kernel_size, input_shape[-1])
        self.kernel = self.add_weight(name="W", shape=(*window, self.filters))
        self.ones = self.add_weight(name="kernel_norm", shape=(*window, 1)) if self.tracked else tf.ones((*window, 1))
        self.bias = self.add_weight(name="b", shape=(self.filters,)) if self.use_bias else None
        super().build(input_shape)

    def from_file(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """The arrays with the kernel of ones, where that was no weight after all."""
        if not self.tracked or len(arrays) > 1 + self.use_bias:
            return arrays
        return [arrays[0], np.ones(self.ones.shape, "float32"), *arrays[1:]]

    def call(self, x: Any) -> Any:
        bias: Any = 0.0 if self.bias is None else self.bias
        norm = tf.sqrt(tf.reduce_sum(tf.square(self.kernel), [0, 1, 2]) + bias**2 + EPSILON)
        own = tf.nn.conv2d(tf.square(x), self.ones, self.strides, self.padding)
        own = tf.sqrt(own + (0.0 if self.bias is None else 1.0) + EPSILON)
        output = tf.nn.conv2d(x, self.kernel / norm, self.strides, self.padding) / own
        return self.activation(output if self.bias is None else output + (bias / norm) / own)


class SubPixelUpscaling(Remembered, tf_keras.layers.Layer):
    """Channels become pixels."""

    def __init__(self, scale_factor: int = 2, data_format: str = "channels_last", **kwargs: Any):
        super().__init__(**kwargs)
        self.scale_factor, self.first = scale_factor, data_format == "channels_first"

    def call(self, x: Any) -> Any:
        x = tf.transpose(x, (0, 2, 3, 1)) if self.first else x
        x = tf.nn.depth_to_space(x, self.scale_factor)
        return tf.transpose(x, (0, 3, 1, 2)) if self.first else x


class OlderCapsule(Remembered, tf_keras.layers.Layer):
    """Capsules with dynamic routing, as computed until Keras 2.2, whose batch_dot goes through capsules one by one."""

    def __init__(
        self, num_capsule: int, dim_capsule: int, routings: int = 3, share_weights: bool = True, activation: Any = None,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.num_capsule, self.dim_capsule, self.routings = num_capsule, dim_capsule, routings
        self.share_weights, self.activation = share_weights, tf_keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        first = 1 if self.share_weights else input_shape[-2]
        shape = (first, input_shape[-1], self.num_capsule * self.dim_capsule)
        self.kernel = self.add_weight(name="capsule_kernel", shape=shape)
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        given = x.shape[1] or tf.shape(x)[1]
        pattern = "bni,io->bno" if self.share_weights else "bni,nio->bno"
        votes = tf.einsum(pattern, x, self.kernel[0] if self.share_weights else self.kernel)
        votes = tf.reshape(votes, (-1, given, self.num_capsule, self.dim_capsule))
        votes = tf.transpose(votes, (0, 2, 1, 3))
        logits = tf.zeros_like(votes[:, :, :, 0])
        outputs = votes
        for step in range(self.routings):
            outputs = self._sum(tf.nn.softmax(logits, 1), votes)
            if step < self.routings - 1:
                logits = self._agreement(tf.nn.l2_normalize(outputs, -1), votes)
        return self.activation(outputs)

    def _sum(self, share: Any, votes: Any) -> Any:
        return tf.einsum("bcn,bcnd->bcd", share, votes)

    def _agreement(self, outputs: Any, votes: Any) -> Any:
        return tf.einsum("bcd,bcnd->bcn", outputs, votes)


class Capsule(OlderCapsule):
    """From Keras 2.3 on batch_dot takes all pairs of capsules, and the layer sums over one of the two."""

    def _sum(self, share: Any, votes: Any) -> Any:
        return tf.einsum("bkn,bcnd->bcd", share, votes)

    def _agreement(self, outputs: Any, votes: Any) -> Any:
        return tf.einsum("bkd,bcnd->bcn", outputs, votes)


class BatchRenormalization(Remembered, tf_keras.layers.BatchNormalization):
    """At inference a batch normalisation."""

    warning = (
        "is a BatchRenormalization: it becomes a BatchNormalization, which is the same at inference, but trains without "
        "the correction by the moving statistics"
    )
