"""Layer normalisation as tf.keras of TensorFlow 2 computes it: by the fused kernel of batch normalisation."""

from math import prod

from porter.rule import Weight, one_of, require, rule
from porter.rules.batch_formula import holds
from porter.rules.statistics import fits, over_axes, unless

# [1, rows, numbers, 1] with the rows as channels, in the kernel's order of axes and back.
TURNED, BACK = (0, 2, 3, 1), (0, 3, 1, 2)


@rule
def fused_layer_normalization(tf, x, gamma: Weight, beta: Weight, ones, zeros, unused_mean, unused_variance, shape):
    """Raise a batch normalisation whose channels are the rows of a matrix to `LayerNormalization` over what they hold.

    Shapes: x [batch, ...] made [1, rows, numbers, 1], and back; gamma and beta hold one number for each of the last axes.
    Left as it is: rows that don't hold whole axes of x.
    Source: tensorflow/python/keras/layers/normalization.py, class LayerNormalization, 2.0 to 2.15: wherever the last axes
    are normalised, in float32, with an epsilon of at least 1.001e-5.
    """
    turned = tf.Transpose(tf.Reshape(x).named("rows")).named("turned")
    fused = tf.FusedBatchNorm(turned, ones, zeros, unused_mean, unused_variance).named("fused")
    back = tf.Transpose(fused).named("back")
    whole = one_of(tf.Reshape(back).named("whole"), tf.Reshape(back, shape).named("whole"))
    return one_of(whole * gamma + beta, whole * gamma, whole + beta, whole)


@fused_layer_normalization.to_keras
def _(x, gamma, beta, ones, zeros, rows, turned, fused, back, whole):
    rows.get("shape"), whole.get("shape")
    fused.get("exponential_avg_factor")
    require(fused.get("is_training", True), "moving statistics", fused)
    require(fused.get("data_format", "NHWC") == "NHWC", "another order of axes", fused)
    require((turned.get("perm"), back.get("perm")) == (TURNED, BACK), "another order of axes", turned)
    require(holds(ones, 1.0) and holds(zeros, 0.0), "weights for each row", fused)
    before, inner, after = x.probe, rows.out.probe, whole.out.probe
    require(before and inner and after == before, "another shape comes back, or it is unknown", whole)
    require(len(inner) == 4 and inner[0] == inner[3] == 1, f"{rows.out.shape} is no matrix", rows)
    gamma, beta = unless(gamma, 1.0), unless(beta, 0.0)
    weights = [weight for weight in (gamma, beta) if weight is not None]
    axes = _last_axes(x, rows.out.shape[2], weights)
    require(axes, f"rows of {rows.out.shape[2]} numbers are no whole axes of {x.shape}", rows)
    gamma, beta = (weight and weight.reshape(x.shape[axes[0] :]) for weight in (gamma, beta))
    return over_axes(x, axes, fused.get("epsilon", 1e-4), gamma, beta)


def _last_axes(x, size, weights):
    """The fewest last axes of x that hold `size` numbers, for each of which there is one in the weights; None without."""
    for first in range(x.rank - 1, 0, -1):
        axes, sizes = tuple(range(first, x.rank)), x.shape[first:]
        if None not in sizes and prod(sizes) == size and all(fits(x, weight, axes, sizes) for weight in weights):
            return axes
    return None


@fused_layer_normalization.example("tf.keras of TensorFlow 2", "LayerNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 6], "x")
    gamma, beta = (tf.get_variable(name, [6]) for name in ("gamma", "beta"))
    return _by_rows(tf, x, 6) * gamma + beta


@fused_layer_normalization.example("over the last two axes, without an offset", "LayerNormalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 3, 5, 4], "x")
    return _by_rows(tf, x, 20) * tf.reshape(tf.get_variable("gamma", [5, 4]), [1, 1, 5, 4])


@fused_layer_normalization.counterexample("rows that hold half an axis", "LayerNormalization")
def _(tf):
    return _by_rows(tf, tf.placeholder(tf.float32, [None, 3, 6], "x"), 3)


def _by_rows(tf, x, size):
    rows = tf.reshape(x, [1, -1, size, 1])
    count = tf.shape(rows)[1:2]
    ones, zeros = tf.fill(count, 1.0), tf.fill(count, 0.0)
    normal, _, _ = tf.nn.fused_batch_norm(rows, ones, zeros, epsilon=1e-3, data_format="NCHW")
    return tf.reshape(normal, tf.shape(x))


RULES = (fused_layer_normalization,)
