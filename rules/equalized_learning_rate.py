"""Equalised learning rate: kernels that are a variable times a constant."""

from porter.rule import Scalar, Weight, one_of, require, rule


@rule
def equalized_learning_rate(tf, layer, kernel: Weight, factor: Scalar, divisor: Scalar):
    """Wrap a layer whose kernel is its variable times a constant in `EqualizedLearningRate`.

    Left as a fixed kernel: a factor that is a variable itself, or a mask.
    Source: "Progressive Growing of GANs" (Karras et al., 2017), function get_weight of its code.
    """
    return one_of(kernel * factor, kernel / divisor)


@equalized_learning_rate.to_keras
def _(layer, kernel, factor, divisor):
    require(kernel.value.node.op in ("Variable", "Const"), "the constant multiplies arithmetic", kernel.value)
    require(divisor != 0, "division by zero", kernel.value)
    return layer.bind(kernel=kernel).wrapped(
        "EqualizedLearningRate", factor=factor if factor is not None else 1.0 / divisor
    )


equalized_learning_rate.place = "kernels"


@equalized_learning_rate.example("as its authors wrote it", "EqualizedLearningRate")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 8, 8, 4], "x")
    kernel = tf.get_variable("weight", [3, 3, 4, 6]) * tf.constant(0.2357, name="wscale")
    y = tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME") + tf.reshape(tf.get_variable("bias", [6]), [1, 1, 1, 6])
    return tf.nn.leaky_relu(y)


@equalized_learning_rate.example("a dense layer, divided", "EqualizedLearningRate")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 16], "x")
    return tf.matmul(x, tf.get_variable("w", [16, 3]) / 4.0) + tf.get_variable("b", [3])


@equalized_learning_rate.counterexample("a factor that is learned", "EqualizedLearningRate")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 16], "x")
    return tf.matmul(x, tf.get_variable("w", [16, 3]) * tf.get_variable("scale", []))


RULES = (equalized_learning_rate,)
