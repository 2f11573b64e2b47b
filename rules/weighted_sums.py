"""Products with a weight, entry by entry, which are then summed up: a layer's product, written by hand."""

from math import prod

from porter.rule import Weight, is_trained, layers, one_of, ops, require, rule
from porter.rules.sums_of_products import LETTERS, layer_of_sum
from porter.rules.windows import biased

SMALL = 32  # a constant with no more numbers is no weight


@rule
def weighted_sum(tf, x, kernel: Weight, bias: Weight):
    """Raise sum(x * kernel) to `Dense` where each output is one sum over the last axis, else to `EinsumDense`.

    Shapes: x [batch, ...]; the kernel's axes meet those of x from the last one on, where each of the two may have size 1.
    The bias is one number, and belongs to a `Dense` alone.
    Left as ops: sums over the batch, over an axis that only one of the two has, and small constants in the place of weights.
    Source: hand-written linear regression and attention; the capsules of "Dynamic Routing Between Capsules" as people
    wrote them for TensorFlow 1.
    """
    product = (one_of(tf.Tile(x).named("tiled"), x) * kernel).named("product")
    return biased(tf, tf.Sum(product).named("total"), bias)


@weighted_sum.to_keras
def _(x, kernel, bias, tiled, product, total):
    kept, axes, rank = total.get("keepdims", False), total["axes"], product.out.rank
    require(rank is not None and x.rank == rank, "the kernel has more axes", product)
    _require_weight(kernel)
    own = (1,) * (rank - len(kernel.value.shape)) + tuple(kernel.value.shape)
    if tiled is not None:
        require(tiled["multiples"][0] == 1, "the samples are repeated", tiled)
        repeated = [axis for axis, count in enumerate(tiled["multiples"]) if count != 1]
        fits = all(x.shape[axis] == 1 and own[axis] == tiled.out.shape[axis] for axis in repeated)
        require(fits, "what is repeated does not meet a number of the weight each", tiled)
    require(axes and own[0] == 1 and 0 not in axes, "it is summed over the batch", total)
    spread = [axis for axis in range(1, rank) if own[axis] != 1 and x.shape[axis] == 1]
    require(not set(spread) & set(axes), "a sum over the weight alone", total)
    require(all(own[axis] != 1 for axis in axes), "a sum over an axis that the weight does not have", total)
    given = "".join(LETTERS[axis] for axis in range(rank) if axis not in spread)
    of_kernel = "".join(LETTERS[axis] for axis in range(rank) if own[axis] != 1)
    result = "".join(LETTERS[axis] for axis in range(rank) if axis not in axes)
    entries = x
    if spread:
        entries = ops.squeeze(x, axis=tuple(spread))
        entries.shape = tuple(size for axis, size in enumerate(x.shape) if axis not in spread)
    if of_kernel == LETTERS[rank - 1]:
        return _single(entries, kernel, bias, kept, total)
    require(bias is None, "a bias", total)
    sizes = tuple(size for size in own if size != 1)
    equation = f"{given},{of_kernel}->{result}"
    y = layer_of_sum(equation, entries.shape, sizes, kernel.reshape(sizes), None, total)(entries)
    return ops.expand_dims(y, axis=tuple(axes)) if kept else y


def _single(x, kernel, bias, kept, total):
    """One sum over the last axis, as a layer of one unit."""
    inputs = kernel.value.shape[-1]
    require(x.shape[-1] == inputs, "sizes that are not known", total)
    if bias is not None:
        require(all(size == 1 for size in bias.value.shape), f"a bias of shape {bias.value.shape}", total)
        require(len(bias.value.shape) <= total.out.rank, "a bias of a higher rank", total)
        bias = bias.reshape((1,))
    y = layers.Dense(1, use_bias=bias is not None).bind(kernel=kernel.reshape((inputs, 1)), bias=bias)(x)
    return y if kept else ops.squeeze(y, axis=-1)


def _require_weight(ref):
    """Raise `Miss` for a constant that is no weight of a frozen graph: a small one, or one that was worked out."""
    value = ref.value
    require(value.shape is not None and None not in value.shape, "a weight of unknown shape", value)
    require(value.dtype.startswith(("float", "bfloat")), "numbers that are not trained", value)
    require(is_trained(ref) or (value.node.op == "Const" and prod(value.shape) > SMALL), "a constant", value)


@weighted_sum.example("a linear regression by hand", "Dense", "ops.squeeze")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5], "x")
    return tf.reduce_sum(x * tf.get_variable("w", [5]), axis=1) + tf.get_variable("b", [])


@weighted_sum.example("scores of steps, as Bahdanau's attention has them", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 4], "x")
    return tf.reduce_sum(tf.get_variable("v", [4]) * tf.tanh(x), axis=-1, keepdims=True)


@weighted_sum.example("a matrix for each pair of capsules", "EinsumDense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 1, 3, 1], "x")
    each = tf.tile(x, [1, 1, 4, 1, 1])
    return tf.reduce_sum(tf.get_variable("w", [1, 6, 4, 3, 1]) * each, axis=3, keepdims=True)


@weighted_sum.counterexample("a sum over the batch", "Dense", "EinsumDense")
def _(tf):
    x = tf.placeholder(tf.float32, [5, 3], "x")
    return tf.reduce_sum(x * tf.get_variable("w", [5, 1]), axis=0)


@weighted_sum.counterexample("brightness, by three numbers", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 4, 3], "x")
    return tf.reduce_sum(x * tf.constant([0.3, 0.6, 0.1]), axis=3, keepdims=True)


RULES = (weighted_sum,)
