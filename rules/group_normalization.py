"""Group normalisation: channels split by a reshape."""

from porter.rule import Scalar, Weight, one_of, require, rule
from porter.rules.statistics import along, count, groups_layer, kept_axes, moments, normalized


@rule
def group_normalization(
    tf, x, gamma: Weight, beta: Weight, epsilon: Scalar, late_gamma: Weight, late_beta: Weight, shape, back
):  # fmt: skip
    """Raise a normalisation of channels split into groups to `GroupNormalization`.

    Shapes: x [batch, ..., channels], split to [batch, ..., groups, channels / groups], or the same with channels first;
    gamma and beta hold one number per channel, and are applied before or after the groups are joined again.
    Left as a normalisation between two reshapes: statistics over some rows and columns only, as contrib's on
    volumes.
    Source: tf.contrib.layers.group_norm, TensorFlow Addons, and the code printed in "Group Normalization" (Wu and He).
    """
    grouped = one_of(tf.Reshape(x).named("grouped"), tf.Reshape(x, shape).named("grouped"))
    unit = normalized(tf, grouped, *moments(tf, grouped), gamma, beta, epsilon)
    joined = one_of(tf.Reshape(unit).named("joined"), tf.Reshape(unit, back).named("joined"))
    return one_of(joined * late_gamma + late_beta, joined * late_gamma, joined)


@group_normalization.to_keras
def _(
    x, gamma, beta, epsilon, late_gamma, late_beta, grouped, joined, batch_mean, batch_variance, batch_mean_rest
):  # fmt: skip
    grouped.get("shape"), joined.get("shape")
    inner, outer = grouped.out, joined.out
    require(x.probe and inner.probe and outer.probe == x.probe, "another shape comes back, or it is unknown", joined)
    axis = next((at for at in range(1, x.rank) if _splits(x.probe, inner.probe, at)), None)
    require(
        axis is not None and x.shape[axis] is not None, f"{x.shape} made {inner.shape} is no split of channels", grouped
    )
    axes = kept_axes(inner, batch_mean, batch_variance, batch_mean_rest)
    require(axes == tuple(each for each in range(1, inner.rank) if each != axis), f"statistics over {axes}", batch_mean)
    require(not (gamma or beta) or not (late_gamma or late_beta), "weights both before and after the join", joined)
    early = all(along(inner, weight) <= {axis, axis + 1} for weight in (gamma, beta))
    late = all(along(x, weight) <= {axis} for weight in (late_gamma, late_beta))
    require(early and late, "weights that are not one number per channel", joined)
    gamma, beta = gamma or late_gamma, beta or late_beta
    for weight in (gamma, beta):
        require(weight is None or count(weight) == x.shape[axis], "weights that are not one number per channel", joined)
    return groups_layer(x, inner.probe[axis], axis, epsilon, gamma, beta)


def _splits(whole, split, axis):
    """True if the shape `split` is `whole` with the size at `axis` made of two factors."""
    return (
        len(split) == len(whole) + 1
        and split[:axis] == whole[:axis]
        and split[axis + 2 :] == whole[axis + 1 :]
        and split[axis] * split[axis + 1] == whole[axis]
    )


@group_normalization.example("tf.contrib.layers.group_norm", "GroupNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 5, 6], "x")
    grouped = tf.reshape(x, [tf.shape(x)[0], 5, 5, 3, 2])
    gamma, beta = (tf.reshape(each, [1, 1, 1, 3, 2]) for each in _weights(tf, [6]))
    mean, variance = tf.nn.moments(grouped, [4, 1, 2], keepdims=True)
    factor = tf.rsqrt(variance + 1e-6)
    normal = grouped * (factor * gamma) + (-mean * factor * gamma + beta)
    return tf.reshape(normal, [tf.shape(x)[0], 5, 5, 6])


@group_normalization.example("as printed by Wu and He, channels first", "GroupNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 5, 5], "x")
    grouped = tf.reshape(x, [-1, 2, 3, 5, 5])
    mean, variance = tf.nn.moments(grouped, [2, 3, 4], keepdims=True)
    normal = tf.reshape((grouped - mean) / tf.sqrt(variance + 1e-5), [-1, 6, 5, 5])
    gamma, beta = _weights(tf, [1, 6, 1, 1])
    return normal * gamma + beta


@group_normalization.counterexample("statistics over rows and the group's channels only", "GroupNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 5, 6], "x")
    grouped = tf.reshape(x, [-1, 5, 5, 3, 2])
    mean, variance = tf.nn.moments(grouped, [2, 4], keepdims=True)
    return tf.reshape((grouped - mean) / tf.sqrt(variance + 1e-5), [-1, 5, 5, 6])


def _weights(tf, shape):
    return (
        tf.get_variable("gamma", shape, initializer=tf.ones_initializer()),
        tf.get_variable("beta", shape, initializer=tf.zeros_initializer()),
    )


RULES = (group_normalization,)
