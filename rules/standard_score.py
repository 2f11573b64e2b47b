"""Z-scores, with or without weights: epsilon stands beside the deviation, not in the variance."""

from porter.rule import Scalar, Weight, one_of, porter_layers, rule
from porter.rules.statistics import (
    axis_argument,
    fits,
    from_end,
    gamma_and_beta,
    other_dtype,
    over_first,
    own_axes,
    own_moments,
    tell_unguarded,
    with_weights,
)


@rule
def deviation_normalization(tf, x, gamma: Weight, beta: Weight, added: Scalar, least: Scalar):
    """Raise (x - mean) / (std + epsilon), also / max(std, epsilon) and / std, to `StandardScore`.

    With a gamma and a beta per channel, or one of each, it is keras-contrib's `InstanceNormalization`.
    Source: keras-contrib's InstanceNormalization; tf.image.per_image_standardization of 1.15; hand-written code.
    """
    mean, variance = own_moments(tf, x)
    deviation = one_of(tf.Sqrt(variance), tf.Pow(variance, 0.5))
    divisor = one_of(deviation + added, tf.Maximum(deviation, least), deviation)
    unit = one_of((x - mean) / divisor, (x - mean) * (1.0 / divisor), (x - mean) * tf.Rsqrt(variance))
    stretched = one_of(unit * gamma, ((x - mean) * gamma) / divisor, unit)
    return one_of(stretched + beta, stretched)


@deviation_normalization.to_keras
def _(
    x, gamma, beta, added, least, batch_mean, batch_variance, batch_mean_rest, squeezed_mean, squeezed_variance
):  # fmt: skip
    axes = own_axes(x, batch_mean, batch_variance, batch_mean_rest, squeezed_mean, squeezed_variance)
    coupled = over_first(x, axes)
    weights = [weight for weight in (gamma, beta) if weight is not None]
    if weights and added is not None and not coupled:
        left = [axis for axis in range(1, x.rank) if axis not in axes]
        shape = (x.shape[left[0]],) if len(left) == 1 else (1,)
        if len(left) < 2 and all(fits(x, weight, left, shape) for weight in weights):
            layer = porter_layers.InstanceNormalization(
                axis=from_end(left[0], x.rank) if left else None,
                epsilon=added,
                center=beta is not None,
                scale=gamma is not None,
                **other_dtype(x),
            )
            return layer.bind(gamma=gamma and gamma.reshape(shape), beta=beta and beta.reshape(shape))(x)
    tell_unguarded(x, added or least)
    guard = "deviation" if added is not None else "floor" if least is not None else "variance"
    score = porter_layers.StandardScore(
        **axis_argument(axes, x.rank),
        epsilon=added or least or 0.0,
        guard=guard,
        batch_coupled=coupled,
        **other_dtype(x),
    )(x)
    return with_weights(score, gamma, beta)


@deviation_normalization.example("keras-contrib's InstanceNormalization(axis=-1)", "InstanceNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 5, 4], "x")
    return _contrib_instance(tf, x, [1, 2], [4])


@deviation_normalization.example("keras-contrib's InstanceNormalization()", "InstanceNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 5, 4], "x")
    return _contrib_instance(tf, x, [1, 2, 3], [1])


@deviation_normalization.example("tf.image.per_image_standardization", "StandardScore")
def _(tf):
    return tf.image.per_image_standardization(tf.placeholder(tf.float32, [None, 6, 5, 3], "x"))


@deviation_normalization.example("a z-score of each sample, nothing guarded", "StandardScore")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 7], "x")
    return (x - tf.reduce_mean(x, 1, keepdims=True)) / tf.math.reduce_std(x, 1, keepdims=True)


@deviation_normalization.counterexample("the deviation over other axes than the mean", "StandardScore")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 5, 3], "x")
    return (x - tf.reduce_mean(x, [1, 2], keepdims=True)) / (tf.math.reduce_std(x, [1, 2, 3], keepdims=True) + 1e-3)


def _contrib_instance(tf, x, axes, shape):
    gamma, beta = (tf.reshape(each, [1, 1, 1, *shape]) for each in gamma_and_beta(tf, shape))
    deviation = tf.math.reduce_std(x, axes, keepdims=True) + 1e-3
    return (x - tf.reduce_mean(x, axes, keepdims=True)) / deviation * gamma + beta


RULES = (deviation_normalization,)
