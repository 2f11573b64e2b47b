"""Convolutions: Conv1D, Conv2D, Conv3D, with strides, dilation, groups, explicit padding and bias."""

from porter.rule import Weight, layers, one_of, require, rule
from porter.rules.windows import Window, biased, dilated


@rule
def convolution(tf, x, kernel: Weight, bias: Weight, block, paddings, crops):
    """Raise a convolution and its bias to `Conv2D` or `Conv3D`, with the `ZeroPadding` layer it needs, if any.

    Shapes: x [batch, rows, columns, channels] or [batch, channels, rows, columns], kernel [rows, columns, channels / groups,
    filters], bias [filters], or as it broadcasts.
    Left as ops: a kernel that depends on the input; strides together with dilation; a bias along another axis.
    Source: tensorflow/python/ops/nn_ops.py, class Convolution and with_space_to_batch, 1.15.
    """

    def convolve(x):
        return one_of(tf.Conv2D(x, kernel).named("conv"), tf.Conv3D(x, kernel).named("conv"))

    return biased(tf, dilated(tf, x, convolve, block, paddings, crops), bias)


@convolution.to_keras
def _(x, kernel, bias, conv, to_batch, to_space, add_bias, fold, unfold):
    shape = kernel.value.shape
    window = Window(conv, x, shape[:-2])
    window.dilate(to_batch, to_space)
    bias = window.bias(bias, shape[-1], add_bias, fold, unfold)
    return _layer(window, x, kernel, bias, shape, conv)


@rule
def convolution_1d(tf, x, kernel: Weight, bias: Weight, block, paddings, crops):
    """Raise a convolution over one axis, which TensorFlow 1 writes as one over two, to `Conv1D`.

    Zeros in front that make it causal become padding="causal".
    Shapes: x [batch, steps, channels] or [batch, channels, steps], kernel [steps, channels, filters].
    Source: tensorflow/python/ops/nn_ops.py, function conv1d, 1.15; tensorflow/python/keras/layers/convolutional.py.
    """

    def convolve(x):
        lifted = one_of(tf.ExpandDims(kernel).named("lift"), kernel)
        return tf.Squeeze(biased(tf, tf.Conv2D(tf.ExpandDims(x).named("expand"), lifted).named("conv"), bias)).named("squeeze")

    return biased(tf, dilated(tf, one_of(tf.Pad(x).named("pad"), x), convolve, block, paddings, crops), bias)


@convolution_1d.to_keras
def _(x, kernel, bias, conv, expand, squeeze, lift, pad, to_batch, to_space, add_bias):
    shape = kernel.value.shape
    kernel = lifted(kernel, lift, conv)
    shape = shape if lift else shape[1:]
    window = Window(conv, x, shape[:1], rank=4)
    unlifted(window, expand, squeeze)
    window.dilate(to_batch, to_space)
    bias = window.bias(bias, shape[-1], add_bias)
    if pad is not None:
        reach = (shape[0] - 1) * window.dilation_rate[0]
        causal = [(0, 0)] * 3
        causal[window.spatial[0]] = (reach, 0)
        fits = window.padding == "valid" and not window.zeros and window.data_format == "channels_last"
        require(fits and pad["paddings"] == tuple(causal) and reach, "the padding is not causal", pad)
        window.padding = "causal"
    return _layer(window, x, kernel, bias, shape, conv)


def lifted(kernel, lift, view):
    """A kernel over one axis, which got or already has a first axis of size 1, as it is without. Raises `Miss`."""
    if lift is not None:
        require(lift["axis"] == 0, "the kernel gets an axis that is not its first", lift)
        return kernel
    shape = kernel.value.shape
    require(shape[0] == 1, "the kernel has rows", view)
    return kernel.reshape(shape[1:])


def unlifted(window, expand, squeeze):
    """Check that what goes through the window was expanded by one axis before, and loses the same axis behind."""
    axis = window.spatial[0]
    require(expand["axis"] == axis and squeeze.get("axes") == (axis,), "another axis than the first spatial one", squeeze)


def _layer(window, x, kernel, bias, shape, conv):
    channels, filters = shape[-2:]
    require(x.shape[window.axis] is not None, "the number of channels is unknown", conv)
    dilates = any(rate > 1 for rate in window.dilation_rate)
    require(not dilates or set(window.strides) == {1}, "Keras has no strides together with dilation", conv)
    layer = getattr(layers, f"Conv{window.dimension}D")(
        filters,
        tuple(shape[:-2]),
        strides=window.strides,
        padding=window.padding,
        data_format=window.data_format,
        dilation_rate=window.dilation_rate,
        groups=x.shape[window.axis] // channels,
        use_bias=bias is not None,
    )
    return layer.bind(kernel=kernel, bias=bias)(window.padded(x))


RULES = (convolution_1d, convolution)
