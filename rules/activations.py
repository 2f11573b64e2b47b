"""Activations: TensorFlow's own, and the kinds of ReLU that people wrote by hand."""

from porter.rule import Scalar, Weight, layers, one_of, op, ops, require, rule
from porter.rules.placement import activation

# TensorFlow's operations by the name of Keras' activation. All take float tensors.
NAMED = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Selu": "selu",
    "Elu": "elu",
}


def _register(operation, name):
    @op(operation)
    def _(x):
        return activation(x, name)


for _operation, _name in NAMED.items():
    _register(_operation, _name)


@op("Relu")
def relu(x):
    """`ReLU`; integers and other floats than float32 stay what they are."""
    if x.dtype == "float32":
        return layers.ReLU()(x)
    return ops.relu(x) if x.dtype.startswith("float") else ops.maximum(x, 0)


@op("Relu6")
def relu6(x):
    if x.dtype == "float32":
        return layers.ReLU(max_value=6.0)(x)
    return ops.relu6(x) if x.dtype.startswith("float") else ops.clip(x, 0, 6)


@op("LeakyRelu")
def leaky_relu(x, *, alpha=0.2):
    return _leaky(x, alpha)


def _leaky(x, slope):
    if slope < 0:  # no leaky ReLU to Keras
        return ops.where(ops.greater(x, 0), x, ops.multiply(x, slope))
    if x.dtype == "float32":
        return layers.LeakyReLU(negative_slope=slope)(x)
    return ops.leaky_relu(x, negative_slope=slope)


@rule
def leaky_relu_as_maximum(tf, x, slope: Scalar):
    """Raise max(x, slope x) to `LeakyReLU`.

    Shapes: any. With a slope above 1 it is slope x for positive x, and x for negative. That is written as a choice, for
    TensorFlow's graph optimizer takes the maximum for a leaky ReLU all the same, and then computes another function.
    Source: hand-written TensorFlow 1 code of before `tf.nn.leaky_relu`, such as DCGAN.
    """
    return tf.Maximum(slope * x, x)


@leaky_relu_as_maximum.to_keras
def _(x, slope):
    require(slope >= 0, f"the slope is {slope}")
    if slope > 1:
        return ops.where(ops.greater(x, 0), ops.multiply(x, slope), x)
    return _leaky(x, slope)


@rule
def leaky_relu_by_hand(tf, x, slope: Scalar, half: Scalar, other: Scalar):
    """Raise relu(x) - slope relu(-x) and p x + q |x| to `LeakyReLU`.

    Shapes: any. Left as ops: factors that do not make x of a positive x.
    Source: hand-written TensorFlow 1 code, such as pix2pix.
    """
    return one_of(tf.Relu(x) - slope * tf.Relu(tf.Neg(x)), half * x + other * tf.Abs(x))


@leaky_relu_by_hand.to_keras
def _(x, slope, half, other):
    if half is not None:
        require(abs(half + other - 1) < 1e-6, f"{half} x + {other} |x| is not x for positive x")
        slope = round(half - other, 6)
    require(slope >= 0, f"the slope is {slope}")
    return _leaky(x, slope)


@rule
def relu_by_hand(tf, x):
    """Raise max(x, 0) to `ReLU`."""
    return tf.Maximum(x, 0)


@relu_by_hand.to_keras
def _(x):
    require(x.dtype == "float32", f"an integer or {x.dtype} maximum")
    return layers.ReLU()(x)


@rule
def clip_by_hand(tf, x, low: Scalar, high: Scalar):
    """Raise what `tf.clip_by_value` is made of to `ops.clip`, and min(max(x, 0), n) to `ReLU(max_value)`."""
    return one_of(tf.Maximum(tf.Minimum(x, high), low), tf.Minimum(tf.Maximum(x, low), high))


@clip_by_hand.to_keras
def _(x, low, high):
    require(low <= high, f"the lower end {low} is above the upper end {high}")
    if x.dtype == "float32" and low == 0 and high == 6:
        return layers.ReLU(max_value=high)(x)
    return ops.clip(x, low, high)


@rule
def prelu(tf, x, alpha: Weight):
    """Raise relu(x) + alpha (x - |x|) / 2 and relu(x) - alpha relu(-x) to `PReLU`.

    Shapes: x [batch, ...], alpha one number per entry, or 1 for axes that share it.
    Left as ops: max(alpha x, x), which is another function where alpha exceeds 1.
    Source: hand-written TensorFlow 1 code; tensorflow/python/keras/layers/advanced_activations.py, class PReLU, 1.15.
    """
    negative = x - tf.Abs(x)
    below = one_of(alpha * negative * 0.5, alpha * (negative * 0.5), (alpha * 0.5) * negative, alpha * tf.Minimum(x, 0))
    return one_of(
        tf.Relu(x) + below,
        tf.Maximum(x, 0) + below,
        tf.Relu(x) - alpha * tf.Relu(tf.Neg(x)),
        tf.Relu(x) + tf.Neg(alpha) * tf.Relu(tf.Neg(x)),
        tf.Relu(x) + tf.Neg(alpha * tf.Relu(tf.Neg(x))),
        tf.Relu(x) + alpha * tf.Neg(tf.Relu(tf.Neg(x))),
    )


@prelu.to_keras
def _(x, alpha):
    require(x.rank is not None and x.rank > 1 and x.dtype == "float32", "not a batch of floats")
    shape = alpha.value.shape
    require(len(shape) <= x.rank and (len(shape) < x.rank or shape[0] == 1), f"alpha has shape {shape}", alpha.value)
    own = ((1,) * x.rank + shape)[-x.rank :][1:]
    fits = all(mine in (1, size) for mine, size in zip(own, x.shape[1:], strict=True))
    require(fits, f"alpha of shape {shape} for an input of shape {x.shape}", alpha.value)
    shared = tuple(axis for axis, size in enumerate(own, 1) if size == 1)
    alpha = alpha if shape == own else alpha.reshape(own)
    return layers.PReLU(shared_axes=shared or None).bind(alpha=alpha)(x)


def _x(tf, *shape):
    return tf.placeholder(tf.float32, [None, *shape], "x")


@leaky_relu_as_maximum.example("max(a x, x)", "LeakyReLU")
def _(tf):
    x = _x(tf, 4)
    return tf.maximum(x, 0.2 * x)


@leaky_relu_by_hand.example("relu(x) - a relu(-x)", "LeakyReLU")
def _(tf):
    x = _x(tf, 4)
    return tf.nn.relu(x) - 0.3 * tf.nn.relu(-x)


@leaky_relu_by_hand.example("f1 x + f2 |x|, as in pix2pix", "LeakyReLU")
def _(tf):
    x = _x(tf, 4)
    return (0.5 * (1 + 0.2)) * x + (0.5 * (1 - 0.2)) * tf.abs(x)


@leaky_relu_as_maximum.counterexample("a slope above 1", "LeakyReLU")
def _(tf):
    x = _x(tf, 4)
    return tf.maximum(x, 1.5 * x)


@leaky_relu_by_hand.counterexample("two factors that do not make x of a positive x", "LeakyReLU")
def _(tf):
    x = _x(tf, 4)
    return 0.5 * x + 0.2 * tf.abs(x)


@relu_by_hand.example("max(x, 0)", "ReLU")
def _(tf):
    return tf.maximum(_x(tf, 4), 0.0)


@clip_by_hand.example("min(max(x, 0), 6)", "ReLU")
def _(tf):
    return tf.minimum(tf.maximum(_x(tf, 4), 0.0), 6.0)


@clip_by_hand.example("tf.clip_by_value, as Keras 2's hard sigmoid", "ops.clip")
def _(tf):
    return tf.clip_by_value(0.2 * _x(tf, 4) + 0.5, 0.0, 1.0)


@prelu.example("relu(x) + alpha (x - |x|) / 2", "PReLU")
def _(tf):
    x = _x(tf, 4, 5, 3)
    alpha = tf.get_variable("alpha", [3])
    return tf.nn.relu(x) + alpha * (x - tf.abs(x)) * 0.5


@prelu.example("relu(x) - alpha relu(-x), one alpha for all", "PReLU")
def _(tf):
    x = _x(tf, 4)
    return tf.nn.relu(x) - tf.get_variable("alpha", []) * tf.nn.relu(-x)


@prelu.example("relu(x) + alpha (-relu(-x))", "PReLU")
def _(tf):
    x = _x(tf, 3, 3, 4)
    return tf.nn.relu(x) + tf.multiply(tf.get_variable("alpha", [4]), -tf.nn.relu(-x))


@prelu.example("tf.keras.layers.PReLU", "PReLU")
def _(tf):
    x = _x(tf, 4, 3)
    return tf.nn.relu(x) + -tf.get_variable("alpha", [1, 3]) * tf.nn.relu(-x)


@prelu.example("max(0, x) + alpha min(0, x), rows and columns unknown", "PReLU")
def _(tf):
    x = _x(tf, None, None, 3)
    return tf.maximum(0.0, x) + tf.get_variable("alpha", [1, 1, 1, 3]) * tf.minimum(0.0, x)


@prelu.counterexample("max(alpha x, x) with a learnt alpha", "PReLU", "LeakyReLU")
def _(tf):
    x = _x(tf, 4)
    return tf.maximum(tf.get_variable("alpha", [4]) * x, x)


@prelu.counterexample("alpha that differs from sample to sample", "PReLU")
def _(tf):
    x = tf.placeholder(tf.float32, [3, 4], "x")
    return tf.nn.relu(x) - tf.get_variable("alpha", [3, 1]) * tf.nn.relu(-x)


RULES = (leaky_relu_as_maximum, leaky_relu_by_hand, prelu, clip_by_hand, relu_by_hand)
