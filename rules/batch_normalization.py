"""Batch normalisation: fused, decomposed or by hand, switched by is_training in any way, or fixed to inference."""

from porter.rule import Knob, Scalar, Weight, WeightRef, layers, one_of, require, reshaped, rule, warn
from porter.rules.statistics import (
    along,
    channel_axis,
    flat,
    fused_axis,
    moments,
    normalized,
    other_dtype,
    reduced_axes,
    unless,
    variable_of,
)


def _formula(tf, x, gamma, beta, mean, variance, epsilon, training, trained, unused, renorm=None):
    """Each statistic is switched, or the whole normalisation is, or the graph knows inference alone.

    trained: what takes the place of mean and variance in training, where that is not simply the batch's; then the
    factor and the offset of batch renormalisation, which are 1 and 0 (`unused`) in inference.
    renorm: its averages of mean and deviation, the least deviation, and what factor and offset are clipped to.
    """
    batch_mean, batch_variance = map(reshaped, moments(tf, x))
    switched_mean, switched_variance = (
        reshaped(one_of(tf.Cond(training, batch, moving).shared(), tf.Cond(training, other, moving).shared()))
        for batch, other, moving in ((batch_mean, trained[0], mean), (batch_variance, trained[1], variance))
    )
    corrected = trained[2:]
    if renorm is not None:
        known = _renormalised(tf, switched_mean, switched_variance, epsilon, *renorm)
        corrected = [one_of(*each) for each in zip(known, corrected, strict=True)]
    factor, offset = (
        tf.StopGradient(reshaped(tf.Cond(training, each, rest))) for each, rest in zip(corrected, unused, strict=True)
    )
    scale = one_of(gamma, factor * gamma, factor)
    shift = one_of(beta, offset * gamma + beta, offset + beta)
    by_statistic = normalized(tf, x, switched_mean, switched_variance, scale, shift, epsilon)
    inference = one_of(
        tf.FusedBatchNorm(x, gamma, beta, mean, variance).named("fused"),
        normalized(tf, x, mean, variance, gamma, beta, epsilon),
    )
    in_training = one_of(
        tf.FusedBatchNorm(x, gamma, beta, *unused).named("fused_training"),
        normalized(tf, x, batch_mean, batch_variance, gamma, beta, epsilon),
    )
    return one_of(tf.Cond(training, in_training, inference), by_statistic, inference)


def _renormalised(tf, mean, variance, epsilon, average, deviation, least, rmin, rmax, dmin, dmax):
    """The factor and the offset of batch renormalisation, as TensorFlow 1.15 takes them."""
    divisor = tf.Maximum(deviation, least)

    def clipped(value, low, high):
        above = tf.Maximum(value, low)
        return one_of(tf.Minimum(above, high), tf.Minimum(value, high), above, value)

    factor = tf.Sqrt(variance + epsilon) / divisor
    return clipped(factor, rmin, rmax), clipped((mean - average) / divisor, dmin, dmax)


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
    return _formula(tf, x, gamma, beta, mean, variance, epsilon, training, trained, unused, renorm)


@batch_normalization.to_keras
def _(
    x, gamma, beta, mean, variance, epsilon, fused, fused_training, batch_mean, batch_variance, batch_mean_rest,
    trained_mean, trained_variance, trained_factor, trained_offset, unused_mean, unused_variance,
    renorm_mean, renorm_deviation, least, rmin, rmax, dmin, dmax,
):  # fmt: skip
    axis = None
    if fused is not None:
        axis, epsilon = _of_fused(x, fused)
    else:
        # a switched statistic may have been reshaped behind the switch: only gamma and beta tell where channels are
        placed = (gamma, beta) if trained_mean is not None or batch_mean is not None else (gamma, beta, mean, variance)
        if batch_mean is not None:
            axis = _axis_left(x, reduced_axes(x, batch_mean, batch_variance, batch_mean_rest))
            require(along(x, *placed) <= {axis}, f"gamma and beta do not lie along axis {axis}", x)
        axis = channel_axis(x, *placed, axis=axis)
    channel_axis(x, gamma, beta, mean, variance, axis=axis)
    if fused_training is not None:
        _require_training(x, fused_training, axis, epsilon)
    for other in (trained_mean, trained_variance):
        require(other is None or _comes_from(other, x), "what is used in training is no statistic of the input", other)
    if trained_mean is not None or trained_variance is not None:
        warn(
            f"{mean.value.name}: in training the layer takes the mean and variance of the batch; the original took its "
            "statistics by a formula that porter does not know"
        )
    ones = all(_holds(unused, number) for unused, number in ((unused_mean, 1.0), (unused_variance, 0.0)))
    if renorm_mean is not None and trained_factor is None and trained_offset is None:
        require(ones, "a factor or an offset that is not 1 and 0 in inference", x)
        require(abs(least - epsilon**0.5) <= 1e-6 * least, "another least deviation", x)
        require(dmin is None and dmax is None or dmin == -(dmax or 0.0), "offsets clipped to other than -d to d", x)
        clipping = {"rmin": rmin, "rmax": rmax, "dmax": dmax}
        momentum = variable_of(renorm_mean)
        renorm = {
            "renorm": True,
            "renorm_clipping": {name: number for name, number in clipping.items() if number is not None} or None,
            "renorm_momentum": _momentum(momentum),
        }
        made = _layer(x, axis, epsilon, gamma, beta, mean, variance, **renorm)
        weights = {"renorm_mean": flat(renorm_mean), "renorm_stddev": flat(renorm_deviation)}
        return made.bind(**weights, moving_stddev=flat(variance).deviation(epsilon))(x)
    if trained_factor is not None or trained_offset is not None:
        require(ones, "a factor or an offset that is not 1 and 0 in inference", x)
        warn(f"{mean.value.name}: batch renormalisation is left out: in training, the layer is batch normalisation")
    return _layer(x, axis, epsilon, gamma, beta, mean, variance)(x)


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
    normal = _formula(tf, pixel, gamma, beta, mean, variance, epsilon, training, trained, unused)
    return tf.Reshape(normal).named("vector")


@batch_normalization_of_vectors.to_keras
def _(x, gamma, beta, mean, variance, pixel, vector, fused, fused_training):
    pixel.get("shape"), vector.get("shape")
    require(fused is not None and x.rank == vector.out.rank == 2 and x.shape[1] is not None, "no vectors", vector)
    axis, epsilon = _of_fused(pixel.out, fused)
    require(pixel.out.shape[1:] in ((1, 1, x.shape[1]), (x.shape[1], 1, 1)), "no images of one pixel", pixel)
    require(pixel.out.shape[axis] == vector.out.shape[1] == x.shape[1], "channels along another axis", pixel)
    if fused_training is not None:
        _require_training(pixel.out, fused_training, axis, epsilon)
    return _layer(x, channel_axis(x, gamma, beta, mean, variance), epsilon, gamma, beta, mean, variance)(x)


def _of_fused(x, fused):
    """The channels' axis and epsilon. Raises `Miss` unless moving statistics are used."""
    require(fused.get("is_training", True) is False, "the batch's own statistics are used in inference too", fused)
    return fused_axis(x, fused), fused.get("epsilon", 1e-4)


def _require_training(x, fused, axis, epsilon):
    fused.get("exponential_avg_factor")
    require(fused.get("is_training", True), "moving statistics are used in training too", fused)
    require(fused_axis(x, fused) == axis, "training and inference differ in data_format", fused)
    require(fused.get("epsilon", 1e-4) == epsilon, "training and inference differ in epsilon", fused)


def _axis_left(x, axes):
    """The only axis that is not reduced."""
    left = [axis for axis in range(x.rank) if axis not in axes]
    require(len(left) == 1, f"in training, statistics over the axes {axes} of a tensor of rank {x.rank}", x)
    return left[0]


def _holds(value, number):
    """True if a value is a constant that holds `number` throughout."""
    return value is None or unless(WeightRef(value), number) is None


def _comes_from(value, x):
    """True if `value` is computed from x, by a few operations."""
    seen, stack = set(), [value.node]
    while stack and len(seen) < 64:
        node = stack.pop()
        if node is x.node:
            return True
        if id(node) not in seen:
            seen.add(id(node))
            stack.extend(each.node for each in node.inputs)
    return False


def _layer(x, axis, epsilon, gamma, beta, mean, variance, **options):
    gamma, beta = unless(gamma, 1.0), unless(beta, 0.0)
    layer = layers.BatchNormalization(
        axis=-1 if axis == x.rank - 1 else axis,
        momentum=_momentum(variable_of(mean)),
        epsilon=epsilon,
        center=beta is not None,
        scale=gamma is not None,
        **options,
        **other_dtype(x),
    )
    return layer.bind(gamma=flat(gamma), beta=flat(beta), moving_mean=flat(mean), moving_variance=flat(variance))


def _momentum(variable):
    """Of the average that a variable is; Keras' default where that is not known."""
    return 0.99 if variable is None or variable.momentum is None else round(float(variable.momentum), 6)


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


def _statistics(tf, size=4):
    names = {"beta": "zeros", "gamma": "ones", "moving_mean": "zeros", "moving_variance": "ones"}
    return [
        tf.get_variable(name, [size], initializer=getattr(tf, f"{kind}_initializer")()) for name, kind in names.items()
    ]


@batch_normalization.example("contrib.layers, not fused: both statistics out of one cond", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 6, 4], "x")
    beta, gamma, mean, variance = _statistics(tf)
    batch_mean, batch_variance = tf.nn.moments(x, [0, 1, 2])
    training = tf.placeholder(tf.bool, [], "training")
    used = tf.cond(training, lambda: (batch_mean, batch_variance), lambda: (mean.read_value(), variance.read_value()))
    return tf.nn.batch_normalization(x, *used, beta, gamma, 0.001)


@batch_normalization.example("averages by ExponentialMovingAverage", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 6, 4], "x")
    beta, gamma, _, _ = _statistics(tf)
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
    beta, gamma, mean, variance = _statistics(tf, 5)

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
    beta, gamma, mean, variance = _statistics(tf)
    training = tf.reshape(tf.placeholder(tf.bool, [], "training"), [1])
    used = [
        tf.squeeze(tf.where(training, tf.expand_dims(batch, 0), tf.expand_dims(moving, 0)), [0])
        for batch, moving in zip(tf.nn.moments(x, [0, 1, 2]), (mean, variance), strict=True)
    ]
    return tf.nn.batch_normalization(x, *used, beta, gamma, 1e-3)


@batch_normalization.example("by hand, divided by a square root", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 6, 4], "x")
    beta, gamma, mean, variance = _statistics(tf)
    return gamma * (x - mean) / tf.sqrt(variance + 1e-5) + beta


@batch_normalization.example("moments as TensorFlow 1.2 takes them", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5], "x")
    beta, gamma, mean, variance = _statistics(tf, 5)
    shift = tf.stop_gradient(tf.reduce_mean(x, [0], keepdims=True))
    rest = tf.reduce_mean(x - shift, [0], keepdims=True)
    batch_variance = tf.reduce_mean(tf.math.squared_difference(x, shift), [0], keepdims=True) - tf.square(rest)
    batch = tf.squeeze(rest + shift, [0]), tf.squeeze(batch_variance, [0])
    training = tf.placeholder(tf.bool, [], "training")
    used = tf.cond(training, lambda: batch, lambda: (mean.read_value(), variance.read_value()))
    return tf.nn.batch_normalization(x, *used, beta, gamma, 1e-3)


@batch_normalization_of_vectors.example("contrib.layers, fused, no gamma", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5], "x")
    beta, _, mean, variance = _statistics(tf, 5)
    gamma, pixels = tf.constant(1.0, shape=[5]), tf.reshape(x, [-1, 1, 1, 5])
    normal = tf.cond(
        tf.placeholder(tf.bool, [], "training"),
        lambda: tf.nn.fused_batch_norm(pixels, gamma, beta, epsilon=1e-3)[0],
        lambda: tf.nn.fused_batch_norm(pixels, gamma, beta, mean, variance, 1e-3, is_training=False)[0],
    )
    return tf.reshape(normal, tf.shape(x))


@batch_normalization.counterexample("statistics of the batch in inference too", "BatchNormalization")
def _(tf):
    return tf.layers.batch_normalization(tf.placeholder(tf.float32, [None, 6, 6, 4], "x"), training=True)


@batch_normalization.counterexample("statistics of each sample", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 6, 4], "x")
    beta, gamma, _, _ = _statistics(tf)
    return tf.nn.batch_normalization(x, *tf.nn.moments(x, [1, 2], keepdims=True), beta, gamma, 1e-3)


@batch_normalization.counterexample("weights that differ along two axes", "BatchNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 3, 4], "x")
    shapes = {"mean": [3, 1], "moving_variance": [3, 1], "gamma": [4], "beta": [4]}
    mean, variance, gamma, beta = (tf.get_variable(name, shape) for name, shape in shapes.items())
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)


for each in (batch_normalization_of_vectors, batch_normalization):
    each.place = "outside"

RULES = (batch_normalization_of_vectors, batch_normalization)
