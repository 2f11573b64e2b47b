"""Convolutions: Conv1D, Conv2D, Conv3D, with strides, dilation, groups, explicit padding and bias."""

from porter.rule import Weight, at_run_time, call, layers, one_of, op, ops, require, rule
from porter.rules.windows import Window, biased, dilated, lifted, per_filter, unlifted


@rule
def convolution(tf, x, kernel: Weight, bias: Weight, block, paddings, crops):
    """Raise a convolution and its bias to `Conv2D` or `Conv3D`, with the `ZeroPadding` layer it needs, if any.

    Shapes: x [batch, rows, columns, channels], kernel [rows, columns, channels / groups, filters], bias [filters].
    Left as ops: a kernel that depends on the input; strides together with dilation.
    Source: tensorflow/python/ops/nn_ops.py, class Convolution and function with_space_to_batch, 1.15.
    """

    def convolve(x):
        return one_of(tf.Conv2D(x, kernel).named("conv"), tf.Conv3D(x, kernel).named("conv"))

    return biased(tf, dilated(tf, x, convolve, block, paddings, crops), bias)


@convolution.to_keras
def _(x, kernel, bias, conv, to_batch, to_space):
    shape = kernel.value.shape
    window = Window(conv, shape[:-2])
    window.dilate(to_batch, to_space)
    return _layer(window, x, kernel, shape, bias, conv)


@rule
def convolution_1d(tf, x, kernel: Weight, bias: Weight, block, paddings, crops):
    """Raise a convolution over one axis, which TensorFlow 1 writes as one over two, to `Conv1D`.

    Zeros in front that make it causal become padding="causal".
    Shapes: x [batch, steps, channels], kernel [steps, channels, filters], bias [filters].
    Source: tensorflow/python/ops/nn_ops.py, function conv1d, 1.15; tensorflow/python/keras/layers/convolutional.py.
    """

    def convolve(x):
        rows = one_of(tf.ExpandDims(kernel).named("lift"), kernel)
        conv = tf.Conv2D(tf.ExpandDims(x).named("expand"), rows).named("conv")
        return tf.Squeeze(biased(tf, conv, bias)).named("squeeze")

    return biased(tf, dilated(tf, one_of(tf.Pad(x).named("pad"), x), convolve, block, paddings, crops), bias)


@convolution_1d.to_keras
def _(x, kernel, bias, conv, expand, squeeze, lift, pad, to_batch, to_space):
    kernel, shape = lifted(kernel, lift, conv)
    unlifted(expand, squeeze)
    window = Window(conv, shape[:1], dimension=1)
    window.dilate(to_batch, to_space)
    if pad is not None:
        reach = (shape[0] - 1) * window.dilation_rate[0]
        require(window.padding == "valid" and not window.zeros and reach, "padded twice", pad)
        require(pad["paddings"] == ((0, 0), (reach, 0), (0, 0)), "the padding is not causal", pad)
        window.padding = "causal"
    return _layer(window, x, kernel, shape, bias, conv)


def _layer(window, x, kernel, shape, bias, conv):
    channels, filters = shape[-2:]
    require(x.shape[-1] is not None, "the number of channels is unknown", conv)
    dilates = any(rate > 1 for rate in window.dilation_rate)
    strides = window.unstride(x, conv) if dilates and set(window.strides) != {1} else None
    bias = per_filter(bias, filters)
    layer = getattr(layers, f"Conv{window.dimension}D")(
        filters,
        tuple(shape[:-2]),
        strides=window.strides,
        padding=window.padding,
        dilation_rate=window.dilation_rate,
        groups=x.shape[-1] // channels,
        use_bias=bias is not None,
    )
    y = layer.bind(kernel=kernel, bias=bias)(window.padded(x))
    return (
        y if strides is None else call("ops.getitem", y, (slice(None), *(slice(None, None, s) for s in strides), ...))
    )


@op("Conv2D", "Conv3D")
def convolution_with_any_kernel(x, kernel, *, node, strides, padding, dilations=(), explicit_paddings=()):
    """A kernel that depends on the input."""
    if padding == "EXPLICIT":
        x = ops.pad(x, tuple(zip(explicit_paddings[::2], explicit_paddings[1::2], strict=True)))
    steps = {"strides": strides[1:-1], "dilation_rate": dilations[1:-1] or (1,) * (len(strides) - 2)}
    outer = [*strides[:1], *strides[-1:], *dilations[:1], *dilations[-1:]]
    require(set(outer) == {1}, "strides over batch or channels", node)
    dilates = set(steps["dilation_rate"]) != {1}
    require(not dilates or set(strides) == {1}, "Keras has no strides together with dilation", node)
    y = ops.conv(x, kernel, padding="same" if padding == "SAME" else "valid", **steps)
    return at_run_time(y) if kernel.shape is None or None in kernel.shape else y


@convolution.example("tf.layers.conv2d", "Conv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 12, 12, 4], "x")
    return tf.layers.conv2d(x, 5, 3, strides=2, padding="same")


@convolution.example("tf.nn.conv2d with a bias that is added, rows and columns unknown", "Conv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 4], "x")
    w, b = tf.get_variable("w", [3, 2, 4, 5]), tf.get_variable("b", [1, 1, 1, 5])
    return tf.nn.conv2d(x, w, [1, 1, 2, 1], "VALID") + b


@convolution.example("its size is asked before the bias is added", "Conv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 4], "x")
    y = tf.nn.conv2d(x, tf.get_variable("w", [3, 3, 4, 6]), [1, 2, 2, 1], "VALID")
    biased, size = y + tf.get_variable("b", [6]), tf.shape(y)
    return tf.reshape(tf.nn.relu(biased), [size[0], size[1], size[2], 2, 3])


@convolution.example("three axes", "Conv3D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 7, 8, 2], "x")
    return tf.layers.conv3d(x, 3, 3, strides=(1, 2, 2), padding="same", use_bias=False)


@convolution.example("dilated by tf.nn.atrous_conv2d", "Conv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 11, 12, 4], "x")
    w = tf.get_variable("w", [3, 3, 4, 5])
    y = tf.space_to_batch_nd(x, [2, 2], [[2, 3], [2, 2]])
    return tf.batch_to_space_nd(tf.nn.conv2d(y, w, [1, 1, 1, 1], "VALID"), [2, 2], [[0, 1], [0, 0]])


@convolution.example("dilated where rows and columns are unknown", "Conv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 4], "x")
    w = tf.get_variable("w", [3, 3, 4, 5])
    extra = [(2 - (tf.shape(x)[axis] + 4) % 2) % 2 for axis in (1, 2)]
    paddings = tf.stack([tf.stack([2, 2 + each]) for each in extra])
    y = tf.nn.conv2d(tf.space_to_batch_nd(x, [2, 2], paddings), w, [1, 1, 1, 1], "VALID")
    return tf.batch_to_space_nd(y, [2, 2], tf.stack([tf.stack([0, each]) for each in extra]))


@convolution.example("explicit padding, and more than a dilated convolution needs", "ZeroPadding2D", "Conv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 9, 4], "x")
    y = tf.space_to_batch_nd(x, [2, 2], [[3, 4], [2, 3]])
    w = tf.get_variable("w", [3, 3, 4, 5])
    return tf.batch_to_space_nd(tf.nn.conv2d(y, w, [1, 1, 1, 1], "VALID"), [2, 2], [[0, 0], [0, 0]])


@convolution.example("strides together with dilation", "ZeroPadding2D", "Conv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 11, 12, 4], "x")
    return tf.nn.conv2d(x, tf.get_variable("w", [3, 3, 4, 5]), [1, 2, 4, 1], "SAME", dilations=[1, 3, 1, 1])


@convolution.example("channels first", "Conv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 9, 8], "x")
    w, b = tf.get_variable("w", [3, 3, 4, 5]), tf.get_variable("b", [5])
    y = tf.nn.conv2d(x, w, [1, 1, 2, 2], "SAME", data_format="NCHW")
    return tf.nn.bias_add(y, b, data_format="NCHW")


@convolution.counterexample("a kernel that depends on the input", "Conv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [2, 6, 6, 3], "x")
    kernel = tf.reshape(tf.reduce_mean(x, [1, 2]), [1, 1, 3, 2])
    return tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME")


@convolution.counterexample("padding at the start that BatchToSpaceND crops again", "ZeroPadding2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 8, 8, 4], "x")
    w = tf.get_variable("w", [3, 3, 4, 5])
    y = tf.nn.conv2d(tf.space_to_batch_nd(x, [2, 2], [[2, 2], [2, 2]]), w, [1, 1, 1, 1], "VALID")
    return tf.batch_to_space_nd(y, [2, 2], [[1, 0], [1, 0]])


@convolution_1d.example("tf.layers.conv1d", "Conv1D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 4], "x")
    return tf.layers.conv1d(x, 5, 3, strides=2, padding="same")


@convolution_1d.example("dilated", "Conv1D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 10, 4], "x")
    w, b = tf.get_variable("w", [3, 4, 5]), tf.get_variable("b", [5])
    y = tf.nn.conv1d(tf.space_to_batch_nd(x, [2], [[0, 0]]), w, 1, "VALID")
    return tf.nn.bias_add(tf.batch_to_space_nd(y, [2], [[0, 0]]), b)


@convolution_1d.example("causal: zeros in front alone", "Conv1D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 4], "x")
    return tf.layers.conv1d(tf.pad(x, [[0, 0], [2, 0], [0, 0]]), 5, 3)


@convolution_1d.counterexample("a convolution over one column is no Conv1D if its kernel has rows", "Conv1D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 10, 4], "x")
    w = tf.get_variable("w", [3, 1, 1, 5])
    return tf.nn.conv2d(tf.expand_dims(x, 3), w, [1, 1, 1, 1], "SAME")


RULES = (convolution_1d, convolution)
