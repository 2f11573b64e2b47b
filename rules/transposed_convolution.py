"""Transposed convolutions: Conv2DTranspose and Conv3DTranspose, and 1D written as 2D."""

from porter.rule import NodeView, Weight, layers, one_of, op, porter_layers, require, rule, warn
from porter.rules.windows import Window, biased, lifted, per_filter, unlifted


@rule
def transposed_convolution(tf, x, kernel: Weight, bias: Weight, size):
    """Raise a transposed convolution and its bias to `Conv2DTranspose` or `Conv3DTranspose`.

    The output's size, which TensorFlow 1 takes from the caller, becomes `output_padding` where Keras has another. Where
    it is another tensor's, unknown before it runs, the layer gives all that its windows reach, which is cut to that size.
    Shapes: x [batch, rows, columns, channels], kernel [rows, columns, filters, channels], bias [filters].
    Refused: sizes that Keras cannot give, and sizes that do not follow from the input's.
    Source: tensorflow/python/ops/nn_ops.py, function conv2d_transpose, 1.15; keras/src/backend/common/backend_utils.py,
    function compute_conv_transpose_output_shape, 3.15.
    """
    inputs = (x, kernel), (x, kernel, size)
    kinds = (tf.Conv2DTranspose, tf.Conv3DTranspose)
    return biased(tf, one_of(*(kind(*each).named("conv") for kind in kinds for each in inputs)), bias)


@transposed_convolution.to_keras
def _(x, kernel, bias, conv, size):
    *sides, filters, channels = kernel.value.shape
    window = Window(conv, sides)
    asked = None if size is None else size.node.op
    require(asked in (None, "Shape", "Const"), "a size that is fed", conv)
    axes = range(1, 1 + window.dimension)
    known = all(value.shape and None not in value.shape[1:-1] for value in (x, conv.out))
    if asked != "Shape" or known:
        return _layer(window, x, conv, kernel, filters, bias, axes)
    return _cut_layer(window, x, conv, kernel, filters, bias, size.node.inputs[0])


@rule
def transposed_convolution_1d(tf, x, kernel: Weight, bias: Weight):
    """Raise a transposed convolution over one axis, which TensorFlow 1 writes as one over two, to `Conv1DTranspose`.

    Source: tensorflow/python/ops/nn_ops.py, function conv1d_transpose, 1.15.
    """
    rows = one_of(tf.ExpandDims(kernel).named("lift"), kernel)
    conv = tf.Conv2DTranspose(tf.ExpandDims(x).named("expand"), rows).named("conv")
    return biased(tf, tf.Squeeze(biased(tf, conv, bias)).named("squeeze"), bias)


@transposed_convolution_1d.to_keras
def _(x, kernel, bias, conv, expand, squeeze, lift):
    kernel, (*size, filters, _) = lifted(kernel, lift, conv)
    unlifted(expand, squeeze)
    return _layer(Window(conv, size, dimension=1), x, conv, kernel, filters, bias, [2])


def _layer(window, x, conv, kernel, filters, bias, axes):
    """The layer. axes: those of the operation that the window moves over."""
    return _keras_layer(window, x, kernel, filters, bias, window.padding, _output_padding(window, conv, axes))


def _cut_layer(window, x, conv, kernel, filters, bias, like):
    """The layer without padding, cut to the rows and columns of `like`."""
    extra, cut = _cut(window, conv)
    return cut(_keras_layer(window, x, kernel, filters, bias, "valid", extra), like)


def _cut(window, conv):
    """The output_padding with which a layer without padding gives all that may be asked for, and the layer that cuts it.

    TensorFlow's SAME cuts half of what is too much from the front, which depends on the size asked for; its VALID, and a
    window that leaves gaps, cut behind only. Raises `Miss` where no layer can do it.
    """
    _require_plain(window, conv)
    conv.get("size_of_another")
    same = window.padding == "same"
    sides = list(zip(window.size, window.strides, strict=True))
    centered = same and all(size >= stride for size, stride in sides)
    behind = not same or all(size < stride and size <= 2 for size, stride in sides)
    require(centered or behind, "a window that leaves gaps, to another tensor's size", conv)
    extra = None if centered or {*window.strides} == {1} else tuple(stride - 1 for stride in window.strides)
    return extra, porter_layers.CroppingLike(**({"centered": True} if centered else {}))


def _keras_layer(window, x, kernel, filters, bias, padding, output_padding):
    bias = per_filter(bias, filters)
    layer = getattr(layers, f"Conv{window.dimension}DTranspose")(
        filters,
        window.size,
        strides=window.strides,
        padding=padding,
        output_padding=output_padding,
        use_bias=bias is not None,
    )
    return layer.bind(kernel=kernel, bias=bias)(x)


def _require_plain(window, conv):
    require(not window.zeros, "explicit padding of a transposed convolution", conv)
    require({*window.dilation_rate} == {1}, "a dilated transposed convolution", conv)


def _output_padding(window, conv, axes):
    """The layer's output_padding, None where Keras finds the size by itself. Raises `Miss` where no layer can do it."""
    _require_plain(window, conv)
    conv.get("size_of_another")
    moves = [
        (*_sizes(conv, axis), size, stride)
        for axis, size, stride in zip(axes, window.size, window.strides, strict=True)
    ]
    if all(output == _own(steps, size, stride, window.padding) for steps, output, size, stride in moves):
        return None
    return tuple(_extra(*move, window.padding, conv) for move in moves)


def _sizes(conv, axis):
    """How many steps go in along `axis`, and how many come out."""
    x, y = conv.node.inputs[0], conv.out
    if x.shape and y.shape and x.shape[axis] is not None and y.shape[axis] is not None:
        return x.shape[axis], y.shape[axis]
    require(x.probe and y.probe, "the size of the output is not known before it runs", conv)
    if conv.get("size_of_another") and (x.shape is None or x.shape[axis] is None):
        warn(
            f"{conv.node.name} takes its size from another tensor: the model needs rows and columns of which "
            "every stride before it is a divisor"
        )
    return x.probe[axis], y.probe[axis]


def _own(steps, size, stride, padding):
    """How many steps Keras makes out of so many by itself."""
    return steps * stride if padding == "same" else (steps - 1) * stride + max(size, stride)


def _extra(steps, output, size, stride, padding, conv):
    """The output_padding with which Keras makes `output` steps."""
    extra = output - (steps - 1) * stride - (size % 2 if padding == "same" else size)
    require(0 <= extra < stride, f"Keras cannot make {output} of {steps} with stride {stride}", conv)
    return extra


@op("Conv2DTranspose", "Conv3DTranspose")
def transposed_convolution_with_any_kernel(x, kernel, *, node, strides, padding, dilations=(), size_of_another=False):
    """A kernel that depends on the input."""
    require(kernel.shape is not None and None not in kernel.shape[:-2], "the size of the kernel is unknown", node)
    view = NodeView(node, set())
    window = Window(view, kernel.shape[:-2])
    extra = _output_padding(window, view, range(1, 1 + window.dimension))
    return porter_layers.TransposedConvolution(window.strides, padding=window.padding, output_padding=extra)(x, kernel)


@op("Conv2DTranspose", "Conv3DTranspose")
def transposed_convolution_to_a_size(x, kernel, size, *, node, strides, padding, dilations=(), size_of_another=False):
    """A size that is fed, or another tensor's."""
    require(kernel.shape is not None and None not in kernel.shape, "the size of the kernel is unknown", node)
    window = Window(NodeView(node, set()), kernel.shape[:-2])
    if size.node.op == "Shape":
        extra, cut = _cut(window, NodeView(node, set()))
        y = porter_layers.TransposedConvolution(window.strides, padding="valid", output_padding=extra)(x, kernel)
        return cut(y, size.node.inputs[0])
    require(x.shape is not None and x.shape[0] is not None, "the batch is unknown, and fed once more as a size", node)
    _require_plain(window, node)
    warn(f"{node.name} takes its size from the data: JAX runs this model without compiling it")
    return porter_layers.SizedTransposedConvolution(window.strides, padding=window.padding)(x, kernel, size)


@transposed_convolution.example("tf.layers.conv2d_transpose", "Conv2DTranspose")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6, 4], "x")
    return tf.layers.conv2d_transpose(x, 3, 3, strides=2, padding="same")


@transposed_convolution.example("rows and columns unknown, valid, even kernel", "Conv2DTranspose")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 4], "x")
    return tf.layers.conv2d_transpose(x, 3, (4, 1), strides=(2, 3), padding="valid", use_bias=False)


@transposed_convolution.example("the batch's size goes into the output shape", "Conv2DTranspose")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6, 4], "x")
    w = tf.get_variable("w", [5, 5, 3, 4])
    y = tf.nn.conv2d_transpose(x, w, tf.stack([tf.shape(x)[0], 10, 12, 3]), [1, 2, 2, 1], "SAME")
    return tf.nn.bias_add(y, tf.get_variable("b", [3]))


@transposed_convolution.example("an odd size out of an even stride", "Conv2DTranspose")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6, 4], "x")
    w = tf.get_variable("w", [3, 3, 2, 4])
    return tf.nn.conv2d_transpose(x, w, tf.stack([tf.shape(x)[0], 9, 11, 2]), [1, 2, 2, 1], "SAME")


@transposed_convolution.example("the size of a picture before strides, even or odd", "Conv2DTranspose", "CroppingLike")
def _(tf):
    picture = tf.placeholder(tf.float32, [None, None, None, 3], "x")
    x = tf.layers.conv2d(picture, 4, 3, strides=2, padding="same")
    shape = tf.shape(picture)
    w = tf.get_variable("w", [4, 3, 2, 4])
    y = tf.nn.conv2d_transpose(x, w, tf.stack([shape[0], shape[1], shape[2], 2]), [1, 2, 2, 1], "SAME")
    return tf.nn.bias_add(y, tf.get_variable("b", [2]))


@transposed_convolution.example("three axes", "Conv3DTranspose")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 3, 4, 5, 2], "x")
    return tf.layers.conv3d_transpose(x, 3, 3, strides=2, padding="same")


@transposed_convolution_1d.example("tf.nn.conv1d_transpose", "Conv1DTranspose")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 4], "x")
    w = tf.get_variable("w", [3, 3, 4])
    return tf.nn.conv1d_transpose(x, w, tf.stack([tf.shape(x)[0], 12, 3]), 2, "SAME") + tf.get_variable("b", [3])


@transposed_convolution.counterexample("a kernel that depends on the input, to another's size", "Conv2DTranspose")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 3], "x")
    kernel = tf.reshape(tf.reduce_mean(x, [0, 1, 2]), [1, 1, 1, 3]) * tf.ones([2, 3, 2, 3])
    return tf.nn.conv2d_transpose(x[:, ::2, ::2], kernel, tf.shape(x[..., :2]), [1, 2, 2, 1], "SAME")


@transposed_convolution.counterexample("a kernel that depends on the input", "Conv2DTranspose")
def _(tf):
    x = tf.placeholder(tf.float32, [2, 4, 4, 3], "x")
    kernel = tf.reshape(tf.reduce_mean(x, [1, 2]), [1, 1, 2, 3])
    return tf.nn.conv2d_transpose(x, kernel, [2, 8, 8, 2], [1, 2, 2, 1], "SAME")


@transposed_convolution.counterexample("a size that Keras cannot give", "Conv2DTranspose")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 1, 1, 4], "x")
    w = tf.get_variable("w", [3, 3, 2, 4])
    return tf.nn.conv2d_transpose(x, w, tf.stack([tf.shape(x)[0], 2, 2, 2]), [1, 2, 2, 1], "VALID")


RULES = (transposed_convolution_1d, transposed_convolution)
