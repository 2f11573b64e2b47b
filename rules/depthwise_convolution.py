"""Depthwise and separable convolutions, in one and two dimensions."""

from porter.rule import Weight, layers, one_of, op, ops, require, rule
from porter.rules.windows import Window, biased, dilated, lifted, per_filter, unlifted


@rule
def depthwise_convolution(tf, x, kernel: Weight, bias: Weight, block, paddings, crops):
    """Raise a depthwise convolution and its bias to `DepthwiseConv2D`, with the `ZeroPadding2D` it needs, if any.

    Shapes: x [batch, rows, columns, channels], kernel [rows, columns, channels, multiplier].
    Left as ops: a kernel that depends on the input.
    Source: tensorflow/python/ops/nn_impl.py, function depthwise_conv2d, 1.15.
    """

    def convolve(x):
        return tf.DepthwiseConv2dNative(x, kernel).named("conv")

    return biased(tf, dilated(tf, x, convolve, block, paddings, crops), bias)


@depthwise_convolution.to_keras
def _(x, kernel, bias, conv, to_batch, to_space):
    *size, channels, multiplier = kernel.value.shape
    require(None not in kernel.value.shape, "the kernel's size is not known", conv)
    window = Window(conv, size)
    window.dilate(to_batch, to_space)
    bias = per_filter(bias, channels * multiplier)
    layer = layers.DepthwiseConv2D(
        tuple(size), depth_multiplier=multiplier, use_bias=bias is not None, **_steps(window)
    )
    return layer.bind(kernel=kernel, bias=bias)(window.padded(x))


@rule
def separable_convolution(tf, x, depthwise: Weight, pointwise: Weight, bias: Weight, block, paddings, crops):
    """Raise a depthwise convolution and the 1x1 convolution of its result to `SeparableConv2D`.

    Left apart: the two with anything between them, or a depthwise result that is used elsewhere too.
    Source: tensorflow/python/ops/nn_impl.py, function separable_conv2d, 1.15.
    """

    def convolve(x):
        return tf.DepthwiseConv2dNative(x, depthwise).named("conv")

    y = dilated(tf, x, convolve, block, paddings, crops)
    return biased(tf, tf.Conv2D(y, pointwise).named("mix"), bias)


@separable_convolution.to_keras
def _(x, depthwise, pointwise, bias, conv, mix, to_batch, to_space):
    *size, channels, multiplier = depthwise.value.shape
    window = Window(conv, size)
    window.dilate(to_batch, to_space)
    filters = _mixed(mix, pointwise, channels * multiplier)
    bias = per_filter(bias, filters)
    layer = layers.SeparableConv2D(
        filters, tuple(size), depth_multiplier=multiplier, use_bias=bias is not None, **_steps(window)
    )
    weights = {"depthwise_kernel": depthwise, "pointwise_kernel": pointwise, "bias": bias}
    return layer.bind(**weights)(window.padded(x))


@rule
def separable_convolution_1d(tf, x, depthwise: Weight, pointwise: Weight, bias: Weight, block, paddings, crops):
    """Raise a separable convolution over one axis, which TensorFlow 1 writes as one over two, to `SeparableConv1D`.

    Shapes: x [batch, steps, channels], kernels [steps, channels, multiplier] and [1, channels * multiplier, filters].
    Source: tensorflow/python/layers/convolutional.py, class SeparableConv1D, 1.15.
    """

    def convolve(x):
        rows = one_of(tf.ExpandDims(depthwise).named("lift"), depthwise)
        return tf.DepthwiseConv2dNative(x, rows).named("conv")

    mixing = one_of(tf.ExpandDims(pointwise).named("lift_mixing"), pointwise)
    y = dilated(tf, tf.ExpandDims(x).named("expand"), convolve, block, paddings, crops)
    y = tf.Squeeze(biased(tf, tf.Conv2D(y, mixing).named("mix"), bias)).named("squeeze")
    return biased(tf, y, bias)


@separable_convolution_1d.to_keras
def _(x, depthwise, pointwise, bias, conv, mix, expand, squeeze, lift, lift_mixing, to_batch, to_space):
    unlifted(expand, squeeze)
    depthwise, (*size, channels, multiplier) = lifted(depthwise, lift, conv)
    window = Window(conv, [1, *size])
    window.dilate(to_batch, to_space)
    require(not window.zeros or window.zeros[0] == (0, 0), "the single row is padded", conv)
    filters = _mixed(mix, pointwise, channels * multiplier)
    pointwise, _ = lifted(pointwise, lift_mixing, mix)
    bias = per_filter(bias, filters)
    window.drop(0)
    layer = layers.SeparableConv1D(
        filters, tuple(size), depth_multiplier=multiplier, use_bias=bias is not None, **_steps(window)
    )
    weights = {"depthwise_kernel": depthwise, "pointwise_kernel": pointwise, "bias": bias}
    return layer.bind(**weights)(window.padded(x))


def _steps(window):
    return {"strides": window.strides, "padding": window.padding, "dilation_rate": window.dilation_rate}


def _mixed(mix, pointwise, channels):
    """The number of filters of a 1x1 convolution. Raises `Miss` if it is anything more than that."""
    shape = pointwise.value.shape
    plain = Window(mix, shape[:-2] if len(shape) == 4 else (1, 1))
    require(set(shape[:-2]) == {1} and shape[-2] == channels, "the second convolution is not pointwise", mix)
    require({*plain.strides, *plain.dilation_rate} == {1} and not plain.zeros, "the pointwise convolution strides", mix)
    return shape[-1]


@op("DepthwiseConv2dNative")
def depthwise_convolution_with_any_kernel(x, kernel, *, node, strides, padding, dilations=(1, 1, 1, 1)):
    """A kernel that depends on the input."""
    require(padding in ("SAME", "VALID"), "explicit padding around a kernel that depends on the input", node)
    require({strides[0], strides[-1], dilations[0], dilations[-1]} == {1}, "strides over batch or channels", node)
    return ops.depthwise_conv(x, kernel, strides=strides[1:-1], padding=padding.lower(), dilation_rate=dilations[1:-1])


@depthwise_convolution.example("tf.nn.depthwise_conv2d", "DepthwiseConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 4], "x")
    w = tf.get_variable("depthwise_weights", [3, 3, 4, 2])
    return tf.nn.bias_add(tf.nn.depthwise_conv2d(x, w, [1, 2, 2, 1], "SAME"), tf.get_variable("biases", [8]))


@depthwise_convolution.example("with a rate", "DepthwiseConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 12, 12, 4], "x")
    w = tf.get_variable("w", [3, 3, 4, 1])
    y = tf.nn.depthwise_conv2d_native(tf.space_to_batch_nd(x, [2, 2], [[2, 2], [2, 2]]), w, [1, 1, 1, 1], "VALID")
    return tf.batch_to_space_nd(y, [2, 2], [[0, 0], [0, 0]])


@depthwise_convolution.counterexample("a depthwise convolution with an activation before the next", "SeparableConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 12, 12, 4], "x")
    y = tf.nn.depthwise_conv2d(x, tf.get_variable("w", [3, 3, 4, 1]), [1, 1, 1, 1], "SAME")
    return tf.nn.conv2d(tf.maximum(y, 0.5), tf.get_variable("v", [1, 1, 4, 6]), [1, 1, 1, 1], "SAME")


@separable_convolution.example("tf.layers.separable_conv2d", "SeparableConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 12, 12, 4], "x")
    return tf.layers.separable_conv2d(x, 6, 3, strides=2, depth_multiplier=2, padding="same")


@separable_convolution.counterexample("a depthwise result that is used twice", "SeparableConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 12, 12, 4], "x")
    y = tf.nn.depthwise_conv2d(x, tf.get_variable("w", [3, 3, 4, 1]), [1, 1, 1, 1], "SAME")
    return tf.nn.conv2d(y, tf.get_variable("v", [1, 1, 4, 4]), [1, 1, 1, 1], "SAME") + y


@separable_convolution_1d.example("tf.layers.separable_conv1d", "SeparableConv1D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 12, 4], "x")
    return tf.layers.separable_conv1d(x, 6, 3, strides=2, padding="same")


RULES = (separable_convolution_1d, separable_convolution, depthwise_convolution)
