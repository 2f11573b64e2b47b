"""Batch normalisation: fused, decomposed or by hand, switched by is_training in any way, or fixed to inference."""

from porter.rule import Knob, Scalar, Weight, require, rule, warn
from porter.rules.batch_formula import (
    axis_left,
    comes_from,
    example_statistics,
    formula,
    holds,
    momentum_of,
    normalizing_layer,
    of_fused,
    require_training,
)
from porter.rules.statistics import along, channel_axis, flat, reduced_axes, variable_of


@rule
def batch_normalization(
    tf, x, gamma: Weight, beta: Weight, mean: Weight, variance: Weight, epsilon: Scalar, training: Knob,
    trained_mean, trained_variance, trained_factor, trained_offset, unused_mean, unused_variance,
    renorm_mean: Weight, renorm_deviation: Weight, least: Scalar, rmin: Scalar, rmax: Scalar, dmin: Scalar,
    dmax: Scalar,
):  # fmt: skip
    """Raise (x - mean) / sqrt(variance + epsilon) * gamma + beta to `BatchNormalization`.

    Mean and variance are the batch's in training and moving averages otherwise; a graph made for inference has only the
    latter. Shapes: x [batch, ..., channels] or [batch, channels, ...]; the others hold one number per channel.
    Left to other rules: statistics of the batch in inference too, and those of each sample.
    Source: tensorflow/python/layers/normalization.py, class BatchNormalization; contrib.layers.batch_norm; 1.0 to 1.15.
    """
    trained = (trained_mean, trained_variance, trained_factor, trained_offset)
    renorm = (renorm_mean, renorm_deviation, least, rmin, rmax, dmin, dmax)
    unused = (unused_mean, unused_variance)
    return formula(tf, x, gamma, beta, mean, variance, epsilon, training, trained, unused, renorm)


@batch_normalization.to_keras
def _(
    x, gamma, beta, mean, variance, epsilon, fused, fused_training, batch_mean, batch_variance, batch_mean_rest,
    trained_mean, trained_variance, trained_factor, trained_offset, unused_mean, unused_variance,
    renorm_mean, renorm_deviation, least, rmin, rmax, dmin, dmax,
):  # fmt: skip
    axis = None
    if fused is not None:
        axis, epsilon = of_fused(x, fused)
    else:
        # a switched statistic may have been reshaped behind the switch: only gamma and beta tell where channels are
        placed = (gamma, beta) if trained_mean is not None or batch_mean is not None else (gamma, beta, mean, variance)
        if batch_mean is not None:
            axis = axis_left(x, reduced_axes(x, batch_mean, batch_variance, batch_mean_rest))
            require(along(x, *placed) <= {axis}, f"gamma and beta do not lie along axis {axis}", x)
        axis = channel_axis(x, *placed, axis=axis)
    channel_axis(x, gamma, beta, mean, variance, axis=axis)
    if fused_training is not None:
        require_training(x, fused_training, axis, epsilon)
    for other in (trained_mean, trained_variance):
        require(other is None or comes_from(other, x), "what is used in training is no statistic of the input", other)
    if trained_mean is not None or trained_variance is not None:
        warn(
            f"{mean.value.name}: in training the layer takes the mean and variance of the batch; the original took its "
            "statistics by a formula that porter does not know"
        )
    ones = all(holds(unused, number) for unused, number in ((unused_mean, 1.0), (unused_variance, 0.0)))
    if renorm_mean is not None and trained_factor is None and trained_offset is None:
        require(ones, "a factor or an offset that is not 1 and 0 in inference", x)
        require(abs(least - epsilon**0.5) <= 1e-6 * least, "another least deviation", x)
        require(dmin is None and dmax is None or dmin == -(dmax or 0.0), "offsets clipped to other than -d to d", x)
        clipping = {"rmin": rmin, "rmax": rmax, "dmax": dmax}
        momentum = variable_of(renorm_mean)
        renorm = {
            "renorm": True,
            "renorm_clipping": {name: number for name, number in clipping.items() if number is not None} or None,
            "renorm_momentum": momentum_of(momentum),
        }
        made = normalizing_layer(x, axis, epsilon, gamma, beta, mean, variance, **renorm)
        weights = {"renorm_mean": flat(renorm_mean), "renorm_stddev": flat(renorm_deviation)}
        return made.bind(**weights, moving_stddev=flat(variance).deviation(epsilon))(x)
    if trained_factor is not None or trained_offset is not None:
        require(ones, "a factor or an offset that is not 1 and 0 in inference", x)
        warn(f"{mean.value.name}: batch renormalisation is left out: in training, the layer is batch normalisation")
    return normalizing_layer(x, axis, epsilon, gamma, beta, mean, variance, fused=fused_training is not None)(x)


@batch_normalization.example("tf.layers, fused, training a placeholder", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 6, 4], "x")
    return tf.layers.batch_normalization(x, training=tf.placeholder(tf.bool, [], "training"))


@batch_normalization.example("tf.layers, fused, rows and columns unknown, no gamma", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 4], "x")
    training = tf.placeholder(tf.bool, [], "training")
    return tf.layers.batch_normalization(x, scale=False, epsilon=1e-5, training=training)


@batch_normalization.example("tf.layers, a Python bool", "BatchNormalization")
def _(tf):
    return tf.layers.batch_normalization(tf.placeholder(tf.float32, [None, 6, 6, 4], "x"), training=False)


@batch_normalization.example("tf.layers, the opposite of training is fed", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 6, 4], "x")
    return tf.layers.batch_normalization(x, training=tf.logical_not(tf.placeholder(tf.bool, [], "testing")))


@batch_normalization.example("tf.layers, vectors", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5], "x")
    return tf.layers.batch_normalization(x, training=tf.placeholder(tf.bool, [], "training"))


@batch_normalization.example("tf.layers, sequences, without beta", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 5], "x")
    return tf.layers.batch_normalization(x, center=False, training=tf.placeholder(tf.bool, [], "training"))


@batch_normalization.example("tf.layers, renormalised", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 6, 4], "x")
    clipping = {"rmin": 0.5, "rmax": 2.0, "dmax": 3.0}
    training = tf.placeholder(tf.bool, [], "training")
    return tf.layers.batch_normalization(x, training=training, renorm=True, renorm_clipping=clipping)


@batch_normalization.example("tf.layers, NCHW decomposed", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 6, 6], "x")
    return tf.layers.batch_normalization(x, axis=1, fused=False, training=tf.placeholder(tf.bool, [], "training"))


@batch_normalization.example("tf.layers, volumes", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 3, 4, 5, 2], "x")
    return tf.layers.batch_normalization(x, training=tf.placeholder(tf.bool, [], "training"))


@batch_normalization.example("contrib.layers, not fused: both statistics out of one cond", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 6, 4], "x")
    beta, gamma, mean, variance = example_statistics(tf)
    batch_mean, batch_variance = tf.nn.moments(x, [0, 1, 2])
    training = tf.placeholder(tf.bool, [], "training")
    used = tf.cond(training, lambda: (batch_mean, batch_variance), lambda: (mean.read_value(), variance.read_value()))
    return tf.nn.batch_normalization(x, *used, beta, gamma, 0.001)


@batch_normalization.example("averages by ExponentialMovingAverage", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 6, 4], "x")
    beta, gamma, _, _ = example_statistics(tf)
    batch_mean, batch_variance = tf.nn.moments(x, [0, 1, 2], name="moments")
    average = tf.train.ExponentialMovingAverage(decay=0.9)

    def update():
        with tf.control_dependencies([average.apply([batch_mean, batch_variance])]):
            return tf.identity(batch_mean), tf.identity(batch_variance)

    training = tf.placeholder(tf.bool, [], "training")
    mean, variance = tf.cond(training, update, lambda: (average.average(batch_mean), average.average(batch_variance)))
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)


@batch_normalization.example("two whole normalisations in a cond, as by hand and in Keras", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5], "x")
    beta, gamma, mean, variance = example_statistics(tf, 5)

    def training():
        batch_mean, batch_variance = tf.nn.moments(x, [0])
        return tf.nn.batch_normalization(x, batch_mean, batch_variance, beta, gamma, 1e-3)

    return tf.cond(
        tf.placeholder(tf.bool, [], "training"),
        training,
        lambda: tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3),
    )


@batch_normalization.example("selected instead of switched, as tf.layers of 1.4 does", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 6, 4], "x")
    beta, gamma, mean, variance = example_statistics(tf)
    training = tf.reshape(tf.placeholder(tf.bool, [], "training"), [1])
    used = [
        tf.squeeze(tf.where(training, tf.expand_dims(batch, 0), tf.expand_dims(moving, 0)), [0])
        for batch, moving in zip(tf.nn.moments(x, [0, 1, 2]), (mean, variance), strict=True)
    ]
    return tf.nn.batch_normalization(x, *used, beta, gamma, 1e-3)


@batch_normalization.example("by hand, divided by a square root", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 6, 4], "x")
    beta, gamma, mean, variance = example_statistics(tf)
    return gamma * (x - mean) / tf.sqrt(variance + 1e-5) + beta


@batch_normalization.example("moments as TensorFlow 1.2 takes them", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5], "x")
    beta, gamma, mean, variance = example_statistics(tf, 5)
    shift = tf.stop_gradient(tf.reduce_mean(x, [0], keepdims=True))
    rest = tf.reduce_mean(x - shift, [0], keepdims=True)
    batch_variance = tf.reduce_mean(tf.math.squared_difference(x, shift), [0], keepdims=True) - tf.square(rest)
    batch = tf.squeeze(rest + shift, [0]), tf.squeeze(batch_variance, [0])
    training = tf.placeholder(tf.bool, [], "training")
    used = tf.cond(training, lambda: batch, lambda: (mean.read_value(), variance.read_value()))
    return tf.nn.batch_normalization(x, *used, beta, gamma, 1e-3)


@batch_normalization.counterexample("statistics of the batch in inference too", "BatchNormalization")
def _(tf):
    return tf.layers.batch_normalization(tf.placeholder(tf.float32, [None, 6, 6, 4], "x"), training=True)


@batch_normalization.counterexample("statistics of each sample", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 6, 4], "x")
    beta, gamma, _, _ = example_statistics(tf)
    return tf.nn.batch_normalization(x, *tf.nn.moments(x, [1, 2], keepdims=True), beta, gamma, 1e-3)


@batch_normalization.counterexample("weights that differ along two axes", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 3, 4], "x")
    shapes = {"mean": [3, 1], "moving_variance": [3, 1], "gamma": [4], "beta": [4]}
    mean, variance, gamma, beta = (tf.get_variable(name, shape) for name, shape in shapes.items())
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)


batch_normalization.place = "outside"

RULES = (batch_normalization,)
