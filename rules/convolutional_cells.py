"""Steps of convolutional recurrent networks."""

from porter.rule import Function, Scalar, Weight, cell, layers, one_of, require, together
from porter.rules.gates import activations, bias_of


def _plain(conv):
    """Raise `Miss` unless a convolution keeps rows and columns, as one of a state has to."""
    require(set(conv.get("strides", (1,))) == {1}, "the state's convolution has strides", conv)
    require(conv["padding"] == "SAME", "the state's convolution pads otherwise", conv)
    _channels_last(conv)


def _channels_last(conv):
    require(conv.get("data_format", "NHWC") == "NHWC", "the channels come first", conv)
    require(set(conv.get("dilations", (1,))) == {1}, "a dilated convolution", conv)
    conv.get("explicit_paddings")


def _channels(kernel, start, stop):
    """Some of the channels that a kernel takes."""
    return kernel.apply(f"channels {(start, stop)}", lambda array: array[..., start:stop, :])


@cell(h="out", c="new_c")
def conv_lstm(tf, x, h, c, kernel: Weight, bias: Weight, forget_bias: Scalar):
    """Raise the step of tf.contrib.rnn.ConvLSTMCell to `ConvLSTM2D`.

    Shapes: x [batch, rows, columns, channels], h and c with as many rows and columns, kernel [rows, columns, channels
    of x and h, 4 filters] with the gates i, j, f, o.
    Source: tensorflow/contrib/rnn/python/ops/rnn_cell.py, class ConvLSTMCell, 1.15.
    """
    conv = tf.Conv2D(tf.ConcatV2(x, h).named("joined"), kernel).named("conv")
    gates = tf.Split(one_of(tf.BiasAdd(conv, bias), conv + bias, conv)).named("split")
    i, j, f, o = (gates[place] for place in range(4))
    new_c = (tf.Sigmoid(one_of(f + forget_bias, f)) * c + tf.Sigmoid(i) * tf.Tanh(j)).named("new_c")
    return tf.Tanh(new_c) * tf.Sigmoid(o)


@conv_lstm.to_keras
def _(x, kernel, bias, forget_bias, joined, conv, split):
    _plain(conv)
    split.get("num_split")
    require(joined["axis"] == 3 and split["axis"] == 3, "the channels are not the last axis", conv)
    rows, columns, inputs, gates = kernel.value.shape
    require(bias is not None and x.rank == 4, "there is no bias to add the forget bias to", conv)
    order = (0, 2, 1, 3)  # i, j, f, o to Keras' i, f, c, o
    channels = inputs - gates // 4
    bias = bias_of(gates, bias)
    bias = bias.add(forget_bias, 2, 4) if forget_bias else bias
    return layers.ConvLSTM2D(gates // 4, (rows, columns), padding="same", recurrent_activation="sigmoid").bind(
        kernel=_channels(kernel, 0, channels).blocks(order),
        recurrent_kernel=_channels(kernel, channels, inputs).blocks(order),
        bias=bias.blocks(order),
    )


@conv_lstm.example("the formula of ConvLSTMCell", "ConvLSTM2D")
def _(tf):
    def step(before, x):
        h, c = before
        sums = tf.nn.conv2d(tf.concat([x, h], 3), kernel, strides=[1, 1, 1, 1], padding="SAME") + bias
        i, j, f, o = tf.split(sums, 4, axis=3)
        new_c = tf.sigmoid(f + 1.0) * c + tf.sigmoid(i) * tf.tanh(j)
        return tf.tanh(new_c) * tf.sigmoid(o), new_c

    x = tf.placeholder(tf.float32, [None, 3, 6, 5, 2], "x")
    kernel, bias = tf.get_variable("kernel", [3, 3, 6, 16]), tf.get_variable("bias", [16])
    zeros = tf.zeros([tf.shape(x)[0], 6, 5, 4])
    return tf.scan(step, tf.transpose(x, [1, 0, 2, 3, 4]), initializer=(zeros, zeros))[0]


@cell(h="out", c="new_c")
def keras_conv_lstm(
    tf, x, h, c, kernel_i: Weight, kernel_f: Weight, kernel_c: Weight, kernel_o: Weight,
    recurrent_i: Weight, recurrent_f: Weight, recurrent_c: Weight, recurrent_o: Weight,
    bias_i: Weight, bias_f: Weight, bias_c: Weight, bias_o: Weight, activation: Function, gate: Function,
):  # fmt: skip
    """Raise the step of Keras' ConvLSTM2D to `ConvLSTM2D`.

    Source: tensorflow/python/keras/layers/convolutional_recurrent.py, class ConvLSTM2DCell, 1.15.
    """

    def seen(kernel, recurrent_kernel, bias, name):
        new, old = tf.Conv2D(x, kernel).named(f"conv_{name}"), tf.Conv2D(h, recurrent_kernel).named(f"state_{name}")
        return one_of(tf.BiasAdd(new, bias), new + bias, new) + old

    f, i = gate(seen(kernel_f, recurrent_f, bias_f, "f")), gate(seen(kernel_i, recurrent_i, bias_i, "i"))
    new_c = (f * c + i * activation(seen(kernel_c, recurrent_c, bias_c, "c"))).named("new_c")
    return gate(seen(kernel_o, recurrent_o, bias_o, "o")) * activation(new_c)


@keras_conv_lstm.to_keras
def _(
    x, kernel_i, kernel_f, kernel_c, kernel_o, recurrent_i, recurrent_f, recurrent_c, recurrent_o,
    bias_i, bias_f, bias_c, bias_o, activation, gate,
    conv_i, conv_f, conv_c, conv_o, state_i, state_f, state_c, state_o,
):  # fmt: skip
    for conv in (state_i, state_f, state_c, state_o):
        _plain(conv)
    padding, strides = conv_i["padding"], tuple(conv_i.get("strides", (1, 1, 1, 1)))
    for conv in (conv_i, conv_f, conv_c, conv_o):
        _channels_last(conv)
        same = (conv["padding"], tuple(conv.get("strides", (1, 1, 1, 1)))) == (padding, strides)
        require(same and padding in ("SAME", "VALID"), "the gates' convolutions differ", conv)
    rows, columns, _, filters = kernel_i.value.shape
    require(x.rank == 4, f"the input has rank {x.rank}", x)
    bias = bias_of(filters, bias_i, bias_f, bias_c, bias_o)
    made = layers.ConvLSTM2D(
        filters,
        (rows, columns),
        strides=strides[1:3],
        padding=padding.lower(),
        **{"recurrent_activation": "sigmoid", **activations(activation, gate)},
        use_bias=bias is not None,
    )
    return made.bind(
        kernel=together(kernel_i, kernel_f, kernel_c, kernel_o),
        recurrent_kernel=together(recurrent_i, recurrent_f, recurrent_c, recurrent_o),
        bias=bias,
    )


@keras_conv_lstm.example("ConvLSTM2D", "ConvLSTM2D")
def _(tf):
    x = tf.placeholder(tf.float32, [None, 3, 6, 5, 2], "x")
    return tf.keras.layers.ConvLSTM2D(4, 3, strides=2, return_sequences=True)(x)


RULES = (conv_lstm, keras_conv_lstm)
