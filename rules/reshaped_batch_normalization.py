"""Batch normalisation of a reshaped tensor: vectors as images of one pixel, and virtual batches."""

from porter.rule import Knob, Scalar, Weight, require, rule
from porter.rules.batch_formula import (
    example_statistics,
    formula,
    normalizing_layer,
    of_fused,
    require_training,
)
from porter.rules.statistics import along, channel_axis, reduced_axes


@rule
def batch_normalization_of_vectors(
    tf, x, gamma: Weight, beta: Weight, mean: Weight, variance: Weight, epsilon: Scalar, training: Knob,
    trained_mean, trained_variance, trained_factor, trained_offset, unused_mean, unused_variance,
):  # fmt: skip
    """Raise a fused batch normalisation of vectors, made images of one pixel and back, to `BatchNormalization`.

    Source: tensorflow/contrib/layers/python/layers/layers.py, function _fused_batch_norm, 1.15.
    """
    pixel, unused = tf.Reshape(x).named("pixel"), (unused_mean, unused_variance)
    trained = (trained_mean, trained_variance, trained_factor, trained_offset)
    normal = formula(tf, pixel, gamma, beta, mean, variance, epsilon, training, trained, unused)
    return tf.Reshape(normal).named("vector")


@batch_normalization_of_vectors.to_keras
def _(x, gamma, beta, mean, variance, pixel, vector, fused, fused_training):
    pixel.get("shape"), vector.get("shape")
    require(fused is not None and x.rank == vector.out.rank == 2 and x.shape[1] is not None, "no vectors", vector)
    axis, epsilon = of_fused(pixel.out, fused)
    require(pixel.out.shape[1:] in ((1, 1, x.shape[1]), (x.shape[1], 1, 1)), "no images of one pixel", pixel)
    require(pixel.out.shape[axis] == vector.out.shape[1] == x.shape[1], "channels along another axis", pixel)
    if fused_training is not None:
        require_training(pixel.out, fused_training, axis, epsilon)
    axis, in_training = channel_axis(x, gamma, beta, mean, variance), fused_training is not None
    return normalizing_layer(x, axis, epsilon, gamma, beta, mean, variance, fused=in_training)(x)


@rule
def batch_normalization_of_virtual_batches(
    tf, x, gamma: Weight, beta: Weight, mean: Weight, variance: Weight, epsilon: Scalar, training: Knob,
    trained_mean, trained_variance, trained_factor, trained_offset, unused_mean, unused_variance,
):  # fmt: skip
    """Raise a batch normalisation of parts of the batch, which an axis of their own was made for, to
    `LegacyBatchNormalization`.

    Shapes: x [batch, ...], in parts [size, batch / size, ...]; gamma and beta [1, 1, 1, ..., channels].
    Left as they are: parts whose size is not a plain number.
    Source: tensorflow/python/keras/layers/normalization.py, class BatchNormalizationBase, 1.15 (virtual_batch_size).
    """
    parts, unused = tf.Reshape(x).named("parts"), (unused_mean, unused_variance)
    trained = (trained_mean, trained_variance, trained_factor, trained_offset)
    normal = formula(tf, parts, gamma, beta, mean, variance, epsilon, training, trained, unused)
    return tf.Reshape(normal).named("whole")


@batch_normalization_of_virtual_batches.to_keras
def _(x, gamma, beta, mean, variance, epsilon, training, parts, whole, batch_mean, batch_variance, trained_mean,
      trained_variance, trained_factor, trained_offset):  # fmt: skip
    parts.get("shape"), whole.get("shape")
    shape = parts.out.shape
    require(shape and len(shape) == x.rank + 1, "no axis is made for parts of the batch", parts)
    require(x.shape[0] is None and shape[0] is not None and shape[1] is None, "no parts of one size", parts)
    require(shape[2:] == x.shape[1:] == whole.out.shape[1:] and whole.out.rank == x.rank, "other shapes", whole)
    others = (trained_mean, trained_variance, trained_factor, trained_offset)
    require(not any(other is not None for other in others), "another formula in training", x)
    if batch_mean is None:  # inference alone
        axis = channel_axis(parts.out, gamma, beta, mean, variance)
        return normalizing_layer(x, axis - 1, epsilon, gamma, beta, mean, variance)(x)
    axes = reduced_axes(parts.out, batch_mean, batch_variance)
    left = [axis for axis in range(parts.out.rank) if axis not in axes]
    require(len(left) == 2 and left[0] == 1, f"statistics over the axes {axes} of the parts", parts)
    require(along(parts.out, gamma, beta, mean, variance) <= {left[1]}, "weights along other axes", parts)
    axis = channel_axis(parts.out, gamma, beta, mean, variance, axis=left[1])
    return normalizing_layer(x, axis - 1, epsilon, gamma, beta, mean, variance, virtual=shape[0])(x)


@batch_normalization_of_vectors.example("contrib.layers, fused, no gamma", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5], "x")
    beta, _, mean, variance = example_statistics(tf, 5)
    gamma, pixels = tf.constant(1.0, shape=[5]), tf.reshape(x, [-1, 1, 1, 5])
    normal = tf.cond(
        tf.placeholder(tf.bool, [], "training"),
        lambda: tf.nn.fused_batch_norm(pixels, gamma, beta, epsilon=1e-3)[0],
        lambda: tf.nn.fused_batch_norm(pixels, gamma, beta, mean, variance, 1e-3, is_training=False)[0],
    )
    return tf.reshape(normal, tf.shape(x))


@batch_normalization_of_virtual_batches.example("tf.layers, parts of three samples", "LegacyBatchNormalization")
def _(tf):
    return _of_parts(tf, lambda parts: tf.nn.moments(parts, [0, 2, 3], keepdims=True))


@batch_normalization_of_virtual_batches.counterexample(
    "statistics of each place among the parts", "LegacyBatchNormalization"
)
def _(tf):
    return _of_parts(tf, lambda parts: tf.nn.moments(parts, [1, 2, 3], keepdims=True))


def _of_parts(tf, moments):
    """As tf.layers.batch_normalization(virtual_batch_size=3) writes it; today's has no such argument."""
    x = tf.placeholder(tf.float32, [None, 4, 4, 3], "x")
    parts = tf.reshape(x, [3, -1, 4, 4, 3])
    beta, gamma, mean, variance = (tf.reshape(each, [1, 1, 1, 1, 3]) for each in example_statistics(tf, 3))
    of_parts, training = moments(parts), tf.placeholder(tf.bool, [], "training")
    mean = tf.cond(training, lambda: of_parts[0], lambda: mean)
    variance = tf.cond(training, lambda: of_parts[1], lambda: variance)
    return tf.reshape(tf.nn.batch_normalization(parts, mean, variance, beta, gamma, 1e-3), [-1, 4, 4, 3])


for each in (batch_normalization_of_virtual_batches, batch_normalization_of_vectors):
    each.place = "outside"

RULES = (batch_normalization_of_virtual_batches, batch_normalization_of_vectors)
