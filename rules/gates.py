"""What steps of recurrent networks have in common: gates that see an input and a state."""

from porter.rule import one_of, porter_layers, require, together


def linear(tf, x, h, kernel, bias):
    """x and h side by side, times one kernel; named "joined" and "product"."""
    product = tf.MatMul(tf.ConcatV2(x, h).named("joined"), kernel).named("product")
    return one_of(tf.BiasAdd(product, bias), product + bias, product)


def check_linear(joined, product, split=None):
    """Raise `Miss` unless a kernel is applied as `linear` says, and what it gives is split into equal gates."""
    require(joined["axis"] == 1, f"the input and the state are joined along axis {joined['axis']}", joined)
    plain = not product.get("transpose_a", False) and not product.get("transpose_b", False)
    require(plain, "a transposed product", product)
    if split is not None:
        split.get("num_split")
        require(split["axis"] == 1, f"the gates are split along axis {split['axis']}", split)


def parts_of(kernel, units):
    """The rows of a kernel that belong to the input, and those that belong to the state."""
    rows = kernel.value.shape[0]
    return kernel.rows(0, rows - units), kernel.rows(rows - units, rows)


def activations(activation, gate, usual="sigmoid"):
    """The arguments of a Keras cell for its functions, where they are not Keras' own."""
    return {
        **({} if activation == "tanh" else {"activation": _function(activation)}),
        **({} if gate == usual else {"recurrent_activation": _function(gate)}),
    }


def _function(name):
    return porter_layers.function(name) if name == "legacy_hard_sigmoid" else name


def applied(tf, x, kernel, bias):
    """x times a kernel, perhaps with a bias."""
    product = tf.MatMul(x, kernel)
    return one_of(tf.BiasAdd(product, bias), product + bias, product)


def bias_of(units, *parts):
    """The bias of several gates as one vector, None if there is none. Raises `Miss` where some have one."""
    require(len({part is None for part in parts}) == 1, "some gates have a bias, some have none")
    if parts[0] is None:
        return None
    flat = [part if len(part.value.shape) == 1 else part.reshape((units,)) for part in parts]
    return together(*flat)
