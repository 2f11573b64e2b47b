"""Products with a weight that are written as an Einstein sum, as Keras' own attention and others write them."""

from porter.rule import Weight, rule
from porter.rules.sums_of_products import layer_of_sum
from porter.rules.windows import biased


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
    return layer_of_sum(product["equation"], x.shape, kernel.value.shape, kernel, bias, product)(x)


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
