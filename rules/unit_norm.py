"""Division by a norm: of absolute values, or of squares."""

from porter.rule import Scalar, one_of, porter_layers, rule
from porter.rules.statistics import kept_axes, other_dtype, over_first, plain_axis, tell_unguarded


@rule
def l2_normalization(tf, x, at_least: Scalar, within: Scalar, least: Scalar, added: Scalar, multiples):
    """Raise x * rsqrt(max(sum(x * x), epsilon)), and x over a norm with its epsilon elsewhere, to `L2Normalization`.

    Keras' own UnitNormalization divides by max(norm, 1e-12), which is another number for small inputs.
    Source: tensorflow/python/ops/nn_impl.py, function l2_normalize; contrib's unit_norm; tf.norm; hand-written code.
    """
    squares = tf.Sum(one_of(tf.Square(x), x * x, tf.Pow(x, 2))).named("total").shared()
    guarded = one_of(tf.Maximum(squares, at_least), squares + within, squares)
    euclidean = tf.EuclideanNorm(x).named("total").shared()
    norm = one_of(tf.Sqrt(squares).shared(), euclidean)
    divisor = one_of(tf.Maximum(norm, least), norm + added, tf.Sqrt(guarded).shared(), euclidean)
    tiled = one_of(divisor, tf.Tile(divisor).named("tiled"), tf.Tile(divisor, multiples))
    return one_of(x * tf.Rsqrt(guarded), x / tiled)


@l2_normalization.to_keras
def _(x, at_least, within, least, added, total, tiled):
    if tiled is not None:
        tiled.get("multiples")
    axes = kept_axes(x, total)
    guard, epsilon = next(
        (guard, epsilon)
        for guard, epsilon in (
            ("squares", at_least), ("sum", within), ("floor", least), ("norm", added), ("squares", 0.0)
        )
        if epsilon is not None
    )  # fmt: skip
    tell_unguarded(x, epsilon, "an input of zeros")
    return porter_layers.L2Normalization(
        axis=plain_axis(axes, x.rank), epsilon=epsilon, guard=guard, batch_coupled=over_first(x, axes), **other_dtype(x)
    )(x)


@rule
def l1_normalization(tf, x, least: Scalar, added: Scalar, multiples):
    """Raise x / sum(abs(x)), guarded by max(sum, epsilon) or sum + epsilon, to `L1Normalization`.

    Source: hand-written TensorFlow 1 code; what people call "patch" normalisation is often this, over the channels.
    """
    total = tf.Sum(tf.Abs(x)).named("total").shared()
    divisor = one_of(tf.Maximum(total, least), total + added, total)
    return x / one_of(divisor, tf.Tile(divisor).named("tiled"), tf.Tile(divisor, multiples))


@l1_normalization.to_keras
def _(x, least, added, total, tiled):
    if tiled is not None:
        tiled.get("multiples")
    axes = kept_axes(x, total)
    guard = "floor" if least is not None else "norm"
    tell_unguarded(x, least or added, "an input of zeros")
    return porter_layers.L1Normalization(
        axis=plain_axis(axes, x.rank),
        epsilon=least or added or 0.0,
        guard=guard,
        batch_coupled=over_first(x, axes),
        **other_dtype(x),
    )(x)


@l2_normalization.example("tf.nn.l2_normalize", "L2Normalization")
def _(tf):
    return tf.nn.l2_normalize(tf.placeholder(tf.float32, [None, 5, 4], "x"), -1)


@l2_normalization.example("tf.nn.l2_normalize over rows and columns, unknown", "L2Normalization")
def _(tf):
    return tf.nn.l2_normalize(tf.placeholder(tf.float32, [None, None, None, 4], "x"), [1, 2], epsilon=1e-6)


@l2_normalization.example("by tf.norm, with an epsilon", "L2Normalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    return x / (tf.norm(x, axis=1, keepdims=True) + 1e-6)


@l2_normalization.example("two conventions for one norm, which is used by itself too", "L2Normalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    norm = tf.norm(x, axis=1, keepdims=True)
    return x / (norm + 0.1), x / tf.maximum(norm, 0.1), norm


@l2_normalization.example("the whole batch at once", "L2Normalization")
def _(tf):
    return tf.nn.l2_normalize(tf.placeholder(tf.float32, [None, 6], "x"))


@l2_normalization.example("each feature over the batch stays so", "L2Normalization")
def _(tf):
    return tf.nn.l2_normalize(tf.placeholder(tf.float32, [None, 6], "x"), 0)


@l2_normalization.counterexample("a norm whose axis is gone", "L2Normalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 4], "x")
    return x / tf.norm(x, axis=2)


@l1_normalization.example("over the channels of each pixel", "L1Normalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 4], "x")
    return x / tf.maximum(tf.reduce_sum(tf.abs(x), axis=-1, keepdims=True), 1e-12)


@l1_normalization.example("over the channels, first", "L1Normalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5, 5], "x")
    return x / (tf.reduce_sum(tf.abs(x), axis=1, keepdims=True) + 1e-3)


@l1_normalization.counterexample("the sum without absolute values", "L1Normalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4], "x")
    return x / (tf.reduce_sum(x, axis=1, keepdims=True) + 10)


RULES = (l2_normalization, l1_normalization)
