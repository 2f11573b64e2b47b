"""Activations that files name and Keras does not have, or has with other defaults.

Source: tensorflow_addons/activations; keras-applications (relu6, hard_swish); keras_contrib/activations/squash.py.
"""

from __future__ import annotations

from typing import Any

import tensorflow.compat.v2 as tf
import tf_keras


def gelu(x: Any, approximate: bool = True) -> Any:
    return tf.nn.gelu(x, approximate=approximate)


def mish(x: Any) -> Any:
    return x * tf.tanh(tf.math.softplus(x))


def lisht(x: Any) -> Any:
    return x * tf.tanh(x)


def tanhshrink(x: Any) -> Any:
    return x - tf.tanh(x)


def hardshrink(x: Any, lower: float = -0.5, upper: float = 0.5) -> Any:
    return x * tf.cast(tf.logical_or(x < lower, x > upper), x.dtype)


def softshrink(x: Any, lower: float = -0.5, upper: float = 0.5) -> Any:
    return tf.where(x < lower, x - lower, tf.zeros_like(x)) + tf.where(x > upper, x - upper, tf.zeros_like(x))


def snake(x: Any, frequency: float = 1.0) -> Any:
    return x + (1.0 - tf.cos(2.0 * frequency * x)) / (2.0 * frequency)


def rrelu(x: Any, lower: float = 0.125, upper: float = 1 / 3) -> Any:
    """A leaky slope that is drawn for each number in training, its mean at inference."""
    slope = tf_keras.backend.in_train_phase(
        lambda: tf.random.uniform(tf.shape(x), lower, upper), lambda: tf.fill(tf.shape(x), (lower + upper) / 2)
    )
    return tf.where(x >= 0, x, slope * x)


def sparsemax(x: Any, axis: int = -1) -> Any:
    """The point of the simplex that is nearest to x, along the last axis."""
    if axis not in (-1, x.shape.rank - 1):
        last = x.shape.rank - 1
        order = list(range(last + 1))
        order[axis], order[last] = last, axis % (last + 1)
        return tf.transpose(sparsemax(tf.transpose(x, order)), order)
    size = x.shape[-1]
    ordered = tf.nn.top_k(x, k=size).values
    sums = tf.cumsum(ordered, axis=-1)
    ranks = tf.range(1, size + 1, dtype=x.dtype)
    inside = tf.cast(1.0 + ranks * ordered > sums, x.dtype)
    count = tf.reduce_sum(inside, axis=-1, keepdims=True)
    threshold = (tf.reduce_sum(ordered * inside, axis=-1, keepdims=True) - 1.0) / count
    return tf.maximum(x - threshold, 0.0)


def relu6(x: Any) -> Any:
    return tf.nn.relu6(x)


def hard_swish(x: Any) -> Any:
    return x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0)


def squash(x: Any, axis: int = -1) -> Any:
    """keras-contrib's, for capsules."""
    square = tf.reduce_sum(tf.square(x), axis, keepdims=True) + tf_keras.backend.epsilon()
    return tf.sqrt(square) / (0.5 + square) * x


ADDED_ACTIVATIONS = {
    each.__name__: each for each in (gelu, mish, lisht, tanhshrink, hardshrink, softshrink, snake, rrelu, sparsemax)
}
ACTIVATIONS = {**ADDED_ACTIVATIONS, "relu6": relu6, "hard_swish": hard_swish, "squash": squash}
