"""Steps of recurrent networks as the layers of Keras 1 and 2, and of tf.keras, compute them."""

from porter.rule import Function, Weight, cell, layers, one_of, require, stacked, together
from porter.rules.gates import activations, applied, bias_of


def _sum(tf, x, h, kernel, recurrent_kernel, bias):
    """What a gate of a Keras layer sees: x and h, each times a kernel of its own, and a bias at any place."""
    new, old = tf.MatMul(x, kernel), tf.MatMul(h, recurrent_kernel)
    return one_of(
        one_of(tf.BiasAdd(new, bias), new + bias) + old,
        tf.BiasAdd(new + old, bias),
        (new + old) + bias,
        new + old,
    )


@cell(h="out", c="new_c")
def keras_lstm(
    tf, x, h, c, kernel_i: Weight, kernel_f: Weight, kernel_c: Weight, kernel_o: Weight,
    recurrent_i: Weight, recurrent_f: Weight, recurrent_c: Weight, recurrent_o: Weight,
    bias_i: Weight, bias_f: Weight, bias_c: Weight, bias_o: Weight, activation: Function, gate: Function,
):  # fmt: skip
    """Raise the step of Keras' LSTM whose gates have a product each (implementation=1) to `LSTMCell`.

    Shapes: x [batch, inputs], h and c [batch, units], kernels [inputs, units] and [units, units], biases [units].
    Source: tensorflow/python/keras/layers/recurrent.py, class LSTMCell, 1.15; keras/layers/recurrent.py, 2.2.
    """
    f = gate(_sum(tf, x, h, kernel_f, recurrent_f, bias_f))
    i = gate(_sum(tf, x, h, kernel_i, recurrent_i, bias_i))
    new_c = (f * c + i * activation(_sum(tf, x, h, kernel_c, recurrent_c, bias_c))).named("new_c")
    return gate(_sum(tf, x, h, kernel_o, recurrent_o, bias_o)) * activation(new_c)


@keras_lstm.to_keras
def _(
    kernel_i, kernel_f, kernel_c, kernel_o, recurrent_i, recurrent_f, recurrent_c, recurrent_o,
    bias_i, bias_f, bias_c, bias_o, activation, gate,
):  # fmt: skip
    units = kernel_i.value.shape[1]
    bias = bias_of(units, bias_i, bias_f, bias_c, bias_o)
    return layers.LSTMCell(units, **activations(activation, gate), use_bias=bias is not None).bind(
        kernel=together(kernel_i, kernel_f, kernel_c, kernel_o),
        recurrent_kernel=together(recurrent_i, recurrent_f, recurrent_c, recurrent_o),
        bias=bias,
    )


@keras_lstm.example("LSTM(implementation=1) with hard sigmoid gates", "LSTM")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    return tf.keras.layers.LSTM(5, recurrent_activation="hard_sigmoid", implementation=1, return_sequences=True)(x)


def _split(tf, value, count):
    """Equal parts of the last axis, as Split gives them, or as slices named "part_0" and so on."""
    parts = tf.Split(value).named("split")
    return [one_of(parts[i], tf.StridedSlice(value).named(f"part_{i}")) for i in range(count)]


def check_parts(units, split, *parts):
    """Raise `Miss` unless `_split` found equal parts in order."""
    if split is not None:
        split.get("num_split")
        require(split["axis"] in (1, -1), f"the gates are split along axis {split['axis']}", split)
    for place, part in enumerate(parts):
        if part is not None:
            ends = (place * units, (place + 1) * units)
            slices = part["slices"]
            require(len(slices) == 2 and slices[0] == slice(None), "the gates are sliced in another way", part)
            require(
                isinstance(slices[1], slice) and slices[1].indices(len(parts) * units)[:2] == ends, "the gates", part
            )


def check_equal(units, split):
    """Raise `Miss` unless the first two parts of a SplitV, if it is one, are equal."""
    if split is not None:
        require(split.get("sizes", (units, units))[:2] == (units, units), "the gates are not equal", split)


@cell(h="out", c="new_c")
def keras_lstm_at_once(
    tf, x, h, c, kernel: Weight, recurrent_kernel: Weight, bias: Weight, activation: Function, gate: Function
):
    """Raise the step of Keras' LSTM with one product for all gates (implementation=2) to `LSTMCell`.

    Source: tensorflow/python/keras/layers/recurrent.py, class LSTMCell, 1.15; keras/layers/recurrent.py, 2.2.
    """
    i, f, new, o = _split(tf, _sum(tf, x, h, kernel, recurrent_kernel, bias), 4)
    new_c = (gate(f) * c + gate(i) * activation(new)).named("new_c")
    return gate(o) * activation(new_c)


@keras_lstm_at_once.to_keras
def _(kernel, recurrent_kernel, bias, activation, gate, split, part_0, part_1, part_2, part_3):
    units = kernel.value.shape[1] // 4
    check_parts(units, split, part_0, part_1, part_2, part_3)
    made = layers.LSTMCell(units, **activations(activation, gate), use_bias=bias is not None)
    return made.bind(kernel=kernel, recurrent_kernel=recurrent_kernel, bias=bias_of(4 * units, bias))


@keras_lstm_at_once.example("LSTM(implementation=2)", "LSTM")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    return tf.keras.layers.LSTM(5, implementation=2, return_sequences=True)(x)


@keras_lstm_at_once.example("from the end of the sequence to its start", "LSTM")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    return tf.keras.layers.LSTM(5, implementation=2, return_sequences=True, go_backwards=True)(x)


@keras_lstm_at_once.example("once forwards and once backwards, with the same weights", "LSTM", "ops.flip")
def _(tf):
    x, y = tf.placeholder(tf.float32, [None, 4, 3], "x"), tf.placeholder(tf.float32, [None, 4, 3], "y")
    layer = tf.keras.layers.LSTM(5, implementation=2, return_sequences=True)
    return layer(x), layer(tf.reverse(y, [1]))


@cell(h="out")
def keras_gru(
    tf, x, h, kernel_z: Weight, kernel_r: Weight, kernel_h: Weight, recurrent_z: Weight, recurrent_r: Weight,
    recurrent_h: Weight, bias_z: Weight, bias_r: Weight, bias_h: Weight, activation: Function, gate: Function,
):  # fmt: skip
    """Raise the step of Keras' GRU whose gates have a product each (implementation=1) to `GRUCell(reset_after=False)`.

    Source: tensorflow/python/keras/layers/recurrent.py, class GRUCell, 1.15; keras/layers/recurrent.py, 2.2.
    """
    z = gate(_sum(tf, x, h, kernel_z, recurrent_z, bias_z))
    r = gate(_sum(tf, x, h, kernel_r, recurrent_r, bias_r))
    new = activation(applied(tf, x, kernel_h, bias_h) + tf.MatMul(r * h, recurrent_h))
    return z * h + (1.0 - z) * new


@keras_gru.to_keras
def _(
    kernel_z, kernel_r, kernel_h, recurrent_z, recurrent_r, recurrent_h, bias_z, bias_r, bias_h, activation, gate
):  # fmt: skip
    units = kernel_z.value.shape[1]
    bias = bias_of(units, bias_z, bias_r, bias_h)
    made = layers.GRUCell(units, **activations(activation, gate), use_bias=bias is not None, reset_after=False)
    return made.bind(
        kernel=together(kernel_z, kernel_r, kernel_h),
        recurrent_kernel=together(recurrent_z, recurrent_r, recurrent_h),
        bias=bias,
    )


@keras_gru.example("GRU(implementation=1)", "GRU")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    return tf.keras.layers.GRU(5, implementation=1, return_sequences=True)(x)


@cell(h="out")
def keras_gru_at_once(
    tf, x, h, kernel: Weight, gate_recurrent: Weight, recurrent_h: Weight, bias: Weight, activation: Function,
    gate: Function,
):  # fmt: skip
    """Raise the step of Keras' GRU with one product for all that x goes into (implementation=2) to `GRUCell`.

    Source: tensorflow/python/keras/layers/recurrent.py, class GRUCell, 1.15; keras/layers/recurrent.py, 2.2.
    """
    x_z, x_r, x_h = _split(tf, applied(tf, x, kernel, bias), 3)
    inner = tf.MatMul(h, gate_recurrent)
    whole, rest = tf.Split(inner).named("gates"), tf.SplitV(inner).named("gates")
    h_z, h_r = (one_of(whole[i], rest[i], tf.StridedSlice(inner).named(f"gate_{i}")) for i in range(2))
    z, r = gate(x_z + h_z), gate(x_r + h_r)
    return z * h + (1.0 - z) * activation(x_h + tf.MatMul(r * h, recurrent_h))


@keras_gru_at_once.to_keras
def _(
    kernel, gate_recurrent, recurrent_h, bias, activation, gate, split, part_0, part_1, part_2, gates, gate_0, gate_1
):  # fmt: skip
    units = kernel.value.shape[1] // 3
    check_parts(units, split, part_0, part_1, part_2)
    check_equal(units, gates)
    check_parts(units, gates, gate_0, gate_1)
    made = layers.GRUCell(units, **activations(activation, gate), use_bias=bias is not None, reset_after=False)
    return made.bind(
        kernel=kernel, recurrent_kernel=together(gate_recurrent, recurrent_h), bias=bias_of(3 * units, bias)
    )


@keras_gru_at_once.example("GRU(implementation=2)", "GRU")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    return tf.keras.layers.GRU(5, implementation=2, return_sequences=True)(x)


@cell(h="out")
def keras_gru_reset_after(
    tf, x, h, kernel_z: Weight, kernel_r: Weight, kernel_h: Weight, recurrent_z: Weight, recurrent_r: Weight,
    recurrent_h: Weight, bias_z: Weight, bias_r: Weight, bias_h: Weight, inner_z: Weight, inner_r: Weight,
    inner_h: Weight, activation: Function, gate: Function,
):  # fmt: skip
    """Raise the step of Keras' GRU(reset_after=True, implementation=1) to `GRUCell`.

    Source: tensorflow/python/keras/layers/recurrent.py, class GRUCell, 1.15; keras/layers/recurrent.py, 2.2.
    """
    z = gate(applied(tf, x, kernel_z, bias_z) + applied(tf, h, recurrent_z, inner_z))
    r = gate(applied(tf, x, kernel_r, bias_r) + applied(tf, h, recurrent_r, inner_r))
    new = activation(applied(tf, x, kernel_h, bias_h) + r * applied(tf, h, recurrent_h, inner_h))
    return z * h + (1.0 - z) * new


@keras_gru_reset_after.to_keras
def _(
    kernel_z, kernel_r, kernel_h, recurrent_z, recurrent_r, recurrent_h, bias_z, bias_r, bias_h,
    inner_z, inner_r, inner_h, activation, gate,
):  # fmt: skip
    units = kernel_z.value.shape[1]
    bias, inner = bias_of(units, bias_z, bias_r, bias_h), bias_of(units, inner_z, inner_r, inner_h)
    return _reset_after(
        units, together(kernel_z, kernel_r, kernel_h), together(recurrent_z, recurrent_r, recurrent_h), bias, inner,
        activation, gate,
    )  # fmt: skip


@keras_gru_reset_after.example("GRU(reset_after=True, implementation=1)", "GRU")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    return tf.keras.layers.GRU(5, reset_after=True, implementation=1, return_sequences=True)(x)


@cell(h="out")
def keras_gru_reset_after_at_once(
    tf,
    x,
    h,
    kernel: Weight,
    recurrent_kernel: Weight,
    bias: Weight,
    inner: Weight,
    activation: Function,
    gate: Function,
):
    """Raise the step of Keras' GRU(reset_after=True, implementation=2), which cuDNN computes too, to `GRUCell`.

    Source: tensorflow/python/keras/layers/recurrent.py, class GRUCell, recurrent_v2.py, function standard_gru, 1.15.
    """
    x_z, x_r, x_h = _split(tf, applied(tf, x, kernel, bias), 3)
    sums = applied(tf, h, recurrent_kernel, inner)
    whole, rest = tf.Split(sums).named("gates"), tf.SplitV(sums).named("gates")
    h_z, h_r, h_h = (one_of(whole[i], rest[i], tf.StridedSlice(sums).named(f"gate_{i}")) for i in range(3))
    z, r = gate(x_z + h_z), gate(x_r + h_r)
    return z * h + (1.0 - z) * activation(x_h + r * h_h)


@keras_gru_reset_after_at_once.to_keras
def _(
    kernel, recurrent_kernel, bias, inner, activation, gate, split, part_0, part_1, part_2, gates, gate_0, gate_1, gate_2
):  # fmt: skip
    units = kernel.value.shape[1] // 3
    check_parts(units, split, part_0, part_1, part_2)
    check_equal(units, gates)
    check_parts(units, gates, gate_0, gate_1, gate_2)
    return _reset_after(
        units, kernel, recurrent_kernel, bias_of(3 * units, bias), bias_of(3 * units, inner), activation, gate
    )


@keras_gru_reset_after_at_once.example("GRU(reset_after=True, implementation=2)", "GRU")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    return tf.keras.layers.GRU(5, reset_after=True, implementation=2, return_sequences=True)(x)


def _reset_after(units, kernel, recurrent_kernel, bias, inner, activation, gate):
    require(bias is not None or inner is None, "only what h goes into has a bias")
    if bias is not None:
        inner = inner or bias.apply("filled (0,)", lambda array: array * 0)
        bias = stacked(bias, inner)
    made = layers.GRUCell(units, **activations(activation, gate), use_bias=bias is not None, reset_after=True)
    return made.bind(kernel=kernel, recurrent_kernel=recurrent_kernel, bias=bias)


@cell(h="out")
def keras_simple_rnn(tf, x, h, kernel: Weight, recurrent_kernel: Weight, bias: Weight, activation: Function):
    """Raise the step of Keras' SimpleRNN to `SimpleRNNCell`.

    Source: tensorflow/python/keras/layers/recurrent.py, class SimpleRNNCell, 1.15.
    """
    return activation(_sum(tf, x, h, kernel, recurrent_kernel, bias))


@keras_simple_rnn.to_keras
def _(kernel, recurrent_kernel, bias, activation):
    units = kernel.value.shape[1]
    made = layers.SimpleRNNCell(units, **activations(activation, None, None), use_bias=bias is not None)
    return made.bind(kernel=kernel, recurrent_kernel=recurrent_kernel, bias=bias_of(units, bias))


@keras_simple_rnn.example("SimpleRNN", "SimpleRNN")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 4, 3], "x")
    return tf.keras.layers.SimpleRNN(5, activation="relu", return_sequences=True)(x)


keras_simple_rnn.alone = False

RULES = (
    keras_lstm,
    keras_lstm_at_once,
    keras_gru,
    keras_gru_at_once,
    keras_gru_reset_after,
    keras_gru_reset_after_at_once,
    keras_simple_rnn,
)
