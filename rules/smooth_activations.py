"""Activations that people wrote out of sigmoid, tanh, erf and relu6: swish, mish, gelu and their hard forms."""

import math

from porter.rule import Scalar, layers, one_of, ops, require, rule
from porter.rules.placement import activation


@rule
def swish(tf, x):
    """Raise x sigmoid(x) to `silu`. With a factor in the sigmoid it stays as it is written."""
    return x * tf.Sigmoid(x)


@swish.to_keras
def _(x):
    return activation(x, "silu")


@rule
def mish(tf, x):
    """Raise x tanh(softplus(x)) to `mish`."""
    return x * tf.Tanh(one_of(tf.Softplus(x), tf.Log(1 + tf.Exp(x))))


@mish.to_keras
def _(x):
    require(x.dtype == "float32", f"mish of {x.dtype}")
    return layers.Activation("mish")(x)


@rule
def hard_swish(tf, x):
    """Raise x relu6(x + 3) / 6 to `hard_silu`.

    Source: MobileNet V3, hard swish.
    """
    gate = tf.Relu6(x + 3)
    sixth = one_of(gate / 6, gate * (1 / 6))
    return one_of(x * sixth, x * gate / 6, x * gate * (1 / 6))


@hard_swish.to_keras
def _(x):
    return activation(x, "hard_silu")


@rule
def hard_sigmoid(tf, x):
    """Raise relu6(x + 3) / 6 to `hard_sigmoid`. Keras 2's, clip(0.2 x + 0.5), has another slope and stays ops."""
    gate = tf.Relu6(x + 3)
    return one_of(gate / 6, gate * (1 / 6))


@hard_sigmoid.to_keras
def _(x):
    return activation(x, "hard_sigmoid")


def _half(x, factor):
    """x factor / 2 in the orders that people wrote."""
    half = one_of(0.5 * factor, factor / 2)
    return one_of(x * half, (0.5 * x) * factor, 0.5 * (x * factor), (x * factor) / 2, (x / 2) * factor)


@rule
def gelu_erf(tf, x, root: Scalar, inverse: Scalar):
    """Raise x (1 + erf(x / sqrt 2)) / 2, in any order of its factors, to `gelu`.

    Source: the paper, and google-research/bert before it took the approximation.
    """
    inner = one_of(x / root, x * inverse)
    return _half(x, 1 + tf.Erf(inner))


@gelu_erf.to_keras
def _(x, root, inverse):
    factor = inverse if root is None else 1 / root
    require(abs(factor - math.sqrt(0.5)) < 1e-4, f"a factor of {factor} in the error function")
    if x.node.op.startswith("layers.") and x.dtype == "float32":
        return layers.Activation("gelu")(x)
    return ops.gelu(x, approximate=False)


@rule
def gelu_tanh(tf, x, factor: Scalar, small: Scalar):
    """Raise x (1 + tanh(sqrt(2/pi) (x + 0.044715 x³))) / 2 to the approximate `gelu`.

    Source: openai/gpt-2 and google-research/bert.
    """
    cube = one_of(tf.Pow(x, 3), tf.Square(x) * x, (x * x) * x)
    inner = one_of(x + small * cube, x * (1 + small * tf.Square(x)), x * (1 + (small * x) * x), x + (small * x) * x * x)
    return _half(x, 1 + tf.Tanh(factor * inner))


@gelu_tanh.to_keras
def _(x, factor, small):
    require(abs(factor - math.sqrt(2 / math.pi)) < 1e-4, f"a factor of {factor} in the tangent")
    require(abs(small - 0.044715) < 1e-6, f"a factor of {small} before the cube")
    return ops.gelu(x, approximate=True)


def _x(tf, *shape):
    return tf.placeholder(tf.float32, [None, *shape], "x")


@swish.example("x sigmoid(x)", "ops.silu")
def _(tf):
    x = _x(tf, 4)
    return tf.nn.sigmoid(x) * x


@swish.example("behind a layer", "Dense")
def _(tf):
    x = tf.layers.dense(_x(tf, 4), 3)
    return x * tf.nn.sigmoid(x)


@swish.counterexample("with a factor in the sigmoid", "ops.silu")
def _(tf):
    x = _x(tf, 4)
    return x * tf.nn.sigmoid(1.702 * x)


@swish.counterexample("a gate of another tensor", "ops.silu")
def _(tf):
    return _x(tf, 4) * tf.nn.sigmoid(tf.placeholder(tf.float32, [None, 4], "y"))


@mish.example("x tanh(softplus(x))", "Activation")
def _(tf):
    x = _x(tf, 4)
    return x * tf.tanh(tf.nn.softplus(x))


@hard_swish.example("x relu6(x + 3) / 6", "ops.hard_silu")
def _(tf):
    x = _x(tf, 4)
    return x * tf.nn.relu6(x + 3) / 6


@hard_swish.example("x (relu6(x + 3) 0.1666667)", "ops.hard_silu")
def _(tf):
    x = _x(tf, 4)
    return x * (tf.nn.relu6(x + 3.0) * (1.0 / 6.0))


@hard_sigmoid.example("relu6(x + 3) / 6", "ops.hard_sigmoid")
def _(tf):
    return tf.nn.relu6(_x(tf, 4) + 3) / 6


@gelu_erf.example("0.5 x (1 + erf(x / sqrt 2))", "ops.gelu")
def _(tf):
    x = _x(tf, 4)
    return 0.5 * x * (1.0 + tf.math.erf(x / 2.0**0.5))


@gelu_erf.example("google-research/bert: x times the distribution function", "ops.gelu")
def _(tf):
    x = _x(tf, 4)
    return x * (0.5 * (1.0 + tf.math.erf(x / tf.sqrt(2.0))))


@gelu_erf.counterexample("another factor in the error function", "ops.gelu")
def _(tf):
    x = _x(tf, 4)
    return 0.5 * x * (1.0 + tf.math.erf(x / 1.5))


@gelu_tanh.example("openai/gpt-2", "ops.gelu")
def _(tf):
    x = _x(tf, 4)
    return 0.5 * x * (1 + tf.tanh(0.7978845608028654 * (x + 0.044715 * tf.pow(x, 3))))


@gelu_tanh.example("with x x x and the distribution function first", "ops.gelu")
def _(tf):
    x = _x(tf, 4)
    cdf = 0.5 * (1.0 + tf.tanh((2 / 3.141592653589793) ** 0.5 * (x + 0.044715 * x * x * x)))
    return x * cdf


@gelu_tanh.counterexample("another cube", "ops.gelu")
def _(tf):
    x = _x(tf, 4)
    return 0.5 * x * (1 + tf.tanh(0.7978845608028654 * (x + 0.05 * tf.pow(x, 3))))


RULES = (gelu_erf, gelu_tanh, mish, hard_swish, hard_sigmoid, swish)
