"""Pieces that the rules for batch normalisation share: its formula, what is read from a fused one, the layers it becomes."""

from porter.rule import WeightRef, context, layers, one_of, porter_layers, require, reshaped, stored
from porter.rules.statistics import flat, fused_axis, moments, normalized, other_dtype, unless, variable_of


def formula(tf, x, gamma, beta, mean, variance, epsilon, training, trained, unused, renorm=None):
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


def of_fused(x, fused):
    """The channels' axis and epsilon. Raises `Miss` unless moving statistics are used."""
    require(fused.get("is_training", True) is False, "the batch's own statistics are used in inference too", fused)
    return fused_axis(x, fused), fused.get("epsilon", 1e-4)


def require_training(x, fused, axis, epsilon):
    """Refuse a fused kernel of training that does not normalise as the one of inference does."""
    fused.get("exponential_avg_factor")
    require(fused.get("is_training", True), "moving statistics are used in training too", fused)
    require(fused_axis(x, fused) == axis, "training and inference differ in data_format", fused)
    require(fused.get("epsilon", 1e-4) == epsilon, "training and inference differ in epsilon", fused)


def axis_left(x, axes):
    """The only axis that is not reduced."""
    left = [axis for axis in range(x.rank) if axis not in axes]
    require(len(left) == 1, f"in training, statistics over the axes {axes} of a tensor of rank {x.rank}", x)
    return left[0]


def holds(value, number):
    """True if a value is a constant that holds `number` throughout."""
    return value is None or unless(WeightRef(value), number) is None


def comes_from(value, x):
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


def normalizing_layer(x, axis, epsilon, gamma, beta, mean, variance, fused=False, virtual=None, **options):
    """Keras' own layer, or that which goes on training in a way that Keras' does not know.

    fused: whether the fused kernel trains. virtual: the size of virtual batches.
    """
    gamma, beta = unless(gamma, 1.0), unless(beta, 0.0)
    debiased = {
        kind: average.debiased
        for kind, average in (("mean", variable_of(mean)), ("variance", variable_of(variance)))
        if average is not None and average.debiased is not None
    }
    make = layers.BatchNormalization
    if debiased or virtual or fused and not options and context().legacy:
        make = porter_layers.LegacyBatchNormalization
        options.update({} if fused else {"bessel": False})
        options.update({"zero_debias" if kind == "mean" else "zero_debias_variance": True for kind in debiased})
        options.update({"virtual_batch_size": virtual} if virtual else {})
    layer = make(
        axis=-1 if axis == x.rank - 1 else axis,
        momentum=momentum_of(variable_of(mean)),
        epsilon=epsilon,
        center=beta is not None,
        scale=gamma is not None,
        **options,
        **other_dtype(x),
    )
    layer = layer.bind(gamma=flat(gamma), beta=flat(beta), moving_mean=flat(mean), moving_variance=flat(variance))
    for kind, (biased, steps) in debiased.items():
        layer = layer.bind(**{f"biased_{kind}": stored(biased), f"{kind}_steps": stored(steps)})
    return layer


def momentum_of(variable):
    """Of the average that a variable is; Keras' default where that is not known."""
    return 0.99 if variable is None or variable.momentum is None else round(float(variable.momentum), 6)


def example_statistics(tf, size=4):
    """Beta, gamma, mean and variance, for examples."""
    names = {"beta": "zeros", "gamma": "ones", "moving_mean": "zeros", "moving_variance": "ones"}
    return [
        tf.get_variable(name, [size], initializer=getattr(tf, f"{kind}_initializer")()) for name, kind in names.items()
    ]
