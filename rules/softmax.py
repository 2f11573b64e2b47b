"""Softmax, over whatever axis and however it was written."""

from porter.rule import layers, one_of, op, ops, require, rule
from porter.rules.placement import activation


@op("Softmax")
def softmax(x):
    return _softmax(x, -1)


@op("LogSoftmax")
def log_softmax(x):
    return activation(x, "log_softmax")


def _softmax(x, axis):
    if x.dtype == "float32" and (x.rank is None or x.rank > 1):
        return layers.Softmax(axis=axis)(x)
    return ops.softmax(x, axis=axis)


@rule
def softmax_by_hand(tf, x):
    """Raise exp(x - max x) / sum(exp(x - max x)) to `Softmax`.

    Shapes: x [..., n, ...]; maximum and sum keep the reduced axes as 1.
    Left as ops: exp(x) / sum(exp(x)), which overflows where Softmax does not.
    Source: hand-written TensorFlow 1 code, such as attention over positions.
    """
    top = tf.Max(x).named("top")
    powers = tf.Exp(x - one_of(tf.StopGradient(top), top))
    return powers / tf.Sum(powers).named("total")


@softmax_by_hand.to_keras
def _(x, top, total):
    axes = total["axes"]
    require(axes == top["axes"], f"the maximum is over {top['axes']}, the sum over {axes}", total)
    require(
        axes and top.get("keepdims", False) and total.get("keepdims", False), "the reduced axes are not kept", total
    )
    require(x.rank is not None and 0 not in axes, "the batch is among the axes", total)
    return _softmax(x, _last(axes, x.rank))


def _last(axes, rank):
    """One axis as a number, -1 for the last; several as they are."""
    if len(axes) > 1:
        return axes
    return -1 if axes[0] == rank - 1 else axes[0]


@rule
def softmax_on_axis(tf, x, rows, back):
    """Raise the transposes and reshapes that `tf.nn.softmax` and `log_softmax` put around their kernels to one layer.

    Shapes: x [..., n, ...]; before TensorFlow 1.13 the kernel took [rows, n] only, and always the last axis.
    Source: tensorflow/python/ops/nn_ops.py, function _softmax, 1.4 and 1.15; slim's softmax in contrib/layers.
    """
    ahead = tf.Transpose(x).named("ahead")
    flat = one_of(
        tf.Reshape(one_of(ahead, x)).named("flatten"),
        tf.Reshape(one_of(ahead, x), rows).named("flatten"),
        ahead,
    )
    result = one_of(tf.Softmax(flat).named("softmax"), tf.LogSoftmax(flat).named("softmax"))
    full = one_of(tf.Reshape(result).named("restore"), tf.Reshape(result, back).named("restore"), result)
    return one_of(tf.Transpose(full).named("behind"), full)


@softmax_on_axis.to_keras
def _(x, softmax, ahead, flatten, restore, behind):
    require((flatten is None) == (restore is None), "a reshape on one side only", softmax)
    require((ahead is None) == (behind is None), "a transpose on one side only", softmax)
    require(flatten or ahead, "a plain softmax", softmax)
    require(x.rank is not None, "the rank is not known", softmax)
    order = tuple(range(x.rank))
    if ahead:
        order = ahead["perm"]
        require(all(behind["perm"][order[i]] == i for i in order), "the transposes do not undo each other", behind)
    axis = order[-1]
    if flatten:
        flatten.get("shape"), restore.get("shape")
        inner, flat, after = ahead.out if ahead else x, flatten.out, restore.out
        require(flat.rank and _same_size(flat, flat.rank - 1, x, axis), "not over one axis of the input", flatten)
        same = after.rank == inner.rank and all(_same_size(inner, i, after, i) for i in range(inner.rank))
        require(same, "the reshapes do not undo each other", restore)
    require(axis > 0, "a softmax over the batch", softmax)
    if softmax.node.op == "LogSoftmax":
        return activation(x, "log_softmax", **({} if axis == x.rank - 1 else {"axis": axis}))
    return _softmax(x, _last((axis,), x.rank))


def _same_size(value, axis, other, other_axis):
    """True if two axes are known to be of the same size."""
    if value.probe and other.probe:
        return value.probe[axis] == other.probe[other_axis]
    return value.shape[axis] is not None and value.shape[axis] == other.shape[other_axis]


def _x(tf, *shape):
    return tf.placeholder(tf.float32, [None, *shape], "x")


@softmax_by_hand.example("attention over positions", "Softmax")
def _(tf):
    x = _x(tf, 5, 3)
    powers = tf.exp(x - tf.reduce_max(x, axis=1, keepdims=True))
    return powers / tf.reduce_sum(powers, axis=1, keepdims=True)


@softmax_by_hand.example("over several axes, as for a heat map", "Softmax")
def _(tf):
    x = _x(tf, 4, 5, 2)
    powers = tf.exp(x - tf.reduce_max(x, axis=[1, 2], keepdims=True))
    return powers / tf.reduce_sum(powers, axis=[1, 2], keepdims=True)


@softmax_by_hand.counterexample("the maximum over another axis than the sum", "Softmax")
def _(tf):
    x = _x(tf, 5, 3)
    powers = tf.exp(x - tf.reduce_max(x, axis=2, keepdims=True))
    return powers / tf.reduce_sum(powers, axis=1, keepdims=True)


@softmax_by_hand.counterexample("over the batch", "Softmax")
def _(tf):
    x = _x(tf, 5)
    powers = tf.exp(x - tf.reduce_max(x, axis=0, keepdims=True))
    return powers / tf.reduce_sum(powers, axis=0, keepdims=True)


@softmax_on_axis.example("tf.nn.softmax over axis 1", "Softmax")
def _(tf):
    return tf.nn.softmax(_x(tf, 5, 3), axis=1)


@softmax_on_axis.example("tf.nn.softmax over axis 1 of unknown size", "Softmax")
def _(tf):
    return tf.nn.softmax(_x(tf, None, None, 3), axis=1)


@softmax_on_axis.example("flattened to rows of unknown size, as attention before TensorFlow 1.13", "Softmax")
def _(tf):
    x = _x(tf, None, None)
    shape = tf.shape(x)
    rows = tf.reshape(x, tf.concat([[-1], shape[-1:]], 0))
    return tf.reshape(tf.nn.softmax(rows), shape)


@softmax_on_axis.example("transposed and flattened", "Softmax")
def _(tf):
    x = tf.transpose(_x(tf, 6, 3), [0, 2, 1])
    rows = tf.nn.softmax(tf.reshape(x, [-1, 6]))
    return tf.transpose(tf.reshape(rows, [-1, 3, 6]), [0, 2, 1])


RULES = (softmax_on_axis, softmax_by_hand)
