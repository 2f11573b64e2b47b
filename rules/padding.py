"""Zeros around pictures and sequences."""

from porter.rule import require, rule
from porter.rules.windows import zero_padding


@rule
def padding(tf, x):
    """Raise zeros around steps, rows and columns, or planes to `ZeroPadding1D`, `ZeroPadding2D` or `ZeroPadding3D`.

    Shapes: x [batch, rows, columns, channels].
    Left as ops: padding of the batch or the channels.
    Source: tensorflow/python/ops/array_ops.py, function pad, 1.15.
    """
    return tf.Pad(x).named("pad")


@padding.to_keras
def _(x, pad):
    pairs = pad["paddings"]
    require(len(pairs) in (3, 4, 5), "neither a sequence nor a picture", pad)
    require(not any(pairs[0]) and not any(pairs[-1]), "batch or channels are padded", pad)
    return zero_padding(x, pairs[1:-1])


@padding.example("in front of a convolution with stride, as slim's conv2d_same does", "ZeroPadding2D", "Conv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 12, 12, 4], "x")
    w = tf.get_variable("weights", [3, 3, 4, 5])
    return tf.nn.conv2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), w, [1, 2, 2, 1], "VALID")


@padding.example("the same, uneven, along rows and columns", "ZeroPadding2D")
def _(tf):
    return tf.pad(tf.placeholder(tf.float32, [None, 4, 4, 3], "x"), [[0, 0], [1, 2], [1, 2], [0, 0]])


@padding.example("before the first step", "ZeroPadding1D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 4], "x")
    return tf.pad(x, [[0, 0], [2, 0], [0, 0]])


@padding.example("three axes", "ZeroPadding3D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 3, 4, 5, 2], "x")
    return tf.pad(x, [[0, 0], [1, 0], [2, 1], [0, 3], [0, 0]])


@padding.counterexample("padding of the channels", "ZeroPadding2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 4, 3], "x")
    return tf.pad(x, [[0, 0], [0, 0], [0, 0], [1, 2]])


RULES = (padding,)
