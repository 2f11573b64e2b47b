"""Attention of `tf.contrib.seq2seq`: mechanisms that score a memory, and the cell around which they work."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf
from tf_keras.src.layers.rnn.legacy_cells import RNNCell
from tf_keras.src.legacy_tf_layers.core import Dense


class _Mechanism:
    """A memory [batch, time, depth], its keys, and how a query is turned into alignments [batch, time]."""

    def __init__(self, num_units: int, memory: Any, lengths: Any, probability_fn: Any, mask_value: Any, query: bool):
        self.units, self.probability = num_units, probability_fn or tf.nn.softmax
        self.query_layer = Dense(num_units, use_bias=False, name="query_layer") if query else None
        self.memory_layer = Dense(num_units, use_bias=False, name="memory_layer")
        self.mask_value = -float("inf") if mask_value is None else mask_value
        memory = tf.convert_to_tensor(memory)
        self.mask = None if lengths is None else tf.sequence_mask(lengths, tf.shape(memory)[1])
        self.values = memory if self.mask is None else memory * tf.cast(self.mask, memory.dtype)[..., None]
        self.keys = self.memory_layer(self.values)
        self.batch_size, self.alignments_size = tf.shape(self.keys)[0], tf.shape(self.keys)[1]

    def initial(self, batch_size: Any, dtype: Any) -> Any:
        """Alignments before the first step."""
        return tf.zeros([batch_size, self.alignments_size], dtype)

    def score(self, query: Any) -> Any:
        """How well each step of the memory fits, [batch, time]."""
        raise NotImplementedError

    def __call__(self, query: Any, state: Any = None) -> Any:
        """Alignments, and the next state, which is the same."""
        scores = self.score(query)
        if self.mask is not None:
            scores = tf.where(self.mask, scores, self.mask_value * tf.ones_like(scores))
        alignments = self.probability(scores)
        return alignments, alignments


class BahdanauAttention(_Mechanism):
    """v · tanh(keys + query), normalised by weight if asked."""

    def __init__(self, num_units: int, memory: Any, memory_sequence_length: Any = None, normalize: bool = False,
                 probability_fn: Any = None, score_mask_value: Any = None, dtype: Any = None,
                 custom_key_value_fn: Any = None, name: str = "BahdanauAttention"):  # fmt: skip
        super().__init__(num_units, memory, memory_sequence_length, probability_fn, score_mask_value, query=True)
        self.normalize = normalize

    def score(self, query: Any) -> Any:
        """As the class says."""
        with tf.variable_scope(None, "bahdanau_attention", [query]):
            assert self.query_layer is not None
            query = tf.expand_dims(self.query_layer(query), 1)
            direction = tf.get_variable("attention_v", [self.units], dtype=query.dtype)
            if not self.normalize:
                return tf.reduce_sum(direction * tf.tanh(self.keys + query), [2])
            start = tf.constant_initializer((1.0 / self.units) ** 0.5)
            gain = tf.get_variable("attention_g", shape=(), dtype=query.dtype, initializer=start)
            bias = tf.get_variable("attention_b", [self.units], initializer=tf.zeros_initializer())
            unit = gain * direction * tf.rsqrt(tf.reduce_sum(tf.square(direction)))
            return tf.reduce_sum(unit * tf.tanh(self.keys + query + bias), [2])


class LuongAttention(_Mechanism):
    """keys · query, times a learned number if asked."""

    def __init__(self, num_units: int, memory: Any, memory_sequence_length: Any = None, scale: bool = False,
                 probability_fn: Any = None, score_mask_value: Any = None, dtype: Any = None,
                 custom_key_value_fn: Any = None, name: str = "LuongAttention"):  # fmt: skip
        super().__init__(num_units, memory, memory_sequence_length, probability_fn, score_mask_value, query=False)
        self.scale = scale

    def score(self, query: Any) -> Any:
        """As the class says."""
        with tf.variable_scope(None, "luong_attention", [query]):
            scores = tf.squeeze(tf.matmul(tf.expand_dims(query, 1), self.keys, transpose_b=True), [1])
            if not self.scale:
                return scores
            return scores * tf.get_variable("attention_g", shape=(), initializer=tf.ones_initializer())


class AttentionWrapperState(NamedTuple):
    """The state of the cell, and of the attention over it."""

    cell_state: Any
    attention: Any
    time: Any
    alignments: Any
    alignment_history: Any
    attention_state: Any

    def clone(self, **changes: Any) -> AttentionWrapperState:
        """The same with other parts."""
        return self._replace(**changes)


class AttentionWrapper(RNNCell):
    """A cell fed its input and the last attention; with one mechanism, and without a history of alignments."""

    def __init__(self, cell: RNNCell, attention_mechanism: Any, attention_layer_size: Any = None,
                 alignment_history: bool = False, cell_input_fn: Any = None, output_attention: bool = True,
                 initial_cell_state: Any = None, name: Any = None, attention_layer: Any = None):  # fmt: skip
        if alignment_history or isinstance(attention_mechanism, list | tuple):
            raise NotImplementedError("AttentionWrapper is here with one mechanism and without alignment_history")
        super().__init__(name=name)
        self._cell, self._mechanism, self._first = cell, attention_mechanism, initial_cell_state
        self._join = cell_input_fn or (lambda inputs, attention: tf.concat([inputs, attention], -1))
        self._output_attention = output_attention
        self._layer = attention_layer
        if attention_layer_size is not None:
            self._layer = Dense(attention_layer_size, name="attention_layer", use_bias=False)
        depth = int(attention_mechanism.values.get_shape()[-1])
        self._attention_size = attention_layer_size or getattr(attention_layer, "units", None) or depth

    @property
    def output_size(self) -> Any:
        """The size of an output."""
        return self._attention_size if self._output_attention else self._cell.output_size

    @property
    def state_size(self) -> Any:
        """The sizes of the state."""
        times = self._mechanism.alignments_size
        shape = tf.TensorShape([])
        return AttentionWrapperState(self._cell.state_size, self._attention_size, shape, times, (), times)

    def zero_state(self, batch_size: Any, dtype: Any) -> AttentionWrapperState:
        """The state before the first step."""
        with tf.name_scope(type(self).__name__ + "ZeroState"):
            cell_state = self._first if self._first is not None else self._cell.zero_state(batch_size, dtype)
            alignments = self._mechanism.initial(batch_size, dtype)
            attention = tf.zeros([batch_size, self._attention_size], dtype)
            return AttentionWrapperState(cell_state, attention, tf.zeros([], tf.int32), alignments, (), alignments)

    def call(self, inputs: Any, state: AttentionWrapperState) -> Any:
        """One step: the attention (or the cell's output), and the state."""
        output, cell_state = self._cell(self._join(inputs, state.attention), state.cell_state)
        alignments, attention_state = self._mechanism(output, state.attention_state)
        context = tf.squeeze(tf.matmul(tf.expand_dims(alignments, 1), self._mechanism.values), [1])
        attention = context if self._layer is None else self._layer(tf.concat([output, context], 1))
        following = AttentionWrapperState(cell_state, attention, state.time + 1, alignments, (), attention_state)
        return (attention if self._output_attention else output), following


def hardmax(logits: Any, name: Any = None) -> Any:
    """1 at the largest, 0 elsewhere."""
    depth = logits.get_shape()[-1] if logits.get_shape()[-1].value is not None else tf.shape(logits)[-1]
    return tf.one_hot(tf.argmax(logits, -1), depth, dtype=logits.dtype)
