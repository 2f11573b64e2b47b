"""Weight standardisation: convolutions whose kernel is made to have mean 0 and deviation 1 for each filter."""

from porter.rule import Scalar, Weight, one_of, porter_layers, rule
from porter.rules.statistics import kept_axes, moments, own_axes, own_moments


@rule
def standardized_convolution(tf, layer, kernel: Weight, within: Scalar, added: Scalar):
    """Raise a convolution with a standardised kernel to `StandardizedConv1D`, `2D`, `3D` or `StandardizedDepthwiseConv2D`.

    Any other layer, and one whose kernel is standardised over other axes, is wrapped in `WeightStandardization`.

    (kernel - mean) / sqrt(variance + epsilon), or over sqrt(variance) + epsilon; perhaps centred twice.
    Shapes: kernel [rows, columns, channels / groups, filters]; mean and variance over all axes but the last; of a depthwise
    kernel over rows and columns, or over these and the channels.
    Left as a layer with a fixed kernel: any other arithmetic on the kernel.
    Source: "Weight Standardization" (Qiao et al., 2019).
    """
    mean, variance = own_moments(tf, kernel)
    centred = kernel - mean
    _, variance_of_centred = moments(tf, centred, "centred_mean", "centred_variance")
    variance = one_of(variance, variance_of_centred)
    deviation = one_of(tf.Sqrt(variance + within), tf.Sqrt(variance) + added)
    return one_of(centred / deviation, centred * tf.Rsqrt(variance + within))


@standardized_convolution.to_keras
def _(
    layer, kernel, within, added, batch_mean, batch_variance, batch_mean_rest, squeezed_mean, squeezed_variance,
    centred_mean, centred_variance,
):  # fmt: skip
    kind = layer.op.split(".")[1]
    own_axes(kernel.value, batch_mean, batch_variance, batch_mean_rest, squeezed_mean, squeezed_variance)
    axes = kept_axes(kernel.value, batch_mean, batch_variance, centred_mean, centred_variance)
    all_but_last = tuple(range(len(kernel.value.shape) - 1))
    own = {"Conv1D": (), "Conv2D": (), "Conv3D": (), "DepthwiseConv2D": ((0, 1),)}
    options = {"axis": axes} if kind == "DepthwiseConv2D" or axes != all_but_last else {}
    options["epsilon"] = within if added is None else added
    options["guard"] = "variance" if added is None else "deviation"
    if axes not in (all_but_last, *own.get(kind, ())) or kind not in own:
        return layer.bind(kernel=kernel).wrapped("WeightStandardization", **options)
    options |= {name: _once(value) for name, value in layer.kwargs.items() if _once(value) != USUAL.get(name)}
    made = getattr(porter_layers, f"Standardized{kind}")(*layer.args, **options)
    return made.bind(**{**layer.weights, "kernel": kernel})


# Keras' own defaults, which these layers hand on
USUAL = {"strides": 1, "padding": "valid", "dilation_rate": 1, "groups": 1, "use_bias": True, "depth_multiplier": 1}


def _once(value):
    """One number for several that are the same."""
    return value[0] if isinstance(value, (tuple, list)) and len(set(value)) == 1 else value


standardized_convolution.place = "kernels"


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


@standardized_convolution.example("one axis", "StandardizedConv1D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 12, 3], "x")
    kernel = tf.get_variable("kernel", [4, 3, 5])
    mean, variance = tf.nn.moments(kernel, [0, 1], keepdims=True)
    return tf.nn.conv1d(x, (kernel - mean) * tf.math.rsqrt(variance + 1e-6), 1, "SAME")


@standardized_convolution.example("a dense layer", "WeightStandardization")
def _(tf):
    kernel = tf.get_variable("kernel", [6, 4])
    mean, variance = tf.nn.moments(kernel, [0], keepdims=True)
    kernel = (kernel - mean) / tf.sqrt(variance + 1e-5)
    return tf.matmul(tf.placeholder(tf.float32, [None, 6], "x"), kernel) + tf.get_variable("bias", [4])


@standardized_convolution.example("a transposed convolution, which has its filters third", "WeightStandardization")
def _(tf):
    x = tf.placeholder(tf.float32, [2, 5, 5, 3], "x")
    kernel = tf.get_variable("kernel", [3, 3, 4, 3])
    mean, variance = tf.nn.moments(kernel, [0, 1, 3], keepdims=True)
    kernel = (kernel - mean) / tf.sqrt(variance + 1e-5)
    return tf.nn.conv2d_transpose(x, kernel, [2, 10, 10, 4], [1, 2, 2, 1], "SAME")


@standardized_convolution.counterexample("standardised over the whole kernel", "StandardizedConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 9, 4], "x")
    kernel = tf.get_variable("kernel", [3, 3, 4, 6])
    mean, variance = tf.nn.moments(kernel, [0, 1, 2, 3], keepdims=True)
    return tf.nn.conv2d(x, (kernel - mean) / tf.sqrt(variance + 1e-5), [1, 1, 1, 1], "SAME")


@standardized_convolution.example("depthwise, each channel by itself", "StandardizedDepthwiseConv2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 9, 9, 4], "x")
    kernel = tf.get_variable("kernel", [3, 3, 4, 2])
    mean, variance = tf.nn.moments(kernel, [0, 1], keepdims=True)
    y = tf.nn.depthwise_conv2d(x, (kernel - mean) / tf.sqrt(variance + 1e-5), [1, 2, 2, 1], "SAME")
    return tf.nn.relu(tf.nn.bias_add(y, tf.get_variable("bias", [8])))


RULES = (standardized_convolution,)
