"""Addons' layers that stand for themselves. Source: tensorflow_addons/layers, the file of each one's name."""

from __future__ import annotations

from typing import Any

import tensorflow.compat.v2 as tf
import tf_keras

from porter.addons import activations
from porter.addons.remembered import Remembered


class Maxout(Remembered, tf_keras.layers.Layer):
    """The largest of each so many features: those num_units apart."""

    def __init__(self, num_units: int, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_units, self.axis = num_units, axis

    def call(self, inputs: Any) -> Any:
        axis = self.axis % inputs.shape.rank
        sizes = [tf.shape(inputs)[i] if n is None else n for i, n in enumerate(inputs.shape)]
        shape = [*sizes[:axis], sizes[axis] // self.num_units, self.num_units, *sizes[axis + 1 :]]
        return tf.reduce_max(tf.reshape(inputs, shape), axis)


class TLU(Remembered, tf_keras.layers.Layer):
    """max(x, tau), or max(x, alpha · x + tau)."""

    def __init__(self, affine: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.affine = affine

    def build(self, input_shape: Any) -> None:
        shape = tuple(input_shape[1:])
        self.tau = self.add_weight(name="tau", shape=shape)
        self.alpha = self.add_weight(name="alpha", shape=shape) if self.affine else None
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        return tf.maximum(inputs, self.tau if self.alpha is None else self.tau + self.alpha * inputs)


class GELU(Remembered, tf_keras.layers.Layer):
    def __init__(self, approximate: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.approximate = approximate

    def call(self, inputs: Any) -> Any:
        return activations.gelu(inputs, self.approximate)


class Snake(Remembered, tf_keras.layers.Layer):
    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.frequency = self.add_weight(name="frequency", shape=(), initializer="ones")

    def call(self, inputs: Any) -> Any:
        return activations.snake(inputs, self.frequency)


class Sparsemax(Remembered, tf_keras.layers.Layer):
    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        return activations.sparsemax(inputs, self.axis)


class NoisyDense(Remembered, tf_keras.layers.Layer):
    """A dense layer whose kernel is mu + sigma · eps; eps is drawn when the user asks for it, and stored."""

    def __init__(
        self, units: int, sigma: float = 0.5, use_factorised: bool | None = None, activation: Any = None,
        use_bias: bool = True, **kwargs: Any,
    ):  # fmt: skip
        if use_factorised is None:
            raise ValueError("written by an Addons before 0.13, which drew the noise anew whenever it built the layer")
        super().__init__(**kwargs)
        self.units, self.use_bias, self.activation = units, use_bias, tf_keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        self.kernel = self._noisy("kernel", (input_shape[-1], self.units))
        self.bias = self._noisy("bias", (self.units,)) if self.use_bias else None
        super().build(input_shape)

    def _noisy(self, name: str, shape: tuple[int, ...]) -> list[Any]:
        sigma, mu = (self.add_weight(name=f"{kind}_{name}", shape=shape) for kind in ("sigma", "mu"))
        return [mu, sigma, self.add_weight(name=f"eps_{name}", shape=shape, trainable=False)]

    def call(self, inputs: Any) -> Any:
        mu, sigma, noise = self.kernel
        outputs = tf.matmul(inputs, mu + sigma * noise)
        if self.bias is not None:
            mu, sigma, noise = self.bias
            outputs = tf.nn.bias_add(outputs, mu + sigma * noise)
        return self.activation(outputs)


class PolynomialCrossing(Remembered, tf_keras.layers.Layer):
    """x0 · (W x + diag_scale · x) + x + b, W maybe of low rank."""

    def __init__(
        self, projection_dim: int | None = None, diag_scale: float = 0.0, use_bias: bool = True, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.projection_dim, self.diag_scale, self.use_bias = projection_dim, diag_scale, use_bias

    def build(self, input_shape: Any) -> None:
        size = input_shape[-1][-1]
        if self.projection_dim is None:
            self.kernels = [self.add_weight(name="kernel", shape=(size, size))]
        else:
            inner = self.projection_dim
            self.kernels = [
                self.add_weight(name="kernel_u", shape=(size, inner)),
                self.add_weight(name="kernel_v", shape=(inner, size)),
            ]
        self.bias = self.add_weight(name="bias", shape=(size,)) if self.use_bias else None
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        first, x = inputs
        crossed = x
        for kernel in self.kernels:
            crossed = tf.matmul(crossed, kernel)
        if self.diag_scale:
            crossed = crossed + self.diag_scale * x
        outputs = first * crossed + x
        return outputs if self.bias is None else outputs + self.bias


class StochasticDepth(Remembered, tf_keras.layers.Layer):
    """shortcut + residual, the residual dropped as a whole in training, and scaled at inference."""

    def __init__(self, survival_probability: float = 0.5, **kwargs: Any):
        super().__init__(**kwargs)
        self.survival_probability = survival_probability

    def call(self, inputs: Any, training: Any = None) -> Any:
        shortcut, residual = inputs

        def in_training() -> Any:
            kept = tf.cast(tf.random.uniform([]) < self.survival_probability, residual.dtype)
            return shortcut + kept * residual

        at_inference = lambda: shortcut + self.survival_probability * residual  # noqa: E731
        return tf_keras.backend.in_train_phase(in_training, at_inference, training)


class PoincareNormalize(Remembered, tf_keras.layers.Layer):
    """x scaled down to a norm of 1 - epsilon at most."""

    def __init__(self, axis: Any = 1, epsilon: float = 1e-5, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, epsilon

    def call(self, inputs: Any) -> Any:
        inverse = tf.math.rsqrt(tf.reduce_sum(tf.square(inputs), self.axis, keepdims=True))
        return inputs * tf.minimum((1.0 - self.epsilon) * inverse, 1.0)


class NetVLAD(Remembered, tf_keras.layers.Layer):
    """Frames assigned softly to clusters; their differences from the centres, summed and normalised twice."""

    def __init__(self, num_clusters: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_clusters = num_clusters

    def build(self, input_shape: Any) -> None:
        self.fc = tf_keras.layers.Dense(self.num_clusters, activation="softmax")
        self.centers = self.add_weight(name="cluster_centers", shape=(1, input_shape[-1], self.num_clusters))
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        size, frames = inputs.shape[-1], tf.shape(inputs)[1]
        share = tf.reshape(self.fc(tf.reshape(inputs, (-1, size))), (-1, frames, self.num_clusters))
        centers = tf.reduce_sum(share, axis=-2, keepdims=True) * self.centers
        sums = tf.transpose(tf.matmul(tf.transpose(share, (0, 2, 1)), inputs), (0, 2, 1))
        flat = tf.reshape(tf.nn.l2_normalize(sums - centers, 1), (-1, size * self.num_clusters))
        return tf.nn.l2_normalize(flat, 1)


class EmbeddingBag(Remembered, tf_keras.layers.Layer):
    """Rows of a table, summed or averaged over the last axis of the indices; a sum may have weights."""

    def __init__(self, input_dim: int, output_dim: int, mask_zero: bool = False, combiner: str = "sum", **kwargs: Any):
        super().__init__(**kwargs)
        self.shape, self.supports_masking, self.combiner = (input_dim, output_dim), mask_zero, combiner

    def build(self, input_shape: Any) -> None:
        self.embeddings = self.add_weight(name="embeddings", shape=self.shape)
        super().build(input_shape)

    def call(self, indices: Any, weights: Any = None) -> Any:
        rows = tf.gather(self.embeddings, indices)
        rows = rows if weights is None else rows * tf.expand_dims(weights, -1)
        return tf.reduce_mean(rows, -2) if self.combiner == "mean" else tf.reduce_sum(rows, -2)
