"""Derivatives that a model answers with, as tf.gradients writes them."""

from operations import Case


def by(tf, y, x):
    return tf.gradients(y, x)[0]


def at(operation):
    """The derivative of an operation on rows, times what came back."""
    return lambda tf, rows: by(tf, operation(tf, rows) ** 2, rows)


def raw(name, **given):
    """The operation itself, on what came in or out and on what came back."""
    return lambda tf, rows, more: getattr(tf.raw_ops, name)(**{first(name): rows, second(name): more}, **given)


def first(name):
    return "y" if name.startswith(OF_OUTPUT) else "gradients"


def second(name):
    return "dy" if name.startswith(OF_OUTPUT) else "outputs" if name in ("EluGrad", "SeluGrad") else "features"


OF_OUTPUT = ("Tanh", "Sigmoid", "Sqrt", "Rsqrt", "Reciprocal", "Inv")


def by_bias(tf, x):
    bias = tf.get_variable("bias", [6])
    return x * by(tf, tf.nn.bias_add(x, bias) ** 2, bias)


def normalised(tf, image):
    """A batch normalisation in inference."""
    given = {name: tf.get_variable(name, [3]) for name in ("scale", "offset", "mean")}
    variance = tf.constant([0.5, 2.0, 1.0])
    return tf.raw_ops.FusedBatchNormV3(x=image, variance=variance, is_training=False, **given).y


def old_normalised(name):
    def build(tf, image):
        mean, variance, scale = (
            tf.get_variable("mean", [3]),
            tf.constant([0.5, 2.0, 1.0]),
            tf.get_variable("scale", [3]),
        )
        return getattr(tf.raw_ops, name)(
            y_backprop=image * 2.0, x=image, scale=scale, reserve_space_1=mean, reserve_space_2=variance,
            is_training=False,
        )[0]  # fmt: skip

    return build


def pooled(kind, size, stride, padding):
    def build(tf, image):
        pool = tf.nn.max_pool if kind == "max" else tf.nn.avg_pool
        return by(tf, pool(image, [1, size, size, 1], [1, stride, stride, 1], padding) ** 2, image)

    return build


def of_kernel(stride, padding, dilation=1):
    """The derivative by a kernel, of one sample's own: what it gives has no batch axis."""

    def build(tf, image):
        kernel = tf.get_variable("kernel", [3, 3, 3, 2])
        steps, rates = [1, stride, stride, 1], [1, dilation, dilation, 1]
        y = tf.nn.conv2d(image, kernel, strides=steps, padding=padding, dilations=rates)
        return image[:, :3, :3, :1] * by(tf, y**2, kernel)[:, :, 0, :1]

    return build


CASES: list[Case] = [
    *((f"{name}Grad", raw(f"{name}Grad")) for name in (
        "Tanh", "Sigmoid", "Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Softplus", "Softsign", "Reciprocal", "Inv",
        "Rsqrt",
    )),
    ("SqrtGrad", at(lambda tf, rows: tf.sqrt(tf.square(rows) + 1.0))),
    ("RsqrtGrad", at(lambda tf, rows: tf.math.rsqrt(tf.square(rows) + 1.0))),
    ("BiasAddGrad", by_bias),
    ("FusedBatchNormGradV3", lambda tf, image: by(tf, normalised(tf, image) ** 2, image)),
    ("FusedBatchNormGradV2", old_normalised("FusedBatchNormGradV2")),
    ("FusedBatchNormGrad", old_normalised("FusedBatchNormGrad")),
    ("StridedSliceGrad", lambda tf, x: by(tf, x[:, 1:3, -2] ** 2, x)),
    ("StridedSliceGrad", lambda tf, x: by(tf, x[:, :2] ** 2 + x[:, 2:] ** 3, x)),
    ("MaxPoolGrad", pooled("max", 2, 2, "VALID")),
    ("MaxPoolGrad", pooled("max", 3, 2, "SAME")),
    ("AvgPoolGrad", pooled("avg", 3, 2, "SAME")),
    ("AvgPoolGrad", pooled("avg", 2, 3, "VALID")),
    ("Conv2DBackpropFilter", of_kernel(2, "SAME")),
    ("Conv2DBackpropFilter", of_kernel(1, "VALID", dilation=2)),
]  # fmt: skip
