"""Weights that multiply entry by entry, perhaps with others that are added: a scale and a shift."""

from porter.rule import Weight, context, is_trained, layers, one_of, ops, require, rule
from porter.rules.sums_of_products import LETTERS, layer_of_sum


@rule
def scale(tf, x, kernel: Weight, bias: Weight):
    """Raise x * kernel + bias, entry by entry, to `EinsumDense`; with one number each, for one number in, to `Dense`.

    Shapes: x [batch, ...]; kernel and bias have its last axes, each perhaps with size 1.
    Left as ops: weights that have the batch's axis, one number for many, and constants, such as windows and masks.
    Source: hand-written code, such as activation normalisation in flows, and the line through points that begins so many
    tutorials.
    """
    product = (x * kernel).named("product")
    return one_of(tf.BiasAdd(product, bias), product + bias, product)


@scale.to_keras
def _(x, kernel, bias, product):
    require(x.rank and product.out.rank == x.rank, "the weight has more axes", product)
    require(is_trained(kernel) and kernel.value.shape is not None, "a constant", product)
    require(kernel.value.dtype.startswith(("float", "bfloat")), "numbers that are not trained", product)
    if all(size == 1 for size in kernel.value.shape):
        return _line(x, kernel, bias, product)
    own = (1,) * (x.rank - len(kernel.value.shape)) + tuple(kernel.value.shape)
    given = LETTERS[: x.rank]
    of_kernel = "".join(LETTERS[axis] for axis in range(x.rank) if own[axis] != 1)
    sizes = tuple(size for size in own if size != 1)
    return layer_of_sum(f"{given},{of_kernel}->{given}", x.shape, sizes, kernel.reshape(sizes), bias, product)(x)


def _line(x, kernel, bias, product):
    """One number for each sample, times a number, plus another."""
    require(context().holds_batch(x, 0) and x.shape[1:] in ((), (1,)), "one weight for many numbers", product)
    if bias is not None:
        require(all(size == 1 for size in bias.value.shape), f"a bias of shape {bias.value.shape}", product)
        require(len(bias.value.shape) <= x.rank, "a bias of a higher rank", product)
        bias = bias.reshape((1,))
    dense = layers.Dense(1, use_bias=bias is not None).bind(kernel=kernel.reshape((1, 1)), bias=bias)
    if x.rank == 2:
        return dense(x)
    column = ops.expand_dims(x, -1)
    column.shape = (*x.shape, 1)
    return ops.squeeze(dense(column), axis=-1)


@scale.example("a line through points", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None], "x")
    return tf.get_variable("w", []) * x + tf.get_variable("b", [])


@scale.example("a column of numbers", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 1], "x")
    return x * tf.get_variable("w", [1]) + tf.get_variable("b", [1])


@scale.example("a scale and a shift for each channel", "EinsumDense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 3], "x")
    return tf.nn.bias_add(x * tf.get_variable("g", [3]), tf.get_variable("b", [3]))


@scale.example("a weight for each pixel", "EinsumDense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 5, 3], "x")
    return x * tf.get_variable("w", [1, 4, 5, 1])


@scale.counterexample("one number for a whole picture", "EinsumDense", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 4, 3], "x")
    return x * tf.get_variable("gamma", [1])


@scale.counterexample("a constant", "EinsumDense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 3], "x")
    return x * tf.constant([0.3, 0.6, 0.1])


@scale.counterexample("a weight for each sample", "EinsumDense")
def _(tf):
    x = tf.placeholder(tf.float32, [4, 3], "x")
    return x * tf.get_variable("w", [4, 1])


RULES = (scale,)
