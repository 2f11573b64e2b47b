"""Layer and instance normalisation, and batch normalisation whose statistics are always the batch's."""

from porter.rule import Scalar, Weight, porter_layers, require, rule, warn
from porter.rules.statistics import (
    along,
    axis_argument,
    count,
    couples,
    fits,
    flat,
    from_end,
    gamma_and_beta,
    groups_layer,
    normalized,
    other_dtype,
    over_axes,
    own_axes,
    own_moments,
    unless,
    with_weights,
)

TRAINING_FIXED = (
    "{}: batch normalisation with training fixed to True: at inference too the original takes mean and variance of what "
    "it is given, and no moving averages"
)


@rule
def normalization(tf, x, gamma: Weight, beta: Weight, epsilon: Scalar):
    """Raise (x - mean) / sqrt(variance + epsilon) * gamma + beta, statistics from x itself.

    What it becomes follows from the axes: `LayerNormalization` where gamma and beta lie along the reduced axes,
    `GroupNormalization` where they lie along the channels (one group over everything: contrib's layer_norm; as many
    groups as channels: instance_norm), `BatchStatisticsNormalization` or `StandardScore` over the batch.
    Source: tf.contrib.layers layer_norm and instance_norm, tf.keras LayerNormalization, TensorFlow Addons, 1.0 to 1.15.
    """
    return normalized(tf, x, *own_moments(tf, x), gamma, beta, epsilon)


@normalization.to_keras
def _(x, gamma, beta, epsilon, batch_mean, batch_variance, batch_mean_rest, squeezed_mean, squeezed_variance):
    axes = own_axes(x, batch_mean, batch_variance, batch_mean_rest, squeezed_mean, squeezed_variance)
    gamma, beta = unless(gamma, 1.0), unless(beta, 0.0)
    if couples(x, axes):
        return _over_batch(x, axes, epsilon, gamma, beta)
    return _of_sample(x, axes, epsilon, gamma, beta)


@rule
def fused_with_batch_statistics(tf, x, gamma: Weight, beta: Weight, unused_mean, unused_variance):
    """Raise a FusedBatchNorm in which training is fixed to True to `BatchStatisticsNormalization`.

    Where its statistics are each sample's own, to `GroupNormalization` with as many groups as channels.
    """
    return tf.FusedBatchNorm(x, gamma, beta, unused_mean, unused_variance).named("fused")


@fused_with_batch_statistics.to_keras
def _(x, gamma, beta, fused):
    fused.get("exponential_avg_factor")
    require(fused.get("is_training", True), "moving statistics", fused)
    channels_first = fused.get("data_format", "NHWC").startswith("NC")
    axis, epsilon = 1 if channels_first else x.rank - 1, fused.get("epsilon", 1e-4)
    gamma, beta = unless(gamma, 1.0), unless(beta, 0.0)
    if fused.get("per_sample"):
        warn(TRAINING_FIXED.format(x.name))
        return groups_layer(x, -1, axis, epsilon, gamma, beta)
    return _batch_statistics(x, axis, epsilon, gamma, beta)


def _of_sample(x, axes, epsilon, gamma, beta):
    """The layer for statistics of each sample by itself."""
    weights = [weight for weight in (gamma, beta) if weight is not None]
    rest = tuple(axis for axis in range(1, x.rank) if axis not in axes)
    of_channels = len(rest) == 1 and x.rank > 2 and x.shape[rest[0]] is not None
    if of_channels and (weights or axes != (x.rank - 1,)):
        channels = (x.shape[rest[0]],)
        if all(fits(x, weight, rest, channels) for weight in weights):
            return groups_layer(x, -1, rest[0], epsilon, gamma, beta)
    sizes = tuple(x.shape[axis] for axis in axes)
    if all(fits(x, weight, axes, sizes) for weight in weights):
        return over_axes(x, axes, epsilon, gamma and gamma.reshape(sizes), beta and beta.reshape(sizes))
    channels = (x.shape[-1],)
    if not rest and all(fits(x, weight, (x.rank - 1,), channels) for weight in weights):
        return groups_layer(x, 1, x.rank - 1, epsilon, gamma, beta)
    return with_weights(over_axes(x, axes, epsilon, None, None), gamma, beta)


def _over_batch(x, axes, epsilon, gamma, beta):
    """The layer for statistics over the batch: per channel, as in batch normalisation, or over more."""
    left = [axis for axis in range(x.rank) if axis not in axes]
    weighted = gamma is not None or beta is not None
    if len(left) == 1 and (weighted or x.rank == 2) and along(x, gamma, beta) <= set(left):
        return _batch_statistics(x, left[0], epsilon, gamma, beta)
    score = porter_layers.StandardScore(
        **axis_argument(axes, x.rank), epsilon=epsilon, batch_coupled=True, **other_dtype(x)
    )(x)
    return with_weights(score, gamma, beta)


def _batch_statistics(x, axis, epsilon, gamma, beta):
    require(x.shape[axis] is not None, f"axis {axis} has no known size", x)
    for weight in (gamma, beta):
        require(weight is None or count(weight) == x.shape[axis], "weights that are not one number per channel", x)
    warn(TRAINING_FIXED.format(x.name))
    layer = porter_layers.BatchStatisticsNormalization(
        axis=from_end(axis, x.rank),
        epsilon=epsilon,
        center=beta is not None,
        scale=gamma is not None,
        **other_dtype(x),
    )
    return layer.bind(gamma=flat(gamma), beta=flat(beta))(x)


@normalization.example("tf.contrib.layers.layer_norm on vectors", "LayerNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    return _normalize(tf, x, [1], [6], 1e-12)


@normalization.example("tf.contrib.layers.layer_norm on images: gamma per channel", "GroupNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 5, 4], "x")
    return _normalize(tf, x, [1, 2, 3], [4], 1e-12)


@normalization.example("tf.keras LayerNormalization over the last axis, unknown time", "LayerNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 6], "x")
    return _normalize(tf, x, [2], [6], 1e-3)


@normalization.example("tf.keras LayerNormalization over two axes", "LayerNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 4], "x")
    return _normalize(tf, x, [1, 2], [1, 5, 4], 1e-3)


@normalization.example("axis 1 of a sequence", "LayerNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 4], "x")
    return _normalize(tf, x, [1], [1, 5, 1], 1e-3)


@normalization.example("tf.contrib.layers.instance_norm, rows and columns unknown", "GroupNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 4], "x")
    return _normalize(tf, x, [1, 2], [4], 1e-6)


@normalization.example("instance norm, channels first", "GroupNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5, 5], "x")
    return _normalize(tf, x, [2, 3], [1, 4, 1, 1], 1e-6)


@normalization.example("by hand, with a square root and no weights", "GroupNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 5, 4], "x")
    mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
    return tf.divide(x - mean, tf.sqrt(variance + 1e-5))


@normalization.example("the variance as mean of squares less square of the mean", "GroupNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 5, 4], "x")
    mean = tf.reduce_mean(x, [1, 2], keepdims=True)
    variance = tf.reduce_mean(tf.square(x), [1, 2], keepdims=True) - tf.square(mean)
    return (x - mean) * tf.math.rsqrt(variance + 1e-3)


@normalization.example("weights of another shape stay arithmetic", "LayerNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 4], "x")
    return _normalize(tf, x, [2], [5, 4], 1e-3)


@normalization.example("over the last axis without weights", "LayerNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 4], "x")
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 1e-6)


@normalization.example("a z-score over everything, which is made each sample's own", "LayerNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 4], "x")
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    return (x - mean) / tf.sqrt(variance + 1e-5)


@normalization.example("a z-score of each place over the batch stays so", "StandardScore")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 4], "x")
    mean, variance = tf.nn.moments(x, [0])
    return (x - mean) / tf.sqrt(variance + 1e-5)


@fused_with_batch_statistics.example("training fixed, each sample's own on images", "GroupNormalization")
def _(tf):
    return tf.layers.batch_normalization(tf.placeholder(tf.float32, [None, 6, 6, 4], "x"), training=True)


@normalization.example("batch normalisation with training fixed, decomposed", "BatchStatisticsNormalization")
def _(tf):
    return tf.layers.batch_normalization(tf.placeholder(tf.float32, [None, 5], "x"), training=True)


@normalization.counterexample("mean and variance over different axes", "LayerNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 4], "x")
    mean = tf.reduce_mean(x, [2], keepdims=True)
    variance = tf.reduce_mean(tf.square(x - mean), [1, 2], keepdims=True)
    return (x - mean) * tf.rsqrt(variance + 1e-3)


@fused_with_batch_statistics.example("training fixed, on vectors", "BatchStatisticsNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4], "x")
    gamma, beta = gamma_and_beta(tf, [4])
    return tf.reshape(tf.nn.fused_batch_norm(tf.reshape(x, [-1, 1, 1, 4]), gamma, beta, epsilon=1e-3)[0], [-1, 4])


def _normalize(tf, x, axes, shape, epsilon):
    gamma, beta = gamma_and_beta(tf, shape)
    return tf.nn.batch_normalization(x, *tf.nn.moments(x, axes, keepdims=True), beta, gamma, epsilon)


RULES = (normalization, fused_with_batch_statistics)
