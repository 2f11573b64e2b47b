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

    @property
    def state_size(self) -> Any:
        """The size of the state: alignments."""
        return self.alignments_size

    def initial_alignments(self, batch_size: Any, dtype: Any) -> Any:
        """Alignments before the first step."""
        return tf.zeros([batch_size, self.alignments_size], dtype)

    def initial_state(self, batch_size: Any, dtype: Any) -> Any:
        """The state before the first step."""
        return self.initial_alignments(batch_size, dtype)

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
    """A cell fed its input and the last attention, of one mechanism or several.

    alignment_history: whether the state keeps all alignments, as a TensorArray over time for each mechanism.
    attention_fn: what takes the place of `read`.
    """

    def __init__(self, cell: RNNCell, attention_mechanism: Any, attention_layer_size: Any = None,
                 alignment_history: bool = False, cell_input_fn: Any = None, output_attention: bool = True,
                 initial_cell_state: Any = None, name: Any = None, attention_layer: Any = None,
                 attention_fn: Any = None, dtype: Any = None):  # fmt: skip
        super().__init__(name=name, dtype=dtype)
        self._cell, self._first, self._many = cell, initial_cell_state, isinstance(attention_mechanism, list | tuple)
        self._mechanisms = tuple(attention_mechanism) if self._many else (attention_mechanism,)
        self._join = cell_input_fn or (lambda inputs, attention: tf.concat([inputs, attention], -1))
        self._output_attention, self._history, self._read = output_attention, alignment_history, attention_fn or read
        sizes = attention_layer_size if self._many else [attention_layer_size]
        if attention_layer_size is not None:
            self._layers = [Dense(size, name="attention_layer", use_bias=False) for size in sizes]
        else:
            layers = attention_layer if isinstance(attention_layer, list | tuple) else [attention_layer]
            self._layers = list(layers) if attention_layer is not None else [None] * len(self._mechanisms)
        self._attention_size = sum(
            getattr(layer, "units", None) or int(mechanism.values.get_shape()[-1])
            for layer, mechanism in zip(self._layers, self._mechanisms, strict=True)
        )

    def _one_or_all(self, parts: Any) -> Any:
        return tuple(parts) if self._many else next(iter(parts))

    @property
    def output_size(self) -> Any:
        """The size of an output."""
        return self._attention_size if self._output_attention else self._cell.output_size

    @property
    def state_size(self) -> Any:
        """The sizes of the state."""
        times = [mechanism.alignments_size for mechanism in self._mechanisms]
        each = self._one_or_all(times)
        history = self._one_or_all(time if self._history else () for time in times)
        shape = tf.TensorShape([])
        return AttentionWrapperState(self._cell.state_size, self._attention_size, shape, each, history, each)

    def zero_state(self, batch_size: Any, dtype: Any) -> AttentionWrapperState:
        """The state before the first step."""
        with tf.name_scope(type(self).__name__ + "ZeroState"):
            cell_state = self._first if self._first is not None else self._cell.zero_state(batch_size, dtype)
            first = [mechanism.initial_alignments(batch_size, dtype) for mechanism in self._mechanisms]
            states = [mechanism.initial_state(batch_size, dtype) for mechanism in self._mechanisms]
            history = [
                tf.TensorArray(dtype, size=0, dynamic_size=True, element_shape=each.shape) if self._history else ()
                for each in first
            ]
            attention = tf.zeros([batch_size, self._attention_size], dtype)
            parts = map(self._one_or_all, (first, history, states))
            return AttentionWrapperState(cell_state, attention, tf.zeros([], tf.int32), *parts)

    def call(self, inputs: Any, state: AttentionWrapperState) -> Any:
        """One step: the attention (or the cell's output), and the state."""
        output, cell_state = self._cell(self._join(inputs, state.attention), state.cell_state)
        before = state.attention_state if self._many else (state.attention_state,)
        history = state.alignment_history if self._many else (state.alignment_history,)
        found = [
            self._read(mechanism, output, last, layer)
            for mechanism, last, layer in zip(self._mechanisms, before, self._layers, strict=True)
        ]
        attention = tf.concat([each for each, _, _ in found], 1)
        if self._history:
            history = [kept.write(state.time, each[1]) for kept, each in zip(history, found, strict=True)]
        alignments, states = ([each[at] for each in found] for at in (1, 2))
        parts = map(self._one_or_all, (alignments, history, states))
        following = AttentionWrapperState(cell_state, attention, state.time + 1, *parts)
        return (attention if self._output_attention else output), following


def read(mechanism: Any, output: Any, state: Any, layer: Any) -> Any:
    """What a cell's output finds in the memory: the attention, the alignments, the mechanism's next state."""
    alignments, state = mechanism(output, state=state)
    context = tf.squeeze(tf.matmul(tf.expand_dims(alignments, 1), mechanism.values), [1])
    return (context if layer is None else layer(tf.concat([output, context], 1))), alignments, state


def hardmax(logits: Any, name: Any = None) -> Any:
    """1 at the largest, 0 elsewhere."""
    depth = logits.get_shape()[-1] if logits.get_shape()[-1].value is not None else tf.shape(logits)[-1]
    return tf.one_hot(tf.argmax(logits, -1), depth, dtype=logits.dtype)
