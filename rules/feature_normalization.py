"""Features moved and divided by constants of their own, such as means and deviations that were counted beforehand."""

import numpy as np

from porter.rule import Node, Value, Weight, WeightRef, constant, layers, require, rule
from porter.rules.statistics import channel_axis

FEW = 8  # numbers that say more where they stand in the source
STEPS = 4  # of arithmetic on constants, such as the square root of a variance plus a small number
ARITHMETIC = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "RealDiv": np.divide, "Sqrt": np.sqrt, "Maximum": np.maximum,
}  # fmt: skip
SMALLEST, LARGEST = 1e-6, 1e15  # between them Keras' epsilon does nothing, and squares stay within 32 bits


@rule
def feature_normalization(tf, x, mean: Weight, deviation: Weight):
    """Raise (x - mean) / deviation, constants all, to `Normalization`.

    The layer holds squares of the deviations, whose roots are the deviations again, bit for bit.

    Shapes: x [batch, ..., features], mean and deviation [features], or one number for all in the place of one of them.
    Left as ops: means and deviations that are variables, which training may change; deviations that are not positive; a
    few features, whose numbers stand in the source.
    Source: hand-written preprocessing; the layer itself in frozen graphs of TensorFlow 2.
    """
    return tf.RealDiv(tf.Sub(x, mean).named("centred"), deviation)


@feature_normalization.to_keras
def _(x, mean, deviation, centred):
    arrays = [_known(each.value) for each in (mean, deviation)]
    require(all(each is not None for each in arrays), "training may change these numbers", centred)
    require(x.dtype == "float32" and (x.rank or 0) > 1, "not features of 32 bits", centred)
    several = [each for each, array in zip((mean, deviation), arrays, strict=True) if array.size > 1]
    require(several and channel_axis(x, *several) == x.rank - 1, "not one number for each feature", centred)
    require(x.shape[-1] > FEW, "a few features", centred)
    fits = np.all((arrays[1] > SMALLEST) & (arrays[1] < LARGEST)) and np.all(np.isfinite(arrays[0]))
    require(fits, "divisors that are no deviations", centred)

    def for_each(weight):
        return weight.apply("one for each feature", lambda array: np.broadcast_to(array.reshape(-1), (x.shape[-1],)))

    variance = for_each(deviation).apply("squared", np.square)
    return layers.Normalization().bind(adapt_mean=for_each(mean), adapt_variance=variance, count=_zero())(x)


def _zero():
    """What the layer has for the number of samples that it counted by itself."""
    node = Node("count", "Const", attrs={"value": np.zeros((), "int64")})
    node.outputs = [Value(node, 0, (), (), "int64")]
    return WeightRef(node.out)


def _known(value, steps=STEPS):
    """The numbers that a few steps of arithmetic make of constants; None for what is not known before the model runs."""
    if value.node.op == "Const" or steps == 0:
        return constant(value)
    inputs = [_known(each, steps - 1) for each in value.node.inputs] if value.node.op in ARITHMETIC else [None]
    return None if any(each is None for each in inputs) else ARITHMETIC[value.node.op](*inputs)


def _numbers(low, high):
    return np.linspace(low, high, 12).astype("float32")


@feature_normalization.example("a mean and a deviation for each feature", "Normalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 12], "x")
    return (x - tf.constant(_numbers(-2, 3))) / tf.constant(_numbers(0.1, 7)[None])


@feature_normalization.example("to [-1, 1] by the ends of a range", "Normalization")
def _(tf):
    x, low, high = (
        tf.placeholder(tf.float32, [None, 12], "x"),
        tf.constant(_numbers(-2, 3)),
        tf.constant(_numbers(3, 9)),
    )
    return 2.0 * ((tf.maximum(x, low) - low) / (high - low)) - 1.0


@feature_normalization.example("one deviation for all steps and features", "Normalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 12], "x")
    return (x - tf.constant(_numbers(-2, 3))) / 1.7


@feature_normalization.counterexample("a division by what may be zero", "Normalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 12], "x")
    return (x - tf.constant(_numbers(-2, 3))) / tf.constant(_numbers(-1, 2))


@feature_normalization.counterexample("numbers that are trained", "Normalization")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 12], "x")
    return (x - tf.get_variable("mean", [12])) / tf.constant(_numbers(0.1, 7))


RULES = (feature_normalization,)
feature_normalization.place = "outside"
