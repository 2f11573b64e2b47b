"""Steps of recurrent networks, as the cells of TensorFlow 1 and of its Keras compute them."""

from porter.rule import Function, Scalar, Weight, cell, layers, one_of, porter_layers, require


def _linear(tf, x, h, kernel, bias):
    """x and h side by side, times one kernel; named "joined" and "product"."""
    product = tf.MatMul(tf.ConcatV2(x, h).named("joined"), kernel).named("product")
    return one_of(tf.BiasAdd(product, bias), product + bias, product)


def _check(joined, product, split=None):
    """Raise `Miss` unless a kernel is applied as `_linear` says, and what it gives is split into equal gates."""
    require(joined["axis"] == 1, f"the input and the state are joined along axis {joined['axis']}", joined)
    plain = not product.get("transpose_a", False) and not product.get("transpose_b", False)
    require(plain, "a transposed product", product)
    if split is not None:
        split.get("num_split")
        require(split["axis"] == 1, f"the gates are split along axis {split['axis']}", split)


def _parts(kernel, units):
    """The rows of a kernel that belong to the input, and those that belong to the state."""
    rows = kernel.value.shape[0]
    return kernel.rows(0, rows - units), kernel.rows(rows - units, rows)


def _activations(activation, gate, usual="sigmoid"):
    """The arguments of a Keras cell for its functions, where they are not Keras' own."""
    return {
        **({} if activation == "tanh" else {"activation": _function(activation)}),
        **({} if gate == usual else {"recurrent_activation": _function(gate)}),
    }


def _function(name):
    return porter_layers.function(name) if name == "legacy_hard_sigmoid" else name


@cell(h="out", c="new_c")
def lstm(tf, x, h, c, kernel: Weight, bias: Weight, forget_bias: Scalar, activation: Function, gate: Function):
    """Raise the step of BasicLSTMCell, and of LSTMCell as it is by default, to `LSTMCell`.

    Shapes: x [batch, inputs], h and c [batch, units], kernel [inputs + units, 4 units] with the gates i, j, f, o. The
    forget bias goes into the bias. Left to other rules: peepholes, clipping, projections.
    Source: tensorflow/python/ops/rnn_cell_impl.py, classes BasicLSTMCell and LSTMCell, 1.0 to 1.15.
    """
    gates = tf.Split(_linear(tf, x, h, kernel, bias)).named("split")
    i, j, f, o = (gates[place] for place in range(4))
    new_c = (c * gate(one_of(f + forget_bias, f)) + gate(i) * activation(j)).named("new_c")
    return activation(new_c) * gate(o)


@lstm.to_keras
def _(kernel, bias, forget_bias, activation, gate, joined, product, split):
    _check(joined, product, split)
    require(bias is not None, "there is no bias to add the forget bias to", product)
    units = kernel.value.shape[1] // 4
    weights, recurrent = _parts(kernel, units)
    order = (0, 2, 1, 3)  # i, j, f, o to Keras' i, f, c, o
    bias = bias.reshape((4 * units,)) if len(bias.value.shape) != 1 else bias
    bias = bias.add(forget_bias, 2, 4) if forget_bias else bias
    return layers.LSTMCell(units, **_activations(activation, gate)).bind(
        kernel=weights.blocks(order), recurrent_kernel=recurrent.blocks(order), bias=bias.blocks(order)
    )


@cell(h="out")
def gru(
    tf, x, h, gate_kernel: Weight, gate_bias: Weight, kernel: Weight, bias: Weight, activation: Function, gate: Function
):
    """Raise the step of GRUCell to `GRUCell(reset_after=False)`.

    Shapes: x [batch, inputs], h [batch, units], gate_kernel [inputs + units, 2 units] with the gates r, u, kernel
    [inputs + units, units].
    Source: tensorflow/python/ops/rnn_cell_impl.py, class GRUCell, 1.0 to 1.15.
    """
    gates = tf.Split(gate(_linear(tf, x, h, gate_kernel, gate_bias))).named("split")
    r, u = gates[0], gates[1]
    seen = tf.MatMul(tf.ConcatV2(x, r * h).named("seen"), kernel).named("candidate")
    candidate = activation(one_of(tf.BiasAdd(seen, bias), seen + bias, seen))
    return u * h + (1.0 - u) * candidate


@gru.to_keras
def _(gate_kernel, gate_bias, kernel, bias, activation, gate, joined, product, split, seen, candidate):
    _check(joined, product, split)
    _check(seen, candidate)
    require((gate_bias is None) == (bias is None), "one of two products has a bias", product)
    units = kernel.value.shape[1]
    gates, recurrent_gates = (part.blocks((1, 0)) for part in _parts(gate_kernel, units))
    new, recurrent_new = _parts(kernel, units)
    made = layers.GRUCell(units, **_activations(activation, gate), use_bias=bias is not None, reset_after=False)
    return made.bind(
        kernel=gates.join(new),
        recurrent_kernel=recurrent_gates.join(recurrent_new),
        bias=None if bias is None else gate_bias.blocks((1, 0)).join(bias),
    )


@cell(h="out")
def simple_rnn(tf, x, h, kernel: Weight, bias: Weight, activation: Function):
    """Raise the step of BasicRNNCell to `SimpleRNNCell`.

    Source: tensorflow/python/ops/rnn_cell_impl.py, class BasicRNNCell, 1.0 to 1.15.
    """
    return activation(_linear(tf, x, h, kernel, bias))


@simple_rnn.to_keras
def _(kernel, bias, activation, joined, product):
    _check(joined, product)
    require(activation != "linear", "there is no activation", product)
    units = kernel.value.shape[1]
    weights, recurrent = _parts(kernel, units)
    made = layers.SimpleRNNCell(units, **_activations(activation, None, None), use_bias=bias is not None)
    return made.bind(kernel=weights, recurrent_kernel=recurrent, bias=bias)


RULES = (lstm, gru, simple_rnn)
