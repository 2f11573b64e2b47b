"""Dense layers."""

from porter.rule import Weight, layers, one_of, ops, require, rule
from porter.rules.sums_of_products import LETTERS, layer_of_sum


@rule
def dense(tf, x, kernel: Weight, bias: Weight):
    """Raise x @ kernel + bias to `Dense`.

    Shapes: x [batch, inputs], kernel [inputs, units], bias [units].
    Left as ops: a bias that is not one number per unit, and products of two tensors.
    Source: tensorflow/python/layers/core.py, class Dense, 1.15.
    """
    product = tf.MatMul(x, kernel).named("matmul")
    return one_of(tf.BiasAdd(product, bias), product + bias, product)


@dense.to_keras
def _(x, kernel, bias, matmul):
    require(not matmul.get("transpose_a", False), "the input is transposed", matmul)
    if matmul.get("transpose_b", False):
        kernel, units = kernel.transpose(1, 0), kernel.value.shape[0]
    else:
        units = kernel.value.shape[1]
    bias = _one_per_unit(bias, units)
    return layers.Dense(units, use_bias=bias is not None).bind(kernel=kernel, bias=bias)(x)


@rule
def dense_on_matrices(tf, x, kernel: Weight, bias: Weight):
    """Raise the product of each of many matrices with one kernel to `Dense`.

    Shapes: x [batch, ..., inputs], kernel [inputs, units]. With a bias of more axes than one, such as [steps, units], it is
    an `EinsumDense`.
    Source: tf.matmul of TensorFlow 1.15 on more than two axes; a dense layer in every step of a loop; tf.tensordot, whose
    reshapes are gone by now.
    """
    product = tf.BatchMatMul(x, kernel).named("matmul")
    return one_of(tf.BiasAdd(product, bias), product + bias, product)


@dense_on_matrices.to_keras
def _(x, kernel, bias, matmul):
    require(not matmul.get("adj_x", False), "the input is transposed", matmul)
    require(x.rank is not None and len(kernel.value.shape) == 2, "not one kernel for all", matmul)
    if matmul.get("adj_y", False):
        kernel, units = kernel.transpose(1, 0), kernel.value.shape[0]
    else:
        units = kernel.value.shape[1]
    if bias is not None and any(size != 1 for size in bias.value.shape[:-1]):
        axes = LETTERS[: x.rank]
        equation = f"{axes},{axes[-1]}z->{axes[:-1]}z"
        return layer_of_sum(equation, x.shape, (x.shape[-1], units), kernel, bias, matmul)(x)
    bias = _one_per_unit(bias, units)
    return layers.Dense(units, use_bias=bias is not None).bind(kernel=kernel, bias=bias)(x)


def _one_per_unit(bias, units):
    """The bias as [units]. Raises `Miss` unless it holds one number per unit."""
    if bias is None:
        return None
    shape = bias.value.shape
    if shape == () and units == 1:
        return bias.reshape((1,))
    require(shape[-1:] == (units,) and all(dim == 1 for dim in shape[:-1]), f"a bias of shape {shape}", bias.value)
    require(len(shape) <= 2, f"a bias of shape {shape}", bias.value)
    return bias if len(shape) == 1 else bias.reshape((units,))


@dense_on_matrices.example("tf.matmul on three axes", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 4], "x")
    return tf.matmul(x, tf.get_variable("w", [4, 3])) + tf.get_variable("b", [3])


@dense_on_matrices.example("with a bias for each step", "EinsumDense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 4], "x")
    return tf.matmul(x, tf.get_variable("w", [4, 1])) + tf.get_variable("b", [5, 1])


@dense_on_matrices.counterexample("a kernel for each matrix", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 4], "x")
    return tf.matmul(x, tf.get_variable("w", [1, 4, 3]))


@dense.example("tf.layers.dense", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4], "x")
    w = tf.get_variable("dense/kernel", [4, 3])
    b = tf.get_variable("dense/bias", [3])
    return tf.nn.bias_add(tf.matmul(x, w), b)


@dense.example("by hand, transposed and with the bias first", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4], "x")
    w = tf.get_variable("w", [3, 4])
    return tf.get_variable("b", [3]) + tf.matmul(x, w, transpose_b=True)


@dense.example("one unit, with a bias without axes", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4], "x")
    return tf.matmul(x, tf.get_variable("w", [4, 1])) + tf.get_variable("b", [])


@dense.counterexample("complex numbers, which Dense would take the real part of", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 2], "x")
    return tf.real(tf.matmul(tf.complex(x, x), tf.constant([[1j, 2.0], [3.0, 1 - 1j]], tf.complex64)))


@dense.counterexample("a product of two inputs", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4], "x")
    return tf.matmul(x, tf.placeholder(tf.float32, [4, 3], "y"))


@dense_on_matrices.example("tf.layers.dense on three axes", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 4], "x")
    w = tf.get_variable("dense/kernel", [4, 3])
    b = tf.get_variable("dense/bias", [3])
    return tf.nn.bias_add(tf.tensordot(x, w, [[2], [0]]), b)


@dense_on_matrices.example("tf.layers.dense", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, None, 4], "x")
    return tf.layers.dense(x, 3)


@rule
def dense_on_columns(tf, x, kernel: Weight, bias: Weight):
    """Raise kernel @ x + bias, where each column is a sample, to `Dense` between transposes.

    Shapes: x [inputs, batch], kernel [units, inputs], bias [units, 1]. Transposes that meet cancel.
    Source: hand-written networks that keep samples in columns.
    """
    product = tf.MatMul(kernel, x).named("matmul")
    return one_of(product + bias, product)


@dense_on_columns.to_keras
def _(x, kernel, bias, matmul):
    require(not matmul.get("transpose_b", False), "the input is transposed", matmul)
    if matmul.get("transpose_a", False):
        units = kernel.value.shape[1]
    else:
        kernel, units = kernel.transpose(1, 0), kernel.value.shape[0]
    if bias is not None:
        require(bias.value.shape == (units, 1), f"a bias of shape {bias.value.shape}", matmul)
        bias = bias.reshape((units,))
    dense = layers.Dense(units, use_bias=bias is not None).bind(kernel=kernel, bias=bias)
    return ops.transpose(dense(ops.transpose(x, (1, 0))), (1, 0))


@dense_on_columns.example("samples in columns", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [4, None], "x")
    hidden = tf.nn.relu(tf.matmul(tf.get_variable("w1", [3, 4]), x) + tf.get_variable("b1", [3, 1]))
    return tf.transpose(tf.matmul(tf.get_variable("w2", [2, 3]), hidden) + tf.get_variable("b2", [2, 1]))


@dense_on_columns.counterexample("a kernel that is fed", "Dense")
def _(tf):
    x = tf.placeholder(tf.float32, [4, 5], "x")
    return tf.matmul(tf.placeholder(tf.float32, [3, 4], "kernel"), x) + tf.get_variable("b1", [3, 1])


@rule
def dense_in_a_sum(tf, x, y, kernel: Weight, bias: Weight):
    """Raise y + x @ kernel + bias, summed up in this order, to y + `Dense`.

    Shapes: x [batch, inputs], kernel [inputs, units], bias [units]; y as the product, or what spreads to it.
    Source: networks written by hand with two inputs, `tf.matmul(s, w_s) + tf.matmul(a, w_a) + b`.
    """
    product = tf.MatMul(x, kernel).named("matmul")
    return one_of(tf.BiasAdd(product + y, bias), product + y + bias)


@dense_in_a_sum.to_keras
def _(x, y, kernel, bias, matmul):
    require(not matmul.get("transpose_a", False), "the input is transposed", matmul)
    require(matmul.out.rank == 2 and (y.rank or 0) == 2, "what is added has other axes", matmul)
    if matmul.get("transpose_b", False):
        kernel, units = kernel.transpose(1, 0), kernel.value.shape[0]
    else:
        units = kernel.value.shape[1]
    bias = _one_per_unit(bias, units)
    return ops.add(y, layers.Dense(units).bind(kernel=kernel, bias=bias)(x))


@dense_in_a_sum.example("a state and an action", "Dense", "Dense", "ops.add")
def _(tf):
    state, action = tf.placeholder(tf.float32, [None, 4], "state"), tf.placeholder(tf.float32, [None, 2], "action")
    weights = tf.get_variable("w_s", [4, 3]), tf.get_variable("w_a", [2, 3])
    return tf.matmul(state, weights[0]) + tf.matmul(action, weights[1]) + tf.get_variable("b", [1, 3])


@dense_in_a_sum.example("a residual before the bias", "Dense", "ops.add")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4], "x")
    return tf.nn.bias_add(x + tf.matmul(x, tf.get_variable("w", [4, 4])), tf.get_variable("b", [4]))


@dense_in_a_sum.counterexample("a kernel that is fed", "Dense")
def _(tf):
    x, y = tf.placeholder(tf.float32, [None, 4], "x"), tf.placeholder(tf.float32, [None, 3], "y")
    return y + tf.matmul(x, tf.placeholder(tf.float32, [4, 3], "kernel")) + tf.get_variable("b", [3])


@rule
def dense_apart(tf, x, kernel: Weight, bias: Weight):
    """Raise a product whose units are taken apart before a bias is added, head by head, to `EinsumDense`.

    Shapes: x [batch, ..., inputs], kernel [inputs, units], the bias [a, b] where a times b are the units.
    Left as ops: a bias that is the same for all of a, and reshapes that change other axes too.
    Source: the relative attention of XLNet, which adds a bias of its own to the queries of each head.
    """
    product = one_of(tf.BatchMatMul(x, kernel).named("product"), tf.MatMul(x, kernel).named("product"))
    return tf.Reshape(product).named("apart") + bias


@dense_apart.to_keras
def _(x, kernel, bias, product, apart):
    turned = [product.get(name, False) for name in ("adj_x", "adj_y", "transpose_a", "transpose_b")]
    require(not any(turned) and len(kernel.value.shape) == 2, "a transposed product", product)
    apart.get("shape")
    before, after, lead = product.out, apart.out, (x.rank or 1) - 1
    require(lead > 0 and after.rank is not None and after.rank > lead + 1, "the units are not taken apart", apart)
    known = before.probe is not None and after.probe is not None and before.probe[:lead] == after.probe[:lead]
    require(known and None not in after.shape[lead:], "other axes change, too", apart)
    require(len(bias.value.shape) > 1, "a bias that is the same for all", apart)
    inputs, sizes = kernel.value.shape[0], tuple(after.shape[lead:])
    given, more = LETTERS[: lead + 1], LETTERS[lead + 1 : after.rank + 1]
    equation = f"{given},{given[-1]}{more}->{given[:-1]}{more}"
    return layer_of_sum(equation, x.shape, (inputs, *sizes), kernel.reshape((inputs, *sizes)), bias, product)(x)


@dense_apart.example("a bias for each head", "EinsumDense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    product = tf.matmul(tf.reshape(x, [-1, 6]), tf.get_variable("kernel", [6, 6]))
    return tf.reshape(product, [-1, 5, 2, 3]) + tf.get_variable("bias", [2, 3])


@dense_apart.counterexample("steps and units that change places", "EinsumDense")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 6, 4], "x")
    product = tf.matmul(x, tf.get_variable("kernel", [4, 4]))
    return tf.reshape(product, [-1, 4, 2, 3]) + tf.get_variable("bias", [2, 3])


RULES = (dense_apart, dense_in_a_sum, dense_on_matrices, dense, dense_on_columns)
