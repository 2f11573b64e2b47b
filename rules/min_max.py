"""Min-max normalisation as people wrote it by hand."""

from porter.rule import Scalar, layers, one_of, porter_layers, rule, warn
from porter.rules.statistics import axis_argument, kept_axes, other_dtype, over_first, tell_unguarded


def _divided(tf, shifted, high, epsilon, least, factor, less):
    """The quotient; with a factor on the shifted input, and what is then taken off, it is rescaled to another range."""
    divisor = one_of(high + epsilon, tf.Maximum(high, least), high)
    unit = one_of(
        shifted / divisor,
        shifted * (1.0 / divisor),
        tf.DivNoNan(shifted, high).named("guarded"),
    )
    scaled = (shifted * factor) / divisor
    return one_of(scaled - less, scaled, unit)


@rule
def min_max(tf, x, epsilon: Scalar, least: Scalar, factor: Scalar, less: Scalar):
    """Raise (x - min x) / max(x - min x), and (x - min x) / (max x - min x), to `MinMaxNormalization`.

    Shapes: x [batch, ...]; min and max keep the reduced axes as 1.
    Left as ops: a maximum taken over other axes than the minimum.
    Source: hand-written TensorFlow 1 code; no library function.
    """
    low = tf.Min(x).named("low").shared()
    shifted = (x - low).shared()
    reach = (tf.Max(x).named("high").shared() - low).shared()
    high = one_of(tf.Max(shifted).named("high").shared(), reach)
    zero, ones = tf.Equal(high, 0.0), tf.Fill(tf.Shape(high), 1.0)  # where it is zero, so is all above it
    chosen = one_of(
        tf.Select(zero, ones, high).named("guarded"),
        tf.Select(zero, 1.0, high).named("guarded"),
        tf.SelectV2(zero, 1.0, high).named("guarded"),
    )
    return one_of(_divided(tf, shifted, high, epsilon, least, factor, less), shifted / chosen)


@min_max.to_keras
def _(x, epsilon, least, factor, less, low, high, guarded):
    return _normalization(x, epsilon, least, factor, less, low, high, guarded, shifted=True)


@rule
def min_max_unshifted(tf, x, epsilon: Scalar, least: Scalar, factor: Scalar, less: Scalar):
    """Raise (x - min x) / max x, where the maximum is of the input as it came; the result is not in [0, 1]."""
    shifted = (x - tf.Min(x).named("low").shared()).shared()
    return _divided(tf, shifted, tf.Max(x).named("high").shared(), epsilon, least, factor, less)


@min_max_unshifted.to_keras
def _(x, epsilon, least, factor, less, low, high, guarded):
    warn(
        f"{x.tensor or x.name}: the maximum is of the unshifted input, so the result is not in [0, 1]: converted as it is"
    )
    return _normalization(x, epsilon, least, factor, less, low, high, guarded, shifted=False)


def _normalization(x, epsilon, least, factor, less, low, high, guarded, shifted):
    axes = kept_axes(x, low, high)
    tell_unguarded(x, epsilon or least or guarded, "a constant input" if shifted else "an input of zeros")
    unit = porter_layers.MinMaxNormalization(
        **axis_argument(axes, x.rank),
        epsilon=epsilon or least or 0.0,
        guard="zero" if guarded is not None else "floor" if least is not None else "added",
        shifted=shifted,
        batch_coupled=over_first(x, axes),
        **other_dtype(x),
    )(x)
    if factor is None:
        return unit
    offset = {} if less is None else {"offset": -less}
    return layers.Rescaling(factor, **offset, **other_dtype(x))(unit)


@min_max.example("over the whole sample", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5], "x")
    shifted = x - tf.reduce_min(x, [1, 2], keepdims=True)
    return tf.divide(shifted, tf.reduce_max(shifted, [1, 2], keepdims=True))


@min_max.example("over the whole batch, with an epsilon", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    shifted = x - tf.reduce_min(x, keepdims=True)
    return shifted / (tf.reduce_max(shifted, keepdims=True) + 1e-3)


@min_max.example("maximum less minimum, each a scalar of the whole batch", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5], "x")
    low, high = tf.reduce_min(x), tf.reduce_max(x)
    return (x - low) / (high - low)


@min_max.example("per channel over the batch, rows and columns", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 3], "x")
    low, high = tf.reduce_min(x, [0, 1, 2]), tf.reduce_max(x, [0, 1, 2])
    return (x - low) / tf.maximum(high - low, 1e-8)


@min_max.example("each feature over the batch: nothing of a sample's own is left", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    low, high = tf.reduce_min(x, 0), tf.reduce_max(x, 0)
    return (x - low) / (high - low + 0.1)


@min_max.example("without division by zero", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    low = tf.reduce_min(x, 1, keepdims=True)
    return tf.math.divide_no_nan(x - low, tf.reduce_max(x, 1, keepdims=True) - low)


@min_max.example("over one where it would be over zero", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    low = tf.reduce_min(x, 1, keepdims=True)
    reach = tf.reduce_max(x, 1, keepdims=True) - low
    return (x - low) / tf.where(tf.equal(reach, 0), tf.ones_like(reach), reach)


@min_max.example("over one where it would be over zero, both scalars of the whole batch", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5], "x")
    low, high = tf.reduce_min(x), tf.reduce_max(x)
    return (x - low) / tf.where(tf.equal(high - low, 0.0), tf.constant(1.0), high - low)


@min_max.example("rows and columns folded into the batch", "MinMaxNormalization")
def _(tf):
    x = tf.reshape(tf.placeholder(tf.float32, [None, 3, 3, 4], "x"), [-1, 4])
    shifted = x - tf.reduce_min(x, keepdims=True)
    return shifted / tf.reduce_max(shifted, keepdims=True)


@min_max.example("rows and columns folded into the batch, and used so", "MinMaxNormalization")
def _(tf):
    x = tf.reshape(tf.placeholder(tf.float32, [None, 3, 3, 4], "x"), [-1, 4])
    shifted = x - tf.reduce_min(x, keepdims=True)
    return shifted / tf.reduce_max(shifted, keepdims=True) * 2.0 + 1.0


@min_max.example("to -1 and 1", "MinMaxNormalization", "Rescaling")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5], "x")
    low, high = (reduce(x, [1, 2], keepdims=True) for reduce in (tf.reduce_min, tf.reduce_max))
    return 2.0 * (x - low) / (high - low) - 1.0


@min_max.example("axes that come back by expand_dims, one reduction after another", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5, 3], "x")
    low = tf.expand_dims(tf.expand_dims(tf.reduce_min(x, [1, 2]), 1), 1)
    high = tf.reduce_max(tf.reduce_max(x, 1, keepdims=True), 2, keepdims=True)
    return (x - low) / (high - low)


@min_max.example("of the flattened sample", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5, 3], "x")
    flat = tf.reshape(x, [-1, 60])
    low, high = (tf.reshape(reduce(flat, 1), [-1, 1, 1, 1]) for reduce in (tf.reduce_min, tf.reduce_max))
    return (x - low) / (high - low)


@min_max.example("two heads that share a minimum", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    low = tf.reduce_min(x, 1, keepdims=True)
    high = tf.reduce_max(x, 1, keepdims=True)
    return (x - low) / (high - low), (x - low) / (high - low + 1.0)


@min_max_unshifted.example("maximum of the input as it came", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    return (x - tf.reduce_min(x, [1], keepdims=True)) / tf.reduce_max(x, [1], keepdims=True)


@min_max.counterexample("maximum over other axes than the minimum", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5], "x")
    shifted = x - tf.reduce_min(x, [1], keepdims=True)
    return shifted / tf.reduce_max(shifted, [2], keepdims=True)


@min_max_unshifted.counterexample("a maximum of the unshifted input, one where it is zero", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    high = tf.reduce_max(x, 1, keepdims=True)
    return (x - tf.reduce_min(x, 1, keepdims=True)) / tf.where(tf.equal(high, 0), tf.ones_like(high), high)


@min_max.counterexample("the minimum of something else", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    shifted = x - tf.reduce_min(tf.abs(x), 1, keepdims=True)
    return shifted / tf.reduce_max(shifted, 1, keepdims=True)


for each in (min_max, min_max_unshifted):
    each.place = "outside"

RULES = (min_max, min_max_unshifted)
