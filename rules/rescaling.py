"""Scaling of the input, such as x / 127.5 - 1."""

import numpy as np

from porter.rule import Scalar, layers, one_of, require, rule

LARGEST_OFFSET = 1000.0


@rule
def rescaling(tf, x, a: Scalar, b: Scalar, c: Scalar):
    """Raise up to three steps of arithmetic between an input and numbers to `Rescaling`.

    Shapes: x [batch, ...], a float input, or an integer one that is cast to float32 first.
    Left as ops: steps behind anything but an input; a number for each channel; a lone shift; offsets so large that
    scaling first would lose digits.
    """

    def step(y, number, name):
        shift = one_of(tf.Add(y, number).named(name), tf.Sub(y, number).named(name), tf.Sub(number, y).named(name))
        return one_of(tf.Mul(y, number).named(name), tf.RealDiv(y, number).named(name), shift)

    y = one_of(tf.Cast(x).named("cast"), x)
    once = step(y, a, "first")
    twice = step(once, b, "second")
    return one_of(step(twice, c, "third"), twice, once)


@rescaling.to_keras
def _(x, a, b, c, cast, first, second, third):
    last = third or second or first
    require(x.node.op == "Placeholder" and x.rank and x.rank > 1, "not directly behind an input", last)
    require(last.out.dtype == "float32" and (cast is None or not cast.get("Truncate", False)), "not float32", last)
    scale, offset = np.float64(1), np.float64(0)
    for view, number in ((first, a), (second, b), (third, c)):
        if view is None:
            continue
        number = np.float64(np.float32(number))
        if view.node.op == "Mul":
            scale, offset = scale * number, offset * number
        elif view.node.op == "RealDiv":
            require(number != 0, "division by zero", view)
            scale, offset = scale / number, offset / number
        elif view.node.op == "Add":
            offset += number
        elif view.node.inputs[1].node.op == "Const":
            offset -= number
        else:
            scale, offset = -scale, number - offset
    require(abs(scale) != 1, "it only shifts", last)
    require(np.isfinite(scale) and abs(offset) <= LARGEST_OFFSET, "scaling first would lose digits", last)
    return layers.Rescaling(float(np.float32(scale)), offset=float(np.float32(offset)))(x)


@rescaling.example("to [-1, 1]", "Rescaling")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 4, 3], "x")
    return x / 127.5 - 1.0


@rescaling.example("shift first", "Rescaling")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 4, 3], "x")
    return (x - 128.0) * (1 / 128.0)


@rescaling.example("three steps on bytes", "Rescaling")
def _(tf):
    x = tf.placeholder(tf.uint8, [None, 4, 4, 3], "x")
    return 1.0 - (tf.cast(x, tf.float32) / 255.0) * 2.0


@rescaling.counterexample("a mean for each channel", "Rescaling")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 4, 3], "x")
    return x - tf.constant([123.68, 116.78, 103.94])


@rescaling.counterexample("not behind an input", "Rescaling")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4], "x")
    return tf.maximum(x, 0.5) / 127.5 - 1.0


RULES = (rescaling,)
