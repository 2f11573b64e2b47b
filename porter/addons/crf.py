"""Conditional random fields over sequences, at inference: the best path, or the probabilities at each step.

Source: keras_contrib/layers/crf.py; tensorflow_addons/layers/crf.py and text/crf.py, 0.13 and later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow.compat.v2 as tf
import tf_keras

from porter.addons.remembered import Remembered


class CRF(Remembered, tf_keras.layers.Layer):
    """keras-contrib's: energies, of which the least is best.

    Its own ways are kept. Without a mask, the last step's energies hold a transition, too, out of which the first label
    is taken. With one, the second boundary is added in front of a sentence that begins late, never at a sentence's end.
    """

    warning = "is a conditional random field: what it gives is converted; the loss that it was trained with is not"

    def __init__(
        self, units: int, learn_mode: str = "join", test_mode: str | None = None, sparse_target: bool = False,
        use_boundary: bool = True, use_bias: bool = True, activation: Any = None, unroll: bool = False, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units, self.joint = units, learn_mode == "join"
        self.viterbi = (test_mode or ("viterbi" if self.joint else "marginal")) == "viterbi"
        self.use_boundary, self.use_bias = use_boundary, use_bias
        self.activation = tf_keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        units = self.units
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], units))
        self.chain = self.add_weight(name="chain_kernel", shape=(units, units))
        self.bias = self.add_weight(name="bias", shape=(units,)) if self.use_bias else None
        if self.use_boundary:
            names = ("left_boundary", "right_boundary")
            self.boundaries = [self.add_weight(name=name, shape=(units,)) for name in names]
        super().build(input_shape)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return tf.reduce_any(mask, axis=1) if mask is not None and self.joint else mask

    def call(self, inputs: Any, mask: Any = None) -> Any:
        energy = tf.tensordot(inputs, self.kernel, 1)
        energy = self.activation(energy if self.bias is None else energy + self.bias)
        if mask is None:
            if self.use_boundary:
                first, last = self.boundaries
                energy = tf.concat([energy[:, :1] + first, energy[:, 1:]], axis=1)
                energy = tf.concat([energy[:, :-1], energy[:, -1:] + last], axis=1)
            return self._best([energy]) if self.viterbi else self._shares([energy], [energy])
        shown = tf.expand_dims(tf.cast(mask, energy.dtype), 2)
        if self.use_boundary:
            first, last = self.boundaries
            energy += tf.cast(shown > _later(shown), energy.dtype) * first
            energy += tf.cast(_earlier(shown) > shown, energy.dtype) * last
        energy *= shown
        forwards = [energy, shown * _earlier(shown)]
        return self._best(forwards) if self.viterbi else self._shares(forwards, [energy, shown * _later(shown)])

    def _best(self, parts: list[Any]) -> Any:
        """One-hot. parts: energies [batch, steps, units], and where there is a mask which transitions [..., 1] count."""

        def forward(parts: list[Any], least: Any) -> Any:
            total = self._linked(parts) + tf.expand_dims(parts[0] + least, 2)
            return tf.argmin(total, 1, output_type=tf.int32), tf.reduce_min(total, 1)

        came_from = _loop(forward, parts, tf.zeros_like(parts[0][:, 0]))
        return tf.one_hot(_loop(_step_back, [came_from], came_from[:, -1, 0], backwards=True), self.units)

    def _shares(self, forwards: list[Any], backwards: list[Any]) -> Any:
        """Each label's share at each step, as keras-contrib has it: energies and the sums beside them have one sign."""

        def step(parts: list[Any], before: Any) -> Any:
            total = before - parts[0]
            total = tf.expand_dims(total, 2) - self._linked(parts)
            most = tf.stop_gradient(tf.reduce_max(total, 1, keepdims=True))
            made = tf.math.log(tf.reduce_sum(tf.exp(total - most), 1)) + tf.squeeze(most, 1)
            return made, made

        energy = forwards[0]
        nothing = tf.zeros_like(energy[:, 0])
        before, after = _loop(step, forwards, nothing), _loop(step, backwards, nothing, backwards=True)
        return tf.nn.softmax(-(_later(before) + energy + _earlier(after)))

    def _linked(self, parts: list[Any]) -> Any:
        """The energies of going from one label to another, where that counts."""
        return self.chain if len(parts) == 1 else self.chain * tf.expand_dims(parts[1], 1)


class AddonsCRF(Remembered, tf_keras.layers.Layer):
    """Addons': potentials, of which the most is best. Gives the best path, the potentials, the lengths and the chain.

    zeros: whether the path is 0 behind a sentence's end; before 0.16 it went on there as it had before.
    """

    warning = CRF.warning

    def __init__(
        self, units: int, use_boundary: bool = True, use_kernel: bool = True, zeros: bool = True, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units, self.use_boundary, self.use_kernel, self.zeros = units, use_boundary, use_kernel, zeros

    def build(self, input_shape: Any) -> None:
        units = self.units
        self.chain = self.add_weight(name="chain_kernel", shape=(units, units))
        if self.use_boundary:
            names = ("left_boundary", "right_boundary")
            self.boundaries = [self.add_weight(name=name, shape=(units,)) for name in names]
        self.dense = tf_keras.layers.Dense(units) if self.use_kernel else None
        super().build(input_shape)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask

    def call(self, inputs: Any, mask: Any = None) -> Any:
        potentials = inputs if self.dense is None else self.dense(inputs)
        shown = tf.ones_like(inputs[:, :, 0]) if mask is None else tf.cast(mask, potentials.dtype)
        if self.use_boundary and mask is None:
            first, last = self.boundaries
            potentials = tf.concat([potentials[:, :1] + first, potentials[:, 1:]], axis=1)
            potentials = tf.concat([potentials[:, :-1], potentials[:, -1:] + last], axis=1)
        elif self.use_boundary:
            first, last = self.boundaries
            here = tf.expand_dims(shown, 2)
            potentials += tf.cast(here > _later(here), potentials.dtype) * first
            potentials += tf.cast(here > _earlier(here), potentials.dtype) * last
        lengths = tf.cast(tf.reduce_sum(shown, 1), tf.int64)
        path = self._path(potentials, None if mask is None else tf.cast(lengths, tf.int32))
        return [path, potentials, lengths, tf.identity(self.chain)]

    def _path(self, potentials: Any, lengths: Any) -> Any:
        """The best label at each step [batch, steps]."""
        if potentials.shape[1] == 1:
            return tf.argmax(potentials, axis=2, output_type=tf.int32)
        forwards = tf_keras.layers.RNN(
            _Forward(self.chain), return_sequences=True, return_state=True, zero_output_for_mask=self.zeros
        )
        steps = None
        if lengths is not None:
            steps = tf.sequence_mask(tf.maximum(lengths - 1, 0), tf.shape(potentials)[1] - 1)
        came_from, score = forwards(potentials[:, 1:], potentials[:, 0], mask=steps)
        came_from = tf.cast(came_from, tf.int32)
        last = tf.argmax(score, axis=1, output_type=tf.int32)
        if lengths is None:
            path = _loop(_step_back, [came_from], last, backwards=True)
            return tf.concat([path, tf.expand_dims(last, 1)], axis=1)
        came_from = tf.reverse_sequence(came_from, tf.maximum(lengths - 1, 0), seq_axis=1)
        path = tf.concat([tf.expand_dims(last, 1), _loop(_step_back, [came_from], last)], axis=1)
        return tf.reverse_sequence(path, lengths, seq_axis=1)


class _Forward(Remembered, tf_keras.layers.AbstractRNNCell):
    """The best score of each label so far, and the label before it."""

    def __init__(self, chain: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.chain, self.units = chain, chain.shape[0]

    state_size = output_size = property(lambda self: self.units)

    def call(self, inputs: Any, states: Any) -> Any:
        total = tf.expand_dims(states[0], 2) + self.chain
        came_from = tf.cast(tf.argmax(total, 1, output_type=tf.int32), inputs.dtype)
        return came_from, [inputs + tf.reduce_max(total, 1)]


def _step_back(parts: list[Any], label: Any) -> Any:
    """The label that leads to `label` [batch]. parts: for each label, which one came before it [batch, labels]."""
    before = tf.reduce_sum(parts[0] * tf.one_hot(label, parts[0].shape[-1], dtype=tf.int32), 1)
    return before, before


def _loop(
    step: Callable[[list[Any], Any], tuple[Any, Any]], parts: list[Any], state: Any, backwards: bool = False
) -> Any:
    """What step(parts, state) → (output, next state) gives for each step [batch, steps, ...], in the steps' order."""

    def go(inputs: Any, states: Any) -> Any:
        output, following = step(list(inputs) if len(parts) > 1 else [inputs], states[0])
        return output, [following]

    inputs = tuple(parts) if len(parts) > 1 else parts[0]
    outputs = tf_keras.backend.rnn(go, inputs, [state], go_backwards=backwards)[1]
    return tf.reverse(outputs, [1]) if backwards else outputs


def _earlier(x: Any) -> Any:
    """Everything one step earlier, zeros at the end."""
    return tf.concat([x[:, 1:], tf.zeros_like(x[:, :1])], axis=1)


def _later(x: Any) -> Any:
    return tf.concat([tf.zeros_like(x[:, :1]), x[:, :-1]], axis=1)
