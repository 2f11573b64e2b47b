"""Division by the root mean square, with a scale."""

from porter.rule import Scalar, Weight, layers, one_of, require, rule
from porter.rules.statistics import channel_axis, flat


@rule
def rms_normalization(tf, x, gamma: Weight, epsilon: Scalar):
    """Raise x / sqrt(mean(x * x) + epsilon) * gamma to `RMSNormalization`.

    Shapes: x [batch, ..., channels], the mean over the last axis, gamma [channels].
    Left as ops: the mean over other axes, and normalisation without a scale, which the layer always has.
    Source: the layer normalisation of T5 and of mesh-tensorflow, written for TensorFlow 1.
    """
    squares = one_of(tf.Square(x), x * x, tf.Pow(x, 2))
    guarded = tf.Mean(squares).named("mean") + epsilon
    inverse = tf.Rsqrt(guarded)
    root = one_of(tf.Sqrt(guarded), tf.Pow(guarded, 0.5))
    return one_of(
        (x * inverse) * gamma, x * (inverse * gamma), (x * gamma) * inverse, (x / root) * gamma, (x * gamma) / root
    )


@rms_normalization.to_keras
def _(x, gamma, epsilon, mean):
    require(x.rank is not None and mean.get("keepdims", False), "the mean loses its axis", mean)
    require(mean["axes"] == (x.rank - 1,), f"the mean is over the axes {mean['axes']}", mean)
    require(channel_axis(x, gamma) == x.rank - 1, f"a scale of shape {gamma.value.shape}", mean)
    return layers.RMSNormalization(epsilon=epsilon).bind(scale=flat(gamma))(x)


def _mean_square(tf, x):
    return tf.reduce_mean(tf.square(x), axis=-1, keepdims=True)


@rms_normalization.example("as T5 has it", "RMSNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 6], "x")
    return x * tf.rsqrt(_mean_square(tf, x) + 1e-6) * tf.get_variable("scale", [6])


@rms_normalization.example("by a division", "RMSNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    return tf.get_variable("scale", [6]) * (x / tf.sqrt(_mean_square(tf, x) + 1e-8))


@rms_normalization.counterexample("without a scale", "RMSNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    return x * tf.rsqrt(_mean_square(tf, x) + 1e-6)


@rms_normalization.counterexample("over the steps", "RMSNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    mean = tf.reduce_mean(tf.square(x), axis=1, keepdims=True)
    return x * tf.rsqrt(mean + 1e-6) * tf.get_variable("scale", [6])


RULES = (rms_normalization,)
