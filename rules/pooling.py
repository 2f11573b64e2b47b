"""Max, average and global pooling."""

from porter.rule import layers, one_of, ops, porter_layers, refuse, require, rule, warn
from porter.rules.windows import Window


@rule
def pooling(tf, x):
    """Raise pooling to `MaxPooling2D`, `AveragePooling2D`, `MaxPooling3D` or `AveragePooling3D`.

    Shapes: x [batch, rows, columns, channels].
    Refused: pooling over the batch or the channels; explicit padding, which TensorFlow 1 did not have.
    Source: tensorflow/python/ops/nn_ops.py, functions max_pool and avg_pool, 1.15.
    """
    return one_of(*(getattr(tf, name)(x).named("pool") for name in ("MaxPool", "AvgPool", "MaxPool3D", "AvgPool3D")))


@pooling.to_keras
def _(x, pool):
    layer = _layer(pool, _window(pool), x)
    if x.dtype.startswith(("float", "bfloat")):
        return layer(x)
    if x.dtype in ("int32", "int64"):
        warn(f"{pool.node.name} pools integers, which Keras does as float32: exact up to 2**24")
    return ops.cast(layer(ops.cast(x, "float32")), x.dtype)


@rule
def pooling_1d(tf, x):
    """Raise pooling over one axis, which TensorFlow 1 writes as pooling over two, to `MaxPooling1D` or its like.

    Source: tensorflow/python/layers/pooling.py, class Pooling1D, 1.15; tensorflow/python/ops/nn_ops.py, function pool.
    """
    wide = tf.ExpandDims(x).named("expand")
    return tf.Squeeze(one_of(tf.MaxPool(wide).named("pool"), tf.AvgPool(wide).named("pool"))).named("squeeze")


@pooling_1d.to_keras
def _(x, pool, expand, squeeze):
    axis = expand["axis"]
    require(axis in (1, 2) and squeeze.get("axes") == (axis,), "another axis goes than came", squeeze)
    window = _window(pool)
    require(window.size[axis - 1] == 1, "it pools over the axis of size 1", pool)
    window.drop(axis - 1)
    return _layer(pool, window, x)(x)


@rule
def global_pooling(tf, x):
    """Raise the mean or the maximum over all rows and columns to `GlobalAveragePooling2D` or its like.

    Shapes: x [batch, rows, columns, channels], or channels first with at least two other axes; the result is
    [batch, channels], or has rows and columns of size 1.
    Left as ops: integers, other axes.
    """
    return one_of(tf.Mean(x).named("pool"), tf.Max(x).named("pool"))


@global_pooling.to_keras
def _(x, pool):
    require(x.rank in (3, 4, 5) and x.dtype.startswith(("float", "bfloat")), "not a picture", pool)
    axes = pool["axes"]
    first = axes == tuple(range(2, x.rank)) and x.rank > 3
    between = axes == tuple(range(1, x.rank - 1))
    require(first or between, f"axes {axes} are not all between batch and channels, nor all behind them", pool)
    kind = "Average" if pool.node.op == "Mean" else "Max"
    data_format = {"data_format": "channels_first"} if first else {}
    layer = getattr(layers, f"Global{kind}Pooling{x.rank - 2}D")
    return layer(keepdims=pool.get("keepdims", False), **data_format)(x)


def _window(pool):
    ksize = pool["ksize"]
    require(ksize[0] == 1 and ksize[-1] == 1, "it pools over batch or channels", pool)
    require(pool["padding"] in ("SAME", "VALID"), "explicit padding of pooling", pool)
    return Window(pool, ksize[1:-1])


def _layer(pool, window, x):
    kind = "Max" if pool.node.op.startswith("Max") else "Average"
    if kind == "Average" and window.padding == "same" and _uneven(window, x.shape[1:-1]):
        return porter_layers.EdgeAveragePooling(window.size, window.strides)
    strides = None if window.strides == window.size else window.strides
    layer = getattr(layers, f"{kind}Pooling{window.dimension}D")
    return layer(window.size, strides=strides, padding=window.padding)


def _uneven(window, sizes):
    """True if an axis may be padded by more on one side than on the other, by windows that reach beyond their neighbour.

    Keras' layers then count the padding on PyTorch; a window of 2 repeats the edge, which is as good.
    """
    return max(window.size) > 2 and any(
        width > 1 and (stride > 1 or width % 2 == 0)
        if size is None
        else max((-(-size // stride) - 1) * stride + width - size, 0) % 2
        for size, width, stride in zip(sizes, window.size, window.strides, strict=True)
    )


@pooling.example("overlapping, by tf.layers and tf.nn", "MaxPooling2D", "AveragePooling2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 11, 12, 4], "x")
    return tf.nn.avg_pool(tf.layers.max_pooling2d(x, 3, 2, padding="same"), [1, 2, 2, 1], [1, 2, 1, 1], "VALID")


@pooling.example("average with SAME, as much padding on both sides", "AveragePooling2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 7, 9, 4], "x")
    return tf.nn.avg_pool(x, [1, 3, 3, 1], [1, 2, 2, 1], "SAME")


@pooling.example("average with SAME, steps of one, rows and columns unknown", "AveragePooling2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 4], "x")
    return tf.nn.avg_pool(x, [1, 3, 3, 1], [1, 1, 1, 1], "SAME")


@pooling.example("average with SAME, which does not count the padding; rows and columns unknown", "EdgeAveragePooling")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 4], "x")
    return tf.nn.avg_pool(x, [1, 3, 3, 1], [1, 2, 2, 1], "SAME")


@pooling.example("average with SAME, more padding behind than before", "EdgeAveragePooling", "AveragePooling2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 8, 7, 2], "x")
    return tf.nn.avg_pool(tf.nn.avg_pool(x, [1, 3, 3, 1], [1, 2, 2, 1], "SAME"), [1, 2, 2, 1], [1, 1, 2, 1], "SAME")


@pooling.example("average of volumes with SAME", "EdgeAveragePooling")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6, 7, 2], "x")
    return tf.nn.avg_pool3d(x, [1, 2, 3, 4, 1], [1, 1, 2, 3, 1], "SAME")


@pooling.example("of integers", "MaxPooling2D")
def _(tf):
    x = tf.placeholder(tf.int32, [None, 5, 6, 2], "x")
    return tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")


@pooling.example("three axes", "MaxPooling3D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 7, 8, 2], "x")
    return tf.layers.max_pooling3d(x, 2, 2)


@pooling.example("channels first", "MaxPooling2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 9, 8], "x")
    return tf.transpose(tf.nn.max_pool(tf.transpose(x, [0, 2, 3, 1]), [1, 2, 2, 1], [1, 2, 2, 1], "SAME"), [0, 3, 1, 2])


@pooling.counterexample("over the channels", "MaxPooling2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 4, 4], "x")
    return tf.nn.max_pool(x, [1, 1, 1, 2], [1, 1, 1, 2], "VALID")


@pooling_1d.example("tf.layers.max_pooling1d", "MaxPooling1D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 4], "x")
    return tf.layers.max_pooling1d(x, 3, 2, padding="same")


@pooling_1d.example("tf.layers.average_pooling1d", "AveragePooling1D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 11, 4], "x")
    return tf.layers.average_pooling1d(x, 2, 2)


@global_pooling.example("reduce_mean and reduce_max", "GlobalAveragePooling2D", "GlobalMaxPooling2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 4], "x")
    return tf.concat([tf.reduce_mean(x, [1, 2]), tf.reduce_max(x, [-3, -2])], 1)


@global_pooling.example("rows and columns kept", "GlobalAveragePooling2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6, 4], "x")
    return tf.reduce_mean(x, [1, 2], keepdims=True)


@global_pooling.example("channels first", "GlobalAveragePooling2D", "GlobalMaxPooling3D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5, 6], "x")
    y = tf.placeholder(tf.float32, [None, 4, 3, 2, 2], "y")
    return tf.reduce_mean(x, [2, 3]), tf.reduce_max(y, [2, 3, 4], keepdims=True)


@global_pooling.example("the maximum over time", "GlobalMaxPooling1D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 4], "x")
    return tf.reduce_max(x, 1)


@global_pooling.counterexample("over rows alone", "GlobalAveragePooling2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6, 4], "x")
    return tf.reduce_mean(x, 1)


refuse(
    "FractionalMaxPool", "FractionalAvgPool",
    reason="fractional pooling draws the sizes of its windows at random, each time anew; Keras has no layer for it",
)  # fmt: skip

RULES = (pooling_1d, pooling)
GLOBAL = (global_pooling,)
