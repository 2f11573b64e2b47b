"""Steps of recurrent networks as the cells of TensorFlow 1 compute them."""

from porter.rule import Function, Scalar, Weight, cell, layers, one_of, porter_layers, require, stacked
from porter.rules.gates import activations, applied, check_linear, linear, parts_of


@cell(h="out", c="new_c")
def lstm(tf, x, h, c, kernel: Weight, bias: Weight, forget_bias: Scalar, activation: Function, gate: Function):
    """Raise the step of BasicLSTMCell, and of LSTMCell as it is by default, to `LSTMCell`.

    Shapes: x [batch, inputs], h and c [batch, units], kernel [inputs + units, 4 units] with the gates i, j, f, o. The
    forget bias goes into the bias. Left to other rules: peepholes, clipping, projections.
    Source: tensorflow/python/ops/rnn_cell_impl.py, classes BasicLSTMCell and LSTMCell, 1.0 to 1.15.
    """
    gates = tf.Split(linear(tf, x, h, kernel, bias)).named("split")
    i, j, f, o = (gates[place] for place in range(4))
    new_c = (c * gate(one_of(f + forget_bias, f)) + gate(i) * activation(j)).named("new_c")
    return activation(new_c) * gate(o)


@lstm.to_keras
def _(kernel, bias, forget_bias, activation, gate, joined, product, split):
    check_linear(joined, product, split)
    require(bias is not None, "there is no bias to add the forget bias to", product)
    units = kernel.value.shape[1] // 4
    weights, recurrent = parts_of(kernel, units)
    order = (0, 2, 1, 3)  # i, j, f, o to Keras' i, f, c, o
    bias = bias.reshape((4 * units,)) if len(bias.value.shape) != 1 else bias
    bias = bias.add(forget_bias, 2, 4) if forget_bias else bias
    return layers.LSTMCell(units, **activations(activation, gate)).bind(
        kernel=weights.blocks(order), recurrent_kernel=recurrent.blocks(order), bias=bias.blocks(order)
    )


@lstm.example("BasicLSTMCell in a dynamic_rnn", "LSTM")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    return tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicLSTMCell(5), x, dtype=tf.float32)[0]


@lstm.example("two layers over written out steps, as static_rnn leaves them", "LSTM", "LSTM")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    cells = [tf.nn.rnn_cell.LSTMCell(5, forget_bias=0.5), tf.nn.rnn_cell.LSTMCell(6, activation=tf.nn.relu)]
    outputs, _ = tf.nn.static_rnn(tf.nn.rnn_cell.MultiRNNCell(cells), tf.unstack(x, axis=1), dtype=tf.float32)
    return outputs[-1]


@lstm.example("sentences of several lengths", "LSTM")
def _(tf):
    x, lengths = tf.placeholder(tf.float32, [None, 4, 3], "x"), tf.placeholder(tf.int32, [None], "lengths")
    cell = tf.nn.rnn_cell.LSTMCell(5)
    outputs, state = tf.nn.dynamic_rnn(cell, x, sequence_length=lengths, dtype=tf.float32)
    return [outputs, state.c, state.h]


@lstm.example("a decoder that was written out: each step takes what the one before it gave", "LSTM", "LSTM", "LSTM")
def _(tf):
    x, cell = tf.placeholder(tf.float32, [None, 3], "x"), tf.nn.rnn_cell.LSTMCell(5)
    state = cell.zero_state(tf.shape(x)[0], tf.float32)
    taken = tf.get_variable("back", [5, 3])
    with tf.variable_scope("decoder") as scope:
        output, state = cell(x, state)
        for _ in range(2):
            scope.reuse_variables()
            output, state = cell(tf.nn.softmax(tf.matmul(output, taken)), state)
    return output


@lstm.counterexample("the output's gate sees the cell before it was renewed", "LSTM")
def _(tf):
    def step(before, x):
        h, c = before
        i, j, f, o = tf.split(tf.matmul(tf.concat([x, h], 1), kernel) + bias, 4, axis=1)
        new_c = c * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
        return tf.tanh(c) * tf.sigmoid(o), new_c

    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    kernel, bias = tf.get_variable("kernel", [8, 20]), tf.get_variable("bias", [20])
    zeros = tf.zeros([tf.shape(x)[0], 5])
    return tf.scan(step, tf.transpose(x, [1, 0, 2]), initializer=(zeros, zeros))[0]


def _clipped(tf, x, low, high):
    """x between two numbers, or as it is; the numbers are bound only where it is clipped."""
    return [tf.Maximum(tf.Minimum(x, high), low), tf.ClipByValue(x, low, high), x]


@cell(h="out", c="new_c")
def extended_lstm(
    tf, x, h, c, kernel: Weight, bias: Weight, forget_bias: Scalar, activation: Function,
    peephole_i: Weight, peephole_f: Weight, peephole_o: Weight, low: Scalar, high: Scalar,
    projection: Weight, projection_low: Scalar, projection_high: Scalar,
):  # fmt: skip
    """Raise the step of LSTMCell with peepholes, clipping or a projection to a cell of porter's own.

    Source: tensorflow/python/ops/rnn_cell_impl.py, class LSTMCell, 1.0 to 1.15.
    """
    gates = tf.Split(linear(tf, x, h, kernel, bias)).named("split")
    i, j, f, o = (gates[place] for place in range(4))
    forget = one_of(f + forget_bias + peephole_f * c, f + forget_bias, f + peephole_f * c, f)
    added = tf.Sigmoid(forget) * c + tf.Sigmoid(one_of(i + peephole_i * c, i)) * activation(j)
    new_c = one_of(*(each.named("new_c") for each in _clipped(tf, added, low, high)))
    m = tf.Sigmoid(one_of(o + peephole_o * new_c, o)) * activation(new_c)
    return one_of(*_clipped(tf, tf.MatMul(m, projection), projection_low, projection_high), m)


@extended_lstm.to_keras
def _(
    kernel, bias, forget_bias, activation, peephole_i, peephole_f, peephole_o, low, high, projection, projection_low,
    projection_high, joined, product, split,
):  # fmt: skip
    check_linear(joined, product, split)
    require(bias is not None, "there is no bias", product)
    for least, most in ((low, high), (projection_low, projection_high)):
        require(least is None or least == -most, f"it is clipped to {least} and {most}", product)
    return _extended(
        kernel, bias, forget_bias, activation, (peephole_i, peephole_f, peephole_o), high, projection, projection_high
    )


@extended_lstm.example("peepholes, clipping and a projection", "RNN")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    cell = tf.nn.rnn_cell.LSTMCell(6, use_peepholes=True, cell_clip=0.3, num_proj=5, proj_clip=0.2)
    return tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)[0]


def _extended(kernel, bias, forget_bias, activation, peepholes, cell_clip, projection=None, projection_clip=None):
    require(len({each is None for each in peepholes}) == 1, "some gates have peepholes, some have none")
    some = {
        "use_peepholes": peepholes[0] is not None,
        "cell_clip": cell_clip,
        "projection_units": None if projection is None else projection.value.shape[1],
        "projection_clip": projection_clip,
        "forget_bias": float(forget_bias or 0.0),
    }
    some = {name: value for name, value in some.items() if value}
    cell = porter_layers.ExtendedLSTMCell(kernel.value.shape[1] // 4, **some, **activations(activation, "sigmoid"))
    peephole_i, peephole_f, peephole_o = peepholes
    return cell.bind(
        gates__kernel=kernel, gates__bias=bias, peephole_i=peephole_i, peephole_f=peephole_f, peephole_o=peephole_o,
        projection__kernel=projection,
    )  # fmt: skip


@cell(h="cell:6", c="cell:1")
def lstm_block(tf, x, h, c, kernel: Weight, peephole_i: Weight, peephole_f: Weight, peephole_o: Weight, bias: Weight):
    """Raise the step of LSTMBlockCell, which TensorFlow computes in one operation, to `LSTMCell`.

    Shapes: kernel [inputs + units, 4 units] with the gates i, j, f, o.
    Source: tensorflow/contrib/rnn/python/ops/lstm_ops.py, tensorflow/core/kernels/rnn/lstm_ops.cc, 1.15.
    """
    return tf.LSTMBlockCell(x, c, h, kernel, peephole_i, peephole_f, peephole_o, bias)[6].named("cell")


@lstm_block.to_keras
def _(kernel, peephole_i, peephole_f, peephole_o, bias, cell):
    units = kernel.value.shape[1] // 4
    forget_bias, clip = cell.get("forget_bias", 1.0), cell.get("cell_clip", 3.0)
    order = cell.get("gates", "icfo")
    if cell.get("use_peephole", False) or clip > 0:
        require(order == "icfo", f"the gates are in the order {order}", cell)
        peepholes = (peephole_i, peephole_f, peephole_o) if cell.get("use_peephole", False) else (None,) * 3
        return _extended(kernel, bias, forget_bias, "tanh", peepholes, clip if clip > 0 else None)
    weights, recurrent = parts_of(kernel, units)
    to_keras = tuple(order.index(gate) for gate in "ifco")
    bias = bias.add(forget_bias, order.index("f"), 4) if forget_bias else bias
    return layers.LSTMCell(units).bind(
        kernel=weights.blocks(to_keras), recurrent_kernel=recurrent.blocks(to_keras), bias=bias.blocks(to_keras)
    )


def _blocks(tf, units, **attributes):
    """The outputs of LSTMBlockCell over written out steps."""
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    kernel, bias = tf.get_variable("kernel", [3 + units, 4 * units]), tf.get_variable("bias", [4 * units])
    peepholes = [tf.get_variable(name, [units]) for name in ("w_i_diag", "w_f_diag", "w_o_diag")]
    names = dict(zip(("wci", "wcf", "wco"), peepholes, strict=True))
    c = h = tf.zeros([tf.shape(x)[0], units])
    outputs = []
    for step in tf.unstack(x, axis=1):
        made = tf.raw_ops.LSTMBlockCell(x=step, cs_prev=c, h_prev=h, w=kernel, b=bias, **names, **attributes)
        c, h = made.cs, made.h
        outputs.append(h)
    return tf.stack(outputs, axis=1)


@lstm_block.example("LSTMBlockCell without clipping", "LSTM")
def _(tf):
    return _blocks(tf, 5, forget_bias=1.0, cell_clip=-1.0)


@lstm_block.example("LSTMBlockCell with peepholes", "RNN")
def _(tf):
    return _blocks(tf, 5, forget_bias=1.0, cell_clip=0.4, use_peephole=True)


@cell(h="cell:3")
def gru_block(tf, x, h, gate_kernel: Weight, kernel: Weight, gate_bias: Weight, bias: Weight):
    """Raise the step of GRUBlockCell, which TensorFlow computes in one operation, to `GRUCell(reset_after=False)`.

    Source: tensorflow/contrib/rnn/python/ops/gru_ops.py, 1.15.
    """
    return tf.GRUBlockCell(x, h, gate_kernel, kernel, gate_bias, bias)[3].named("cell")


@gru_block.to_keras
def _(gate_kernel, gate_bias, kernel, bias):
    return _gru(gate_kernel, gate_bias, kernel, bias, "tanh", "sigmoid")


@gru_block.example("GRUBlockCell over written out steps", "GRU")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    kernels = {"w_ru": tf.get_variable("gates", [8, 10]), "w_c": tf.get_variable("candidate", [8, 5])}
    biases = {"b_ru": tf.get_variable("gates_bias", [10]), "b_c": tf.get_variable("candidate_bias", [5])}
    h = tf.zeros([tf.shape(x)[0], 5])
    for step in tf.unstack(x, axis=1):
        h = tf.raw_ops.GRUBlockCell(x=step, h_prev=h, **kernels, **biases).h
    return h


@cell(h="out")
def gru_reset_after(
    tf, x, h, gate_kernel: Weight, gate_bias: Weight, kernel: Weight, bias: Weight, recurrent_kernel: Weight,
    recurrent_bias: Weight, activation: Function, gate: Function,
):  # fmt: skip
    """Raise the step of CudnnCompatibleGRUCell to `GRUCell(reset_after=True)`.

    Source: tensorflow/contrib/cudnn_rnn/python/ops/cudnn_rnn_ops.py, class CudnnCompatibleGRUCell, 1.15.
    """
    gates = tf.Split(gate(linear(tf, x, h, gate_kernel, gate_bias))).named("split")
    r, u = gates[0], gates[1]
    candidate = activation(applied(tf, x, kernel, bias) + r * applied(tf, h, recurrent_kernel, recurrent_bias))
    return (1.0 - u) * candidate + u * h


@gru_reset_after.to_keras
def _(gate_kernel, gate_bias, kernel, bias, recurrent_kernel, recurrent_bias, activation, gate, joined, product, split):
    check_linear(joined, product, split)
    require(None not in (gate_bias, bias, recurrent_bias), "some products have no bias", product)
    units = kernel.value.shape[1]
    gates, recurrent_gates = (part.blocks((1, 0)) for part in parts_of(gate_kernel, units))
    none = gate_bias.apply("filled (0,)", lambda array: array * 0)
    made = layers.GRUCell(units, **activations(activation, gate), reset_after=True)
    return made.bind(
        kernel=gates.join(kernel),
        recurrent_kernel=recurrent_gates.join(recurrent_kernel),
        bias=stacked(gate_bias.blocks((1, 0)).join(bias), none.join(recurrent_bias)),
    )


@gru_reset_after.example("the formula of CudnnCompatibleGRUCell", "GRU")
def _(tf):
    def step(h, x):
        r, u = tf.split(tf.sigmoid(tf.matmul(tf.concat([x, h], 1), gates) + gates_bias), 2, axis=1)
        candidate = tf.tanh(tf.matmul(x, kernel) + bias + r * (tf.matmul(h, recurrent) + recurrent_bias))
        return (1.0 - u) * candidate + u * h

    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    gates, gates_bias = tf.get_variable("gates", [8, 10]), tf.get_variable("gates_bias", [10])
    kernel, bias = tf.get_variable("kernel", [3, 5]), tf.get_variable("bias", [5])
    recurrent, recurrent_bias = tf.get_variable("recurrent", [5, 5]), tf.get_variable("recurrent_bias", [5])
    return tf.scan(step, tf.transpose(x, [1, 0, 2]), initializer=tf.zeros([tf.shape(x)[0], 5]))


@cell(h="out")
def gru(
    tf, x, h, gate_kernel: Weight, gate_bias: Weight, kernel: Weight, bias: Weight, activation: Function, gate: Function
):
    """Raise the step of GRUCell to `GRUCell(reset_after=False)`.

    Shapes: x [batch, inputs], h [batch, units], gate_kernel [inputs + units, 2 units] with the gates r, u, kernel
    [inputs + units, units].
    Source: tensorflow/python/ops/rnn_cell_impl.py, class GRUCell, 1.0 to 1.15.
    """
    gates = tf.Split(gate(linear(tf, x, h, gate_kernel, gate_bias))).named("split")
    r, u = gates[0], gates[1]
    seen = tf.MatMul(tf.ConcatV2(x, r * h).named("seen"), kernel).named("candidate")
    candidate = activation(one_of(tf.BiasAdd(seen, bias), seen + bias, seen))
    return u * h + (1.0 - u) * candidate


@gru.to_keras
def _(gate_kernel, gate_bias, kernel, bias, activation, gate, joined, product, split, seen, candidate):
    check_linear(joined, product, split)
    check_linear(seen, candidate)
    return _gru(gate_kernel, gate_bias, kernel, bias, activation, gate)


@gru.example("GRUCell in a dynamic_rnn that starts from a given state, time first", "GRU")
def _(tf):
    x, state = tf.placeholder(tf.float32, [4, None, 3], "x"), tf.placeholder(tf.float32, [None, 5], "state")
    return tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(5), x, initial_state=state, time_major=True)


@gru.example("from both ends", "Bidirectional")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    cells = tf.nn.rnn_cell.GRUCell(5), tf.nn.rnn_cell.GRUCell(5)
    return tf.concat(tf.nn.bidirectional_dynamic_rnn(*cells, x, dtype=tf.float32)[0], axis=2)


@gru.example("from both ends of sentences of several lengths, then the mean over all steps", "Bidirectional")
def _(tf):
    x, lengths = tf.placeholder(tf.float32, [None, 4, 3], "x"), tf.placeholder(tf.int64, [None], "lengths")
    cells = tf.nn.rnn_cell.GRUCell(5), tf.nn.rnn_cell.GRUCell(5)
    outputs, states = tf.nn.bidirectional_dynamic_rnn(*cells, x, sequence_length=lengths, dtype=tf.float32)
    return [tf.reduce_mean(tf.concat(outputs, axis=2), axis=1), *states]


@gru.example("a second layer that counts all steps", "GRU", "GRU")
def _(tf):
    x, lengths = tf.placeholder(tf.float32, [None, 4, 3], "x"), tf.placeholder(tf.int32, [None], "lengths")
    x, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(5), x, sequence_length=lengths, dtype=tf.float32, scope="one")
    return tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(5), x, dtype=tf.float32, scope="two")


@gru.counterexample("the new and the old state have changed places", "GRU")
def _(tf):
    def step(h, x):
        r, u = tf.split(tf.sigmoid(tf.matmul(tf.concat([x, h], 1), gates)), 2, axis=1)
        return u * tf.tanh(tf.matmul(tf.concat([x, r * h], 1), candidate)) + (1.0 - u) * h

    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    gates, candidate = tf.get_variable("gates", [8, 10]), tf.get_variable("candidate", [8, 5])
    return tf.scan(step, tf.transpose(x, [1, 0, 2]), initializer=tf.zeros([tf.shape(x)[0], 5]))


def _gru(gate_kernel, gate_bias, kernel, bias, activation, gate):
    """A GRUCell of two kernels: for the gates r and u, and for what is new; Keras' order is z (which is u), r, h."""
    require((gate_bias is None) == (bias is None), "one of two products has a bias")
    units = kernel.value.shape[1]
    gates, recurrent_gates = (part.blocks((1, 0)) for part in parts_of(gate_kernel, units))
    new, recurrent_new = parts_of(kernel, units)
    made = layers.GRUCell(units, **activations(activation, gate), use_bias=bias is not None, reset_after=False)
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
    return activation(linear(tf, x, h, kernel, bias))


@simple_rnn.to_keras
def _(kernel, bias, activation, joined, product):
    check_linear(joined, product)
    require(activation != "linear", "there is no activation", product)
    units = kernel.value.shape[1]
    weights, recurrent = parts_of(kernel, units)
    made = layers.SimpleRNNCell(units, **activations(activation, None, None), use_bias=bias is not None)
    return made.bind(kernel=weights, recurrent_kernel=recurrent, bias=bias)


@simple_rnn.example("BasicRNNCell in a dynamic_rnn", "SimpleRNN")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    return tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicRNNCell(5), x, dtype=tf.float32)[1]


simple_rnn.alone = False

RULES = (lstm, extended_lstm, lstm_block, gru, gru_block, gru_reset_after, simple_rnn)
