"""Pieces of formulas that the normalisation rules share: mean and variance, what is done with them, and their axes."""

import numpy as np

from porter.rule import context, layers, one_of, ops, require, warn


def moments(tf, x, mean="batch_mean", variance="batch_variance"):
    """Mean and variance of x, as `tf.nn.moments` and people take them; both keep their axes' names for `reduced_axes`.

    Source: tensorflow/python/ops/nn_impl.py, function moments, 1.1 to 1.15; tf.math.reduce_variance.
    """
    plain = tf.Mean(x).named(mean).shared()
    centre = one_of(plain, tf.StopGradient(plain))
    difference = x - centre
    squares = one_of(
        tf.SquaredDifference(x, centre), tf.Square(difference), difference * difference, tf.Pow(difference, 2)
    )
    # until TensorFlow 1.3: shifted by the mean, and what then still is the mean taken off again
    shift = tf.StopGradient(plain)
    rest = tf.Mean(x - shift).named(f"{mean}_rest")
    corrected = tf.Mean(tf.SquaredDifference(x, shift)).named(variance) - tf.Square(rest)
    by_squares = tf.Mean(one_of(tf.Square(x), x * x, tf.Pow(x, 2))).named(variance) - one_of(
        tf.Square(plain), plain * plain, tf.Pow(plain, 2)
    )
    return one_of(plain, rest + shift), one_of(tf.Mean(squares).named(variance).shared(), corrected, by_squares)


def normalized(tf, x, mean, variance, gamma, beta, epsilon):
    """x normalised with a mean and a variance, as `tf.nn.batch_normalization` does it and as people wrote it by hand.

    Source: tensorflow/python/ops/nn_impl.py, function batch_normalization; contrib's group_norm.
    """
    guarded = (variance + epsilon).shared()
    inverse = tf.Rsqrt(guarded)
    scaled = one_of(inverse * gamma, inverse)
    shift = one_of(beta - mean * scaled, tf.Neg(mean) * scaled)
    back = tf.Neg(mean) * inverse  # contrib's group_norm
    shift = one_of(shift, (back * gamma) + beta, back + beta, back * gamma)

    centred = x - mean
    root = one_of(tf.Sqrt(guarded), tf.Pow(guarded, 0.5))
    unit = one_of(centred / root, centred * inverse, centred * (1.0 / root))
    stretched = one_of(
        unit * gamma,
        (centred * gamma) / root,
        (centred * gamma) * inverse,
        centred * (gamma / root),
        centred * scaled,
        unit,
    )
    return one_of(x * scaled + shift, (x * scaled + tf.Neg(mean * scaled)) + beta, stretched + beta, stretched)


def reduced_axes(x, *views):
    """The axes that all of these reductions of x were taken over. Raises `Miss` where they differ."""
    found = [view for view in views if view is not None]
    for view in found:
        view.get("keepdims")
        require(view["axes"] == found[0]["axes"], f"statistics over {found[0]['axes']} and over {view['axes']}", view)
    require(found and found[0]["axes"] and x.rank is not None, "nothing is reduced", x)
    return found[0]["axes"]


def along(x, *weights):
    """The axes of x along which any of these weights differ, by the rules of broadcasting."""
    require(x.rank is not None and x.rank >= 2, "the input's rank is unknown, or below two", x)
    shapes = [weight.value.shape for weight in weights if weight is not None]
    require(all(shape and len(shape) <= x.rank for shape in shapes), f"weights of shapes {shapes}", x)
    return {x.rank - len(shape) + at for shape in shapes for at, size in enumerate(shape) if size != 1}


def channel_axis(x, *weights, axis=None):
    """The one axis of x that all of these lie along, such as gamma of shape [channels] or [1, channels, 1, 1].

    axis: where it is known; [channels] then need not be the last. Raises `Miss` where there is none.
    """
    if axis is None:
        found = along(x, *weights)
        require(len(found) <= 1, f"weights that differ along the axes {sorted(found)}", x)
        axis = found.pop() if found else x.rank - 1
    shapes = [weight.value.shape for weight in weights if weight is not None]
    size = x.shape[axis]
    require(axis > 0 and size is not None, f"axis {axis} of {x.shape} has no size of its own", x)
    counts = [(int(np.prod(shape)), max(shape, default=1)) for shape in shapes]
    require(all(count == (size, size) for count in counts), f"weights of shapes {shapes} for {size} channels", x)
    return axis


def fused_axis(x, fused):
    """The channels' axis of a FusedBatchNorm."""
    require(x.rank is not None, "an input of unknown rank", x)
    return 1 if fused.get("data_format", "NHWC").startswith("NC") else x.rank - 1


def flat(weight):
    """A weight as [channels]; None stays None."""
    if weight is None or len(weight.value.shape) == 1:
        return weight
    return weight.reshape((count(weight),))


def unless(weight, number):
    """`weight`, or None if it is a constant that holds `number` throughout and so does nothing."""
    if weight is None:
        return None
    node = weight.value.node
    while node.op in ("Reshape", "ExpandDims", "Squeeze", "Fill", "Tile", "BroadcastTo") and node.inputs:
        node = node.inputs[-1 if node.op == "Fill" else 0].node
    constant = node.op == "Const" and node.attrs["value"].dtype.kind == "f" and np.all(node.attrs["value"] == number)
    return None if constant else weight


def variable_of(weight):
    """The variable that a weight is, perhaps reshaped; None for constants and arithmetic."""
    node = weight.value.node
    while node.op in ("Reshape", "ExpandDims", "Squeeze"):
        node = node.inputs[0].node
    return node.attrs["variable"] if node.op == "Variable" else None


def other_dtype(x):
    """The layer's dtype argument, where it is not float32."""
    return {} if x.dtype == "float32" else {"dtype": x.dtype}


def kept_axes(x, *views):
    """The axes that these reductions of x were taken over, where the results stand beside x as they should.

    Raises `Miss` unless reduced axes are kept as 1, or all axes before the first that is left are reduced.
    """
    axes = reduced_axes(x, *views)
    leading = axes == tuple(range(len(axes)))
    for view in views:
        require(leading or view is None or view.get("keepdims", False), "the reduced axes are not kept", view)
    return axes


def couples(x, axes):
    """True if a reduction of x over these axes lets the samples of a batch influence each other.

    What can be each sample's own is so by now, unless the user wants all exactly as it was.
    """
    return any(context().holds_batch(x, axis) for axis in axes)


def over_first(x, axes):
    """True if a layer must be told that it reduces its first axis: the batch, or what is like one to the layer where there
    is none, as in the body of a loop."""
    return 0 in axes or couples(x, axes)


def tell_unguarded(x, epsilon, what="a constant input"):
    """Warn where nothing keeps the divisor from zero."""
    if not epsilon:
        warn(
            f"{x.tensor or x.name}: {what} gives 0 / 0 = NaN, as in the original; an epsilon would keep the layer from it"
        )


def axis_argument(axes, rank):
    """The layer's axis argument: nothing for all but the batch, -1 for the last, else as they are."""
    if tuple(axes) == tuple(range(1, rank)) and rank > 2:
        return {}
    return {"axis": plain_axis(axes, rank)}


def plain_axis(axes, rank):
    """-1 for the last axis alone, a number for any other one, else as they are."""
    return -1 if tuple(axes) == (rank - 1,) else axes[0] if len(axes) == 1 else tuple(axes)


def own_moments(tf, x):
    """Mean and variance of x; over leading axes they may have lost these."""
    mean, variance = moments(tf, x)
    squeezed = tf.Squeeze(mean).named("squeezed_mean"), tf.Squeeze(variance).named("squeezed_variance")
    return one_of(mean, squeezed[0]), one_of(variance, squeezed[1])


def own_axes(x, batch_mean, batch_variance, batch_mean_rest, squeezed_mean, squeezed_variance):
    """The axes of `own_moments`. Refuses moments that lost the axes that were reduced, unless these come first."""
    axes = kept_axes(x, batch_mean, batch_variance, batch_mean_rest)
    for view in (squeezed_mean, squeezed_variance):
        leading = view is None or view.get("axes") == axes == tuple(range(len(axes)))
        require(leading, "statistics without the axes that were reduced", view)
    return axes


def count(weight):
    """How many numbers a weight holds."""
    return int(np.prod(weight.value.shape))


def fits(x, weight, axes, sizes):
    """True if a weight has one number for each place along `axes` of x, which have these sizes."""
    if None in sizes or len(weight.value.shape) > x.rank or count(weight) != np.prod(sizes):
        return False
    return not weight.value.shape or along(x, weight) <= set(axes)


def from_end(axis, rank):
    """The axis argument of a layer: -1 for the last."""
    return -1 if axis == rank - 1 else axis


def with_weights(value, gamma, beta):
    """Weights of any other shape, as plain arithmetic."""
    if gamma is not None:
        value = ops.multiply(value, gamma.value)
    return value if beta is None else ops.add(value, beta.value)


def groups_layer(x, groups, axis, epsilon, gamma, beta):
    """`GroupNormalization` of x; groups: -1 for as many as channels."""
    layer = layers.GroupNormalization(
        groups=groups,
        axis=from_end(axis, x.rank),
        epsilon=epsilon,
        center=beta is not None,
        scale=gamma is not None,
        **other_dtype(x),
    )
    return layer.bind(gamma=flat(gamma), beta=flat(beta))(x)


def over_axes(x, axes, epsilon, gamma, beta):
    """`LayerNormalization` over these axes, which are made the last ones for it.

    Keras would take others as well, but hands them to a function of PyTorch's that knows the last ones alone: it raises,
    or normalises over those where sizes allow.
    """
    rest = [axis for axis in range(x.rank) if axis not in axes]
    order, last = (*rest, *axes), tuple(range(len(rest), x.rank))
    layer = layers.LayerNormalization(
        axis=plain_axis(last, x.rank),
        epsilon=epsilon,
        center=beta is not None,
        scale=gamma is not None,
        **other_dtype(x),
    ).bind(gamma=gamma, beta=beta)
    if axes == last:
        return layer(x)
    return ops.transpose(layer(ops.transpose(x, order)), tuple(order.index(axis) for axis in range(x.rank)))


def gamma_and_beta(tf, shape):
    """Variables of an example, as normalisations have them before the first step."""
    return (
        tf.get_variable("gamma", shape, initializer=tf.ones_initializer()),
        tf.get_variable("beta", shape, initializer=tf.zeros_initializer()),
    )
