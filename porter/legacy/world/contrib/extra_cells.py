"""Cells and wrappers of `tf.contrib.rnn` whose steps are formulas, with the variable names that they had."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow.compat.v1 as tf
from tf_keras.src.layers.rnn.legacy_cells import LSTMStateTuple, RNNCell


class Linear:
    """[args] · kernel + bias, of 2-D tensors side by side, with variables of the scope in which it is made."""

    def __init__(
        self,
        args: Any,
        output_size: int,
        build_bias: bool,
        bias_initializer: Any = None,
        kernel_initializer: Any = None,
    ):
        args = list(args) if isinstance(args, list | tuple) else [args]
        depth, dtype = sum(int(each.get_shape()[1]) for each in args), args[0].dtype
        self.kernel = tf.get_variable("kernel", [depth, output_size], dtype=dtype, initializer=kernel_initializer)
        start = tf.zeros_initializer() if bias_initializer is None else bias_initializer
        self.bias = tf.get_variable("bias", [output_size], dtype=dtype, initializer=start) if build_bias else None

    def __call__(self, args: Any) -> Any:
        """[batch, output_size]."""
        args = list(args) if isinstance(args, list | tuple) else [args]
        made = tf.matmul(args[0] if len(args) == 1 else tf.concat(args, 1), self.kernel)
        return made if self.bias is None else tf.nn.bias_add(made, self.bias)


def linear(
    args: Any, output_size: int, bias: bool, bias_initializer: Any = None, kernel_initializer: Any = None, *rest: Any
) -> Any:
    """The same in one call."""
    return Linear(args, output_size, bias, bias_initializer, kernel_initializer)(args)


class _Sized(RNNCell):
    """A cell with an output and a state of fixed sizes."""

    def __init__(self, output_size: Any, state_size: Any, reuse: Any = None, name: str | None = None):
        super().__init__(_reuse=reuse, name=name)
        self._sizes = output_size, state_size

    @property
    def output_size(self) -> Any:
        """The size of an output."""
        return self._sizes[0]

    @property
    def state_size(self) -> Any:
        """The sizes of the state."""
        return self._sizes[1]


class LayerNormBasicLSTMCell(_Sized):
    """An LSTM whose gates and state are normalised over the units (epsilon 1e-12), with dropout on the new input."""

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, input_size: Any = None, activation: Any = None,
        layer_norm: bool = True, norm_gain: float = 1.0, norm_shift: float = 0.0, dropout_keep_prob: Any = 1.0,
        dropout_prob_seed: Any = None, reuse: Any = None,
    ):  # fmt: skip
        super().__init__(num_units, LSTMStateTuple(num_units, num_units), reuse)
        self._activation = activation or tf.tanh
        self._forget_bias, self._layer_norm, self._start = forget_bias, layer_norm, (norm_gain, norm_shift)
        self._keep_prob, self._seed, self._units = dropout_keep_prob, dropout_prob_seed, num_units

    def _norm(self, x: Any, scope: str) -> Any:
        with tf.variable_scope(scope):
            gamma = tf.get_variable("gamma", [self._units], initializer=tf.constant_initializer(self._start[0]))
            beta = tf.get_variable("beta", [self._units], initializer=tf.constant_initializer(self._start[1]))
        mean, variance = tf.nn.moments(x, [1], keep_dims=True)
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-12)

    def call(self, inputs: Any, state: Any) -> Any:
        """One step: the output, and the state."""
        cell, hidden = state
        together = linear([inputs, hidden], 4 * self._units, bias=not self._layer_norm)
        gates = dict(zip(("input", "transform", "forget", "output"), tf.split(together, 4, axis=1), strict=True))
        if self._layer_norm:
            gates = {name: self._norm(gate, name) for name, gate in gates.items()}
        new = self._activation(gates["transform"])
        if not isinstance(self._keep_prob, float) or self._keep_prob < 1:
            new = tf.nn.dropout(new, self._keep_prob, seed=self._seed)
        cell = cell * tf.sigmoid(gates["forget"] + self._forget_bias) + tf.sigmoid(gates["input"]) * new
        cell = self._norm(cell, "state") if self._layer_norm else cell
        hidden = self._activation(cell) * tf.sigmoid(gates["output"])
        return hidden, LSTMStateTuple(cell, hidden)


class CoupledInputForgetGateLSTMCell(_Sized):
    """An LSTM without layer normalisation whose input gate is 1 - its forget gate. Peepholes show the gates the state."""

    def __init__(self, num_units: int, use_peepholes: bool = False, initializer: Any = None, num_proj: Any = None,
                 proj_clip: Any = None, num_unit_shards: int = 1, num_proj_shards: int = 1, forget_bias: float = 1.0,
                 state_is_tuple: bool = True, activation: Any = tf.tanh, reuse: Any = None, layer_norm: bool = False,
                 norm_gain: float = 1.0, norm_shift: float = 0.0):  # fmt: skip
        if num_proj or layer_norm or not state_is_tuple:
            raise NotImplementedError(
                "CoupledInputForgetGateLSTMCell is here with a state of two, without projection and normalisation"
            )
        super().__init__(num_units, LSTMStateTuple(num_units, num_units), reuse)
        self._units, self._forget_bias, self._peepholes = num_units, forget_bias, use_peepholes
        self._activation, self._initializer = activation, initializer

    def call(self, inputs: Any, state: Any) -> Any:
        """One step: the output, and the state."""
        cell, hidden = state
        with tf.variable_scope(tf.get_variable_scope(), initializer=self._initializer):
            kernel = tf.get_variable("W_0", [int(inputs.get_shape()[1]) + self._units, 3 * self._units])
            bias = tf.get_variable("B", [3 * self._units], initializer=tf.zeros_initializer())
            names = ("W_F_diag", "W_O_diag") if self._peepholes else ()
            to_forget, to_output = [tf.get_variable(name, [self._units]) for name in names] or (None, None)
        together = tf.nn.bias_add(tf.matmul(tf.concat([inputs, hidden], 1), kernel), bias)
        new, forget, output = tf.split(together, 3, axis=1)
        forget += self._forget_bias
        forget = tf.sigmoid(forget if to_forget is None else forget + to_forget * cell)
        cell = forget * cell + (1 - forget) * self._activation(new)
        output = output if to_output is None else output + to_output * cell
        hidden = tf.sigmoid(output) * self._activation(cell)
        return hidden, LSTMStateTuple(cell, hidden)


class UGRNNCell(_Sized):
    """One gate between the old state and a new one."""

    def __init__(self, num_units: int, initializer: Any = None, forget_bias: float = 1.0, activation: Any = tf.tanh,
                 reuse: Any = None):  # fmt: skip
        super().__init__(num_units, num_units, reuse)
        self._units, self._initializer, self._bias, self._activation = num_units, initializer, forget_bias, activation

    def call(self, inputs: Any, state: Any) -> Any:
        """One step: the output, and the state, which is the same."""
        with tf.variable_scope(tf.get_variable_scope(), initializer=self._initializer):
            gate, new = tf.split(linear([inputs, state], 2 * self._units, True), 2, axis=1)
        gate = tf.sigmoid(gate + self._bias)
        state = gate * state + (1.0 - gate) * self._activation(new)
        return state, state


class NASCell(_Sized):
    """The cell that a search found, without projection."""

    def __init__(self, num_units: int, num_proj: Any = None, use_bias: bool = False, reuse: Any = None, **more: Any):
        if num_proj or use_bias:
            raise NotImplementedError("NASCell is here without projection and without biases")
        super().__init__(num_units, LSTMStateTuple(num_units, num_units), reuse)
        self._units = num_units

    def call(self, inputs: Any, state: Any) -> Any:
        """One step: the output, and the state."""
        cell, hidden = state
        recurrent = tf.get_variable("recurrent_kernel", [self._units, 8 * self._units])
        kernel = tf.get_variable("kernel", [int(inputs.get_shape()[1]), 8 * self._units])
        m = tf.split(tf.matmul(hidden, recurrent), 8, axis=1)
        i = tf.split(tf.matmul(inputs, kernel), 8, axis=1)
        first = [
            tf.sigmoid(i[0] + m[0]), tf.nn.relu(i[1] + m[1]), tf.sigmoid(i[2] + m[2]), tf.nn.relu(i[3] * m[3]),
            tf.tanh(i[4] + m[4]), tf.sigmoid(i[5] + m[5]), tf.tanh(i[6] + m[6]), tf.sigmoid(i[7] + m[7]),
        ]  # fmt: skip
        second = [
            tf.tanh(first[0] * first[1]), tf.tanh(first[2] + first[3]),
            tf.tanh(first[4] * first[5]), tf.sigmoid(first[6] + first[7]),
        ]  # fmt: skip
        cell = tf.tanh(second[0] + cell) * second[1]
        hidden = tf.tanh(cell * tf.tanh(second[2] + second[3]))
        return hidden, LSTMStateTuple(cell, hidden)


class ConvLSTMCell(_Sized):
    """An LSTM of convolutions over 1, 2 or 3 axes, channels last; forget bias 1."""

    def __init__(
        self, conv_ndims: int, input_shape: Any, output_channels: int, kernel_shape: Any, use_bias: bool = True,
        skip_connection: bool = False, forget_bias: float = 1.0, initializers: Any = None, name: str = "conv_lstm_cell",
    ):  # fmt: skip
        places = tuple(input_shape[:-1])
        state = tf.TensorShape([*places, output_channels])
        total = output_channels + (int(input_shape[-1]) if skip_connection else 0)
        super().__init__(tf.TensorShape([*places, total]), LSTMStateTuple(state, state), name=name)
        self._ndims, self._channels, self._kernel = conv_ndims, output_channels, list(kernel_shape)
        self._use_bias, self._skip, self._forget_bias = use_bias, skip_connection, forget_bias

    def call(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """One step: the output, and the state."""
        cell, hidden = state
        joined = tf.concat([inputs, hidden], axis=self._ndims + 1)
        shape = [*self._kernel, int(joined.get_shape()[-1]), 4 * self._channels]
        together = tf.nn.convolution(joined, tf.get_variable("kernel", shape, dtype=joined.dtype), "SAME")
        if self._use_bias:
            together += tf.get_variable("biases", [4 * self._channels], initializer=tf.constant_initializer(0.0))
        gate, new, forget, output = tf.split(together, 4, axis=self._ndims + 1)
        cell = tf.sigmoid(forget + self._forget_bias) * cell + tf.sigmoid(gate) * tf.tanh(new)
        hidden = tf.tanh(cell) * tf.sigmoid(output)
        shown = tf.concat([hidden, inputs], axis=-1) if self._skip else hidden
        return shown, LSTMStateTuple(cell, hidden)


def _of_rank(ndims: int, default: str) -> Callable[..., ConvLSTMCell]:
    def make(name: str = default, **more: Any) -> ConvLSTMCell:
        return ConvLSTMCell(conv_ndims=ndims, name=name, **more)

    return make


Conv1DLSTMCell, Conv2DLSTMCell = _of_rank(1, "conv_1d_lstm_cell"), _of_rank(2, "conv_2d_lstm_cell")
Conv3DLSTMCell = _of_rank(3, "conv_3d_lstm_cell")


class EmbeddingWrapper(RNNCell):
    """A cell fed symbols: ids [batch] or [batch, 1] by a table."""

    def __init__(self, cell: RNNCell, embedding_classes: int, embedding_size: int, initializer: Any = None,
                 reuse: Any = None):  # fmt: skip
        super().__init__(_reuse=reuse)
        self._cell, self._classes, self._size = cell, embedding_classes, embedding_size
        self._initializer = initializer or tf.random_uniform_initializer(-math.sqrt(3), math.sqrt(3))

    output_size = property(lambda self: self._cell.output_size)
    state_size = property(lambda self: self._cell.state_size)

    def call(self, inputs: Any, state: Any) -> Any:
        """One step of the cell."""
        table = tf.get_variable("embedding", [self._classes, self._size], initializer=self._initializer)
        return self._cell(tf.nn.embedding_lookup(table, tf.reshape(inputs, [-1])), state)


class InputProjectionWrapper(RNNCell):
    """A cell behind a linear layer."""

    def __init__(self, cell: RNNCell, num_proj: int, activation: Any = None, input_size: Any = None, reuse: Any = None):
        super().__init__(_reuse=reuse)
        self._cell, self._size, self._activation = cell, num_proj, activation

    output_size = property(lambda self: self._cell.output_size)
    state_size = property(lambda self: self._cell.state_size)

    def call(self, inputs: Any, state: Any) -> Any:
        """One step of the cell."""
        projected = linear(inputs, self._size, True)
        return self._cell(self._activation(projected) if self._activation else projected, state)


class OutputProjectionWrapper(RNNCell):
    """A cell in front of a linear layer."""

    def __init__(self, cell: RNNCell, output_size: int, activation: Any = None, reuse: Any = None):
        super().__init__(_reuse=reuse)
        self._cell, self._size, self._activation = cell, output_size, activation

    output_size = property(lambda self: self._size)
    state_size = property(lambda self: self._cell.state_size)

    def call(self, inputs: Any, state: Any) -> Any:
        """One step of the cell, and its projection."""
        output, state = self._cell(inputs, state)
        projected = linear(output, self._size, True)
        return (self._activation(projected) if self._activation else projected), state


class HighwayWrapper(RNNCell):
    """A cell whose output a learned gate mixes with its input."""

    def __init__(self, cell: RNNCell, couple_carry_transform_gates: bool = True, carry_bias_init: float = 1.0):
        if not couple_carry_transform_gates:
            raise NotImplementedError("HighwayWrapper is here with coupled gates only")
        super().__init__()
        self._cell, self._bias = cell, carry_bias_init

    output_size = property(lambda self: self._cell.output_size)
    state_size = property(lambda self: self._cell.state_size)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """One step of the cell, and the mix. The wrapper has no scope of its own."""
        output, state = self._cell(inputs, state)
        size = int(inputs.get_shape()[-1])
        kernel = tf.get_variable("carry_w", [size, size])
        bias = tf.get_variable("carry_b", [size], initializer=tf.constant_initializer(self._bias))
        carry = tf.sigmoid(tf.nn.xw_plus_b(inputs, kernel, bias))
        return inputs * carry + output * (1 - carry), state


class AttentionCellWrapper(_Sized):
    """A cell that attends over its last `attn_length` states."""

    def __init__(self, cell: RNNCell, attn_length: int, attn_size: int | None = None, attn_vec_size: int | None = None,
                 input_size: int | None = None, state_is_tuple: bool = True, reuse: Any = None):  # fmt: skip
        if not state_is_tuple:
            raise NotImplementedError("AttentionCellWrapper is here with state_is_tuple=True only")
        size = attn_size or cell.output_size
        super().__init__(size, (cell.state_size, size, size * attn_length), reuse)
        self._cell, self._length, self._size = cell, attn_length, size
        self._vector, self._input_size = attn_vec_size or size, input_size

    def call(self, inputs: Any, state: Any) -> Any:
        """One step: the output, and the states."""
        state, attended, memory = state
        memory = tf.reshape(memory, [-1, self._length, self._size])
        size = self._input_size or int(inputs.get_shape()[1])
        output, state = self._cell(linear([inputs, attended], size, True), state)
        flat = tf.concat(tf.nest.flatten(state), 1)
        with tf.variable_scope("attention"):
            kernel = tf.get_variable("attn_w", [1, 1, self._size, self._vector])
            direction = tf.get_variable("attn_v", [self._vector])
            features = tf.nn.conv2d(tf.reshape(memory, [-1, self._length, 1, self._size]), kernel, [1] * 4, "SAME")
            query = tf.reshape(linear(flat, self._vector, True), [-1, 1, 1, self._vector])
            weights = tf.nn.softmax(tf.reduce_sum(direction * tf.tanh(features + query), [2, 3]))
            attended = tf.reduce_sum(tf.reshape(weights, [-1, self._length, 1]) * memory, 1)
        with tf.variable_scope("attn_output_projection"):
            output = linear([output, attended], self._size, True)
        memory = tf.concat([memory[:, 1:], output[:, None]], 1)
        return output, (state, attended, tf.reshape(memory, [-1, self._length * self._size]))
