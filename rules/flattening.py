"""Flattening of pictures and sequences before dense layers."""

from math import prod

from porter.rule import layers, require, rule


@rule
def flattening(tf, x):
    """Raise the reshape of a sample's axes to one to `Flatten`.

    Shapes: x [batch, ...] to [batch, n].
    Left as `Reshape`: a tensor of which all axes but one have size 1.
    Source: tensorflow/python/layers/core.py, class Flatten, 1.15.
    """
    return tf.Reshape(x).named("reshape")


@flattening.to_keras
def _(x, reshape):
    shape = reshape["shape"]
    require(x.rank is not None and x.rank > 2 and None not in x.shape[1:], "not samples of known size", reshape)
    require(len(shape) == 2 and shape[0] is None and shape[1] == prod(x.shape[1:]), "not one axis per sample", reshape)
    require(sum(size > 1 for size in x.shape[1:]) > 1, "there is nothing to flatten", reshape)
    return layers.Flatten()(x)


@flattening.example("tf.layers.flatten and a reshape by hand", "Flatten")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 4, 3], "x")
    return tf.layers.flatten(x) + tf.reshape(x, [-1, 48])


@flattening.counterexample("rows that become samples", "Flatten")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    return tf.reshape(x, [-1, 3])


RULES = (flattening,)
