"""Products with a weight that are written as an Einstein sum, as Keras' own attention and others write them."""

import re

from porter.rule import Weight, layers, require, rule
from porter.rules.windows import biased

EQUATION = re.compile("([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)")
LETTERS = "abcdefghijklmnopqrstuvwxy"  # for axes in the order in which they stand


@rule
def einsum_dense(tf, x, kernel: Weight, bias: Weight):
    """Raise the Einstein sum of a tensor and a weight to `EinsumDense`, or to `Dense` where it is that.

    Shapes: x [batch, ...], and so the result; the bias has the result's axes from its first own one on, or fewer.
    Left as ops: sums that take the batch apart, letters that occur twice, and an ellipsis.
    Source: tensorflow/python/keras/layers/einsum_dense.py, 2.4; tf.einsum of hand-written code.
    """
    return biased(tf, tf.Einsum(x, kernel).named("product"), bias)


@einsum_dense.to_keras
def _(x, kernel, bias, product):
    return product_with(x, kernel, bias, product)(x)


def product_with(x, kernel, bias, product):
    """The layer that a product with a weight is. Raises `Miss` where Keras has none."""
    return layer_of_sum(product["equation"], x.shape, kernel.value.shape, kernel, bias, product)


def layer_of_sum(equation, shape, kernel_shape, kernel, bias, product):
    """The layer that sums the products of a tensor and a weight of these shapes. Raises `Miss` where Keras has none."""
    found = EQUATION.fullmatch(equation)
    require(found, "an equation of another kind", product)
    given, of_kernel, result = found.groups()
    require(all(len(set(each)) == len(each) for each in found.groups()), "a letter that occurs twice", product)
    require(given[0] == result[0] and given[0] not in of_kernel, "a sum over the batch", product)
    require(set(given) <= {*of_kernel, *result}, "a sum over an axis that the weight does not have", product)
    require(set(of_kernel) <= {*given, *result}, "a sum over the weight alone", product)
    require(set(of_kernel) & set(given), "nothing is summed", product)
    sizes = dict(zip(of_kernel, kernel_shape, strict=True))
    known = shape is not None and len(shape) == len(given)
    known = known and all(letter not in sizes or shape[at] == sizes[letter] for at, letter in enumerate(given))
    require(known, "sizes that are not known", product)
    all_sizes = {**dict(zip(given, shape, strict=True)), **sizes}
    axes, bias = _bias_axes(bias, result, all_sizes, product)
    if of_kernel == given[-1] + result[-1] and given[:-1] == result[:-1] and axes in ("", result[-1]):
        return layers.Dense(sizes[result[-1]], use_bias=bias is not None).bind(kernel=kernel, bias=bias)
    shape = tuple(all_sizes[letter] for letter in result[1:])
    some = {} if bias is None else {"bias_axes": axes}
    return layers.EinsumDense(equation, shape, **some).bind(kernel=kernel, bias=bias)


def _bias_axes(bias, result, sizes, product):
    """The letters of a bias, and the bias in the shape that Keras gives it: ones where it is the same all over."""
    if bias is None:
        return "", None
    shape = bias.value.shape
    require(0 < len(shape) <= len(result), f"a bias of shape {shape}", product)
    own = dict(zip(result[len(result) - len(shape) :], shape, strict=True))
    axes = "".join(letter for letter, size in own.items() if size != 1 or sizes.get(letter) == 1)
    require(axes and all(sizes.get(letter) == own[letter] for letter in axes), f"a bias of shape {shape}", product)
    kept = tuple(own[letter] for letter in result[result.index(axes[0]) :])
    return axes, bias if kept == tuple(shape) else bias.reshape(kept)


@einsum_dense.example("one axis becomes two, with a bias", "EinsumDense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    y = tf.einsum("abc,cde->abde", x, tf.get_variable("kernel", [6, 2, 3]))
    return y + tf.get_variable("bias", [2, 3])


@einsum_dense.example("two axes become one, with a bias of the result's rank", "EinsumDense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 2, 3], "x")
    y = tf.einsum("bthd,hdf->btf", x, tf.get_variable("kernel", [2, 3, 4]))
    return y + tf.get_variable("bias", [1, 1, 4])


@einsum_dense.example("a bias for each step", "EinsumDense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    return tf.einsum("abc,cd->abd", x, tf.get_variable("kernel", [6, 4])) + tf.get_variable("bias", [5, 4])


@einsum_dense.example("the last axis alone", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 6], "x")
    return tf.einsum("abc,cd->abd", x, tf.get_variable("kernel", [6, 4])) + tf.get_variable("bias", [4])


@einsum_dense.example("across the steps, whose number is known", "EinsumDense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    return tf.einsum("abc,bd->adc", x, tf.get_variable("kernel", [5, 4]))


@einsum_dense.counterexample("a sum over the batch", "EinsumDense")
def _(tf):
    x = tf.placeholder(tf.float32, [4, 6], "x")
    return tf.einsum("ab,ac->bc", x, tf.get_variable("kernel", [4, 3]))


@einsum_dense.counterexample("a product of two tensors", "EinsumDense")
def _(tf):
    x, y = tf.placeholder(tf.float32, [None, 5, 6], "x"), tf.placeholder(tf.float32, [6, 3], "y")
    return tf.einsum("abc,cd->abd", x, y)


RULES = (einsum_dense,)
