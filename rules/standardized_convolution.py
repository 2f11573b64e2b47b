"""Weight standardisation: convolutions whose kernel is made to have mean 0 and deviation 1 for each filter."""

from porter.rule import Scalar, Weight, one_of, porter_layers, require, rule
from porter.rules.statistics import kept_axes, moments, own_axes, own_moments
from porter.rules.windows import Window, biased, dilated, lifted, per_filter, unlifted


def _standardized(tf, kernel, within, added):
    """(kernel - mean) / sqrt(variance + epsilon), or over sqrt(variance) + epsilon; perhaps centred twice."""
    mean, variance = own_moments(tf, kernel)
    centred = kernel - mean
    _, variance_of_centred = moments(tf, centred, "centred_mean", "centred_variance")
    variance = one_of(variance, variance_of_centred)
    deviation = one_of(tf.Sqrt(variance + within), tf.Sqrt(variance) + added)
    return one_of(centred / deviation, centred * tf.Rsqrt(variance + within))


@rule
def standardized_convolution(
    tf, x, kernel: Weight, bias: Weight, within: Scalar, added: Scalar, block, paddings, crops
):  # fmt: skip
    """Raise a convolution with a standardised kernel to `StandardizedConv2D` or `StandardizedConv3D`.

    Shapes: kernel [rows, columns, channels / groups, filters]; mean and variance over all axes but the last.
    Left as a convolution with a fixed kernel: any other arithmetic on the kernel.
    Source: "Weight Standardization" (Qiao et al., 2019).
    """
    standard = _standardized(tf, kernel, within, added)

    def convolve(x):
        return one_of(tf.Conv2D(x, standard).named("conv"), tf.Conv3D(x, standard).named("conv"))

    return biased(tf, dilated(tf, x, convolve, block, paddings, crops), bias)


@standardized_convolution.to_keras
def _(
    x, kernel, bias, within, added, conv, to_batch, to_space, batch_mean, batch_variance, batch_mean_rest,
    squeezed_mean, squeezed_variance, centred_mean, centred_variance,
):  # fmt: skip
    shape = kernel.value.shape
    own_axes(kernel.value, batch_mean, batch_variance, batch_mean_rest, squeezed_mean, squeezed_variance)
    _require_per_filter(kernel, batch_mean, batch_variance, centred_mean, centred_variance)
    window = Window(conv, shape[:-2])
    window.dilate(to_batch, to_space)
    return _layer(window, x, kernel, shape, bias, within, added)


@rule
def standardized_convolution_1d(
    tf, x, kernel: Weight, bias: Weight, within: Scalar, added: Scalar, block, paddings, crops
):  # fmt: skip
    """Raise a convolution over one axis with a standardised kernel to `StandardizedConv1D`."""
    standard = _standardized(tf, kernel, within, added)

    def convolve(x):
        conv = tf.Conv2D(tf.ExpandDims(x).named("expand"), tf.ExpandDims(standard).named("lift")).named("conv")
        return tf.Squeeze(biased(tf, conv, bias)).named("squeeze")

    return biased(tf, dilated(tf, x, convolve, block, paddings, crops), bias)


@standardized_convolution_1d.to_keras
def _(
    x, kernel, bias, within, added, conv, expand, squeeze, lift, to_batch, to_space,
    batch_mean, batch_variance, batch_mean_rest, squeezed_mean, squeezed_variance, centred_mean, centred_variance,
):  # fmt: skip
    own_axes(kernel.value, batch_mean, batch_variance, batch_mean_rest, squeezed_mean, squeezed_variance)
    _require_per_filter(kernel, batch_mean, batch_variance, centred_mean, centred_variance)
    kernel, shape = lifted(kernel, lift, conv)
    unlifted(expand, squeeze)
    window = Window(conv, shape[:1], dimension=1)
    window.dilate(to_batch, to_space)
    return _layer(window, x, kernel, shape, bias, within, added)


def _require_per_filter(kernel, *views):
    """Raises `Miss` unless these statistics are over all axes of the kernel but the last."""
    axes = kept_axes(kernel.value, *views)
    require(axes == tuple(range(len(kernel.value.shape) - 1)), f"the kernel is standardised over {axes}", kernel.value)


def _layer(window, x, kernel, shape, bias, within, added):
    channels, filters = shape[-2:]
    require(x.shape[-1] is not None, "the number of channels is unknown", x)
    dilates = any(rate > 1 for rate in window.dilation_rate)
    require(not dilates or set(window.strides) == {1}, "Keras has no strides together with dilation", x)
    bias = per_filter(bias, filters)
    options = {
        "strides": _once(window.strides),
        "padding": window.padding,
        "dilation_rate": _once(window.dilation_rate),
        "groups": x.shape[-1] // channels,
        "use_bias": bias is not None,
    }
    usual = {"strides": 1, "padding": "valid", "dilation_rate": 1, "groups": 1, "use_bias": True}
    layer = getattr(porter_layers, f"StandardizedConv{window.dimension}D")(
        filters,
        tuple(shape[:-2]),
        epsilon=within if added is None else added,
        guard="variance" if added is None else "deviation",
        **{name: value for name, value in options.items() if value != usual[name]},
    )
    return layer.bind(kernel=kernel, bias=bias)(window.padded(x))


def _once(numbers):
    return numbers[0] if len(set(numbers)) == 1 else numbers


@standardized_convolution.example("as its authors wrote it", "StandardizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 9, 4], "x")
    kernel = tf.get_variable("kernel", [3, 3, 4, 6])
    kernel = kernel - tf.math.reduce_mean(kernel, axis=[0, 1, 2], keepdims=True)
    kernel = kernel / (tf.math.reduce_std(kernel, axis=[0, 1, 2], keepdims=True) + 1e-5)
    return tf.nn.bias_add(tf.nn.conv2d(x, kernel, [1, 2, 2, 1], "SAME"), tf.get_variable("bias", [6]))


@standardized_convolution.example("by moments, dilated", "StandardizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 4], "x")
    kernel = tf.get_variable("kernel", [3, 3, 4, 6])
    mean, variance = tf.nn.moments(kernel, [0, 1, 2], keepdims=True)
    kernel = (kernel - mean) / tf.sqrt(variance + 1e-10)
    return tf.nn.relu(tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME", dilations=[1, 2, 2, 1]))


@standardized_convolution.example("three axes, statistics without kept axes", "StandardizedConv3D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 5, 5, 2], "x")
    kernel = tf.get_variable("kernel", [3, 3, 3, 2, 4])
    mean, variance = tf.nn.moments(kernel, [0, 1, 2, 3])
    return tf.nn.conv3d(x, (kernel - mean) / tf.sqrt(variance + 1e-5), [1, 1, 1, 1, 1], "VALID")


@standardized_convolution_1d.example("one axis", "StandardizedConv1D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 12, 3], "x")
    kernel = tf.get_variable("kernel", [4, 3, 5])
    mean, variance = tf.nn.moments(kernel, [0, 1], keepdims=True)
    return tf.nn.conv1d(x, (kernel - mean) * tf.math.rsqrt(variance + 1e-6), 1, "SAME")


@standardized_convolution.counterexample("standardised over the whole kernel", "StandardizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 9, 4], "x")
    kernel = tf.get_variable("kernel", [3, 3, 4, 6])
    mean, variance = tf.nn.moments(kernel, [0, 1, 2, 3], keepdims=True)
    return tf.nn.conv2d(x, (kernel - mean) / tf.sqrt(variance + 1e-5), [1, 1, 1, 1], "SAME")


RULES = (standardized_convolution, standardized_convolution_1d)
