"""Group normalisation: channels split by a reshape."""

from porter.rule import Scalar, Weight, one_of, porter_layers, require, rule
from porter.rules.statistics import (
    along,
    count,
    flat,
    from_end,
    gamma_and_beta,
    groups_layer,
    kept_axes,
    moments,
    normalized,
    other_dtype,
)


@rule
def group_normalization(
    tf, x, gamma: Weight, beta: Weight, epsilon: Scalar, late_gamma: Weight, late_beta: Weight, shape, back
):  # fmt: skip
    """Raise a normalisation of channels split into groups to `GroupNormalization`.

    Shapes: x [batch, ..., channels], split to [batch, ..., groups, channels / groups], or the same with channels first;
    gamma and beta hold one number per channel, and are applied before or after the groups are joined again.
    To `LegacyGroupNormalization`: statistics over some of the other axes only, as contrib's on volumes; and groups of what
    is neighbouring in memory, [batch, groups, ..., channels / groups], as Addons before 0.7 took them.
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
    memory = _is_memory(x.probe, inner.probe)
    axis = x.rank - 1 if memory else next((at for at in range(1, x.rank) if _splits(x.probe, inner.probe, at)), None)
    require(
        axis is not None and x.shape[axis] is not None, f"{x.shape} made {inner.shape} is no split of channels", grouped
    )
    axes = kept_axes(inner, batch_mean, batch_variance, batch_mean_rest)
    groups, rest = (1, inner.rank - 1) if memory else (axis, axis + 1)
    all_but_groups = tuple(each for each in range(1, inner.rank) if each != groups)
    require(rest in axes and groups not in axes and 0 not in axes, f"statistics over {axes}", batch_mean)
    require(axes == all_but_groups or not memory, f"statistics over {axes}", batch_mean)
    require(not (gamma or beta) or not (late_gamma or late_beta), "weights both before and after the join", joined)
    early = all(along(inner, weight) <= {groups, rest} for weight in (gamma, beta))
    late = all(along(x, weight) <= {axis} for weight in (late_gamma, late_beta))
    require(early and late, "weights that are not one number per channel", joined)
    gamma, beta = gamma or late_gamma, beta or late_beta
    for weight in (gamma, beta):
        require(weight is None or count(weight) == x.shape[axis], "weights that are not one number per channel", joined)
    if memory:
        require(not (late_gamma or late_beta), "weights by channel beside groups that hold all channels", joined)
        return _legacy(x, inner.probe[1], epsilon, gamma, beta, split="memory")
    if axes == all_but_groups:
        return groups_layer(x, inner.probe[axis], axis, epsilon, gamma, beta)
    reduced = tuple(each - (each > axis) for each in axes if each != rest)
    return _legacy(x, inner.probe[axis], epsilon, gamma, beta, axis=from_end(axis, x.rank), reduced=reduced)


def _legacy(x, groups, epsilon, gamma, beta, **options):
    layer = porter_layers.LegacyGroupNormalization(
        groups, **options, epsilon=epsilon, center=beta is not None, scale=gamma is not None, **other_dtype(x)
    )
    return layer.bind(gamma=flat(gamma), beta=flat(beta))(x)


def _is_memory(whole, split):
    """True if the shape `split` is [batch, groups, ..., channels / groups] of `whole`, [batch, ..., channels]."""
    return (
        len(split) == len(whole) + 1 > 3
        and split[0] == whole[0]
        and split[2:-1] == whole[1:-1]
        and split[1] * split[-1] == whole[-1]
    )


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
    gamma, beta = (tf.reshape(each, [1, 1, 1, 3, 2]) for each in gamma_and_beta(tf, [6]))
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
    gamma, beta = gamma_and_beta(tf, [1, 6, 1, 1])
    return normal * gamma + beta


@group_normalization.counterexample("statistics over rows and the group's channels only", "GroupNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 5, 6], "x")
    grouped = tf.reshape(x, [-1, 5, 5, 3, 2])
    mean, variance = tf.nn.moments(grouped, [2, 4], keepdims=True)
    return tf.reshape((grouped - mean) / tf.sqrt(variance + 1e-5), [-1, 5, 5, 6])


@group_normalization.example(
    "tf.contrib.layers.group_norm on volumes: rows and columns alone", "LegacyGroupNormalization"
)
def _(tf):
    x = tf.placeholder(tf.float32, [None, 3, 4, 5, 6], "x")
    grouped = tf.reshape(x, [tf.shape(x)[0], 3, 4, 5, 3, 2])
    gamma, beta = (tf.reshape(each, [1, 1, 1, 1, 3, 2]) for each in gamma_and_beta(tf, [6]))
    mean, variance = tf.nn.moments(grouped, [5, 2, 3], keepdims=True)
    factor = tf.rsqrt(variance + 1e-6)
    normal = grouped * (factor * gamma) + (-mean * factor * gamma + beta)
    return tf.reshape(normal, [tf.shape(x)[0], 3, 4, 5, 6])


@group_normalization.example("TensorFlow Addons before 0.7, rows and columns unknown", "LegacyGroupNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 6], "x")
    shape = tf.shape(x)
    grouped = tf.reshape(x, tf.stack([shape[0], 3, shape[1], shape[2], 2]))
    gamma, beta = (tf.reshape(each, [1, 3, 1, 1, 2]) for each in gamma_and_beta(tf, [6]))
    mean, variance = tf.nn.moments(grouped, [2, 3, 4], keepdims=True)
    return tf.reshape(tf.nn.batch_normalization(grouped, mean, variance, beta, gamma, 1e-3), shape)


RULES = (group_normalization,)
