"""Min-max normalisation as people wrote it by hand."""

from porter.rule import Scalar, context, one_of, porter_layers, require, rule, warn
from porter.rule.context import change


@rule
def min_max(tf, x, epsilon: Scalar):
    """Raise (x - min x) / max(x - min x) to `MinMaxNormalization`.

    Shapes: x [batch, ...]; min and max keep the reduced axes as 1.
    Left as ops: a maximum taken over other axes than the minimum.
    Source: hand-written TensorFlow 1 code; no library function.
    """
    shifted = x - tf.Min(x).named("low")
    high = tf.Max(shifted).named("high")
    return shifted / one_of(high + epsilon, high)


@min_max.to_keras
def _(x, epsilon, low, high):
    return _normalization(x, epsilon, low, high, shifted=True)


@rule
def min_max_unshifted(tf, x, epsilon: Scalar):
    """Raise (x - min x) / max x, where the maximum is of the input as it came; the result is not in [0, 1]."""
    high = tf.Max(x).named("high")
    return (x - tf.Min(x).named("low")) / one_of(high + epsilon, high)


@min_max_unshifted.to_keras
def _(x, epsilon, low, high):
    warn("the maximum is of the unshifted input, so the result is not in [0, 1]: converted as it is")
    return _normalization(x, epsilon, low, high, shifted=False)


def _normalization(x, epsilon, low, high, shifted):
    axes = low["axes"]
    require(axes == high["axes"], f"the minimum is over {axes}, the maximum over {high['axes']}", high)
    require(axes and x.rank is not None, "nothing is reduced", low)
    for view in (low, high):
        require(view.get("keepdims", False) or len(axes) == x.rank, "the reduced axes are not kept", view)
    coupled = [axis for axis in axes if context().holds_batch(x, axis)]
    if coupled and not context().exact and x.rank > 1:
        require(coupled == [0] and context().is_batch(x, 0), "the batch is folded into another axis", low)
        own = tuple(axis for axis in axes if axis) or tuple(range(1, x.rank))
        change(
            "batch-safe",
            "minimum and maximum were taken over the whole batch, so that an answer depended on its neighbours; "
            "they are now each sample's own",
        )
        return porter_layers.MinMaxNormalization(**_axis(own, x.rank), epsilon=epsilon or 0.0, shifted=shifted)(x)
    return porter_layers.MinMaxNormalization(
        **_axis(axes, x.rank), epsilon=epsilon or 0.0, shifted=shifted, batch_coupled=bool(coupled)
    )(x)


def _axis(axes, rank):
    """The layer's axis argument: nothing for all but the batch, -1 for the last, else as they are."""
    if tuple(axes) == tuple(range(1, rank)) and rank > 2:
        return {}
    return {"axis": -1 if axes == (rank - 1,) else axes[0] if len(axes) == 1 else tuple(axes)}


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


@min_max_unshifted.example("maximum of the input as it came", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    return (x - tf.reduce_min(x, [1], keepdims=True)) / tf.reduce_max(x, [1], keepdims=True)


@min_max.counterexample("maximum over other axes than the minimum", "MinMaxNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5], "x")
    shifted = x - tf.reduce_min(x, [1], keepdims=True)
    return shifted / tf.reduce_max(shifted, [2], keepdims=True)


RULES = (min_max, min_max_unshifted)
