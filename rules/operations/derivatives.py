"""Derivatives that a model answers with, as physics-informed networks and saliency maps do: formulas of what came in.

Source: tensorflow/core/kernels/cwise_ops_gradients.h, relu_op_functor.h and softplus_op.h, 1.15.
"""

from porter.rule import constant, op, ops, porter_layers, require

SELU_SCALE, SELU_SCALED_ALPHA = 1.0507009873554804934193349852946, 1.7580993408473768599402175208123


@op("TanhGrad")
def tanh(y, dy):
    return ops.multiply(dy, ops.subtract(1.0, ops.square(y)))


@op("SigmoidGrad")
def sigmoid(y, dy):
    return ops.multiply(ops.multiply(dy, y), ops.subtract(1.0, y))


@op("SqrtGrad")
def sqrt(y, dy):
    return ops.true_divide(ops.multiply(dy, 0.5), y)


@op("RsqrtGrad")
def rsqrt(y, dy):
    return ops.multiply(ops.multiply(dy, -0.5), ops.power(y, 3.0))


@op("ReciprocalGrad", "InvGrad")
def reciprocal(y, dy):
    return ops.negative(ops.multiply(dy, ops.square(y)))


@op("ReluGrad")
def relu(dy, x):
    return ops.where(ops.greater(x, 0), dy, 0.0)


@op("Relu6Grad")
def relu6(dy, x):
    return ops.where(ops.logical_and(ops.greater(x, 0), ops.less(x, 6)), dy, 0.0)


@op("LeakyReluGrad")
def leaky_relu(dy, x, *, alpha=0.2):
    return ops.where(ops.greater(x, 0), dy, ops.multiply(dy, alpha))


@op("EluGrad")
def elu(dy, y):
    return ops.where(ops.less(y, 0), ops.multiply(ops.add(y, 1.0), dy), dy)


@op("SeluGrad")
def selu(dy, y):
    low = ops.multiply(ops.add(y, SELU_SCALED_ALPHA), dy)
    return ops.where(ops.less(y, 0), low, ops.multiply(dy, SELU_SCALE))


@op("SoftplusGrad")
def softplus(dy, x):
    return ops.multiply(dy, ops.sigmoid(x))


@op("SoftsignGrad")
def softsign(dy, x):
    return ops.true_divide(dy, ops.square(ops.add(ops.abs(x), 1.0)))


@op("BiasAddGrad")
def bias_add(dy, *, data_format="NHWC"):
    require(dy.rank is not None, "the rank is not known", dy)
    channels = 1 if data_format == "NCHW" else dy.rank - 1
    return ops.sum(dy, axis=tuple(axis for axis in range(dy.rank) if axis != channels))


@op("FusedBatchNormGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3")
def fused_batch_norm(dy, x, scale, mean, variance, *, node, epsilon=1e-4, is_training=True):
    """In inference, where the statistics are numbers of their own: dy * scale / sqrt(variance + epsilon)."""
    require(is_training is False, "its statistics are the batch's", node)
    require(not any(value.uses for value in node.outputs[1:]), "the derivatives by scale and offset are wanted", node)
    return ops.multiply(dy, ops.multiply(scale, ops.rsqrt(ops.add(variance, float(epsilon)))))


@op("StridedSliceGrad")
def strided_slice(
    shape, begin, end, strides, dy, *,
    node, begin_mask=0, end_mask=0, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=0,
):  # fmt: skip
    """What was cut out goes back to its place among zeros."""
    begins, ends, steps = (constant(value) for value in (begin, end, strides))
    require(all(each is not None for each in (begins, ends, steps)), "what was cut out depends on the data", node)
    require((steps == 1).all() and not ellipsis_mask and not new_axis_mask, "steps, or new axes", node)
    whole = node.out.shape
    require(whole is not None and dy.rank is not None, "the rank is not known", node)
    pads = []
    for axis, size in enumerate(whole):
        bit = 1 << axis
        first = 0 if axis >= len(begins) or begin_mask & bit else int(begins[axis])
        last = None if axis >= len(begins) or end_mask & bit else int(ends[axis])
        if axis < len(begins) and shrink_axis_mask & bit:
            dy, first = ops.expand_dims(dy, axis), int(begins[axis])
            last = first + 1 or None
        require(size is not None or (first == 0 and last is None), "what was cut out of a size that is not known", node)
        if size is None:
            pads.append((0, 0))
            continue
        start, stop, _ = slice(first, last).indices(size)
        pads.append((start, size - max(stop, start)))
    return ops.pad(dy, tuple(pads)) if any(map(any, pads)) else dy


@op("MaxPoolGrad")
def max_pool(x, y, dy, *, ksize, strides, padding, data_format="NHWC", explicit_paddings=()):
    """What comes back goes to the largest entry of each window, to the first of several."""
    _require_pictures(x, data_format, padding)
    return porter_layers.MaxPoolingGradient(tuple(ksize[1:3]), tuple(strides[1:3]), padding=padding.lower())(x, dy)


@op("AvgPoolGrad")
def average_pool(shape, dy, *, node, ksize, strides, padding, data_format="NHWC"):
    """What comes back is spread evenly over each window."""
    _require_pictures(node.out, data_format, padding)
    layer = porter_layers.AveragePoolingGradient(
        tuple(node.out.shape[1:3]), tuple(ksize[1:3]), tuple(strides[1:3]), padding=padding.lower()
    )
    return layer(dy)


@op("Conv2DBackpropFilter")
def kernel(
    x, shape, dy, *,
    strides, padding, use_cudnn_on_gpu=True, data_format="NHWC", dilations=(1, 1, 1, 1), explicit_paddings=(),
):  # fmt: skip
    """The derivative by a convolution's kernel."""
    size = constant(shape)
    require(size is not None, "the kernel's size is known only when the model runs", shape)
    _require_pictures(x, data_format, padding)
    require(size[2] == x.shape[-1], "a convolution in groups", x)
    return porter_layers.KernelGradient(
        tuple(size[:2].tolist()), tuple(strides[1:3]), padding=padding.lower(), dilation=tuple(dilations[1:3])
    )(x, dy)


def _require_pictures(x, data_format, padding):
    require(data_format == "NHWC", "channels come first", x)
    require(padding in ("SAME", "VALID"), "padding of its own", x)
    known = x.shape is not None and None not in x.shape[1:]
    require(known, "rows and columns must be known", x)
