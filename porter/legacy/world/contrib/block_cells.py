"""The cells of `tf.contrib.rnn` that are one operation each; the operations are still in TensorFlow."""

from __future__ import annotations

from typing import Any

import tensorflow.compat.v1 as tf
from tf_keras.src.layers.rnn.legacy_cells import LayerRNNCell, LSTMStateTuple


class LSTMBlockCell(LayerRNNCell):
    """An LSTM step as one operation. Gates in the order input, new, forget, output."""

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, cell_clip: float | None = None, use_peephole: bool = False,
        dtype: Any = None, reuse: Any = None, name: str = "lstm_cell",
    ):  # fmt: skip
        super().__init__(_reuse=reuse, dtype=dtype, name=name)
        self._units, self._forget_bias, self._peephole = num_units, forget_bias, use_peephole
        self._clip = -1.0 if cell_clip is None else cell_clip

    @property
    def state_size(self) -> Any:
        """State and output, each of num_units."""
        return LSTMStateTuple(self._units, self._units)

    @property
    def output_size(self) -> int:
        """The size of an output."""
        return self._units

    def build(self, inputs_shape: Any) -> None:
        """Make the weights: kernel [features + units, 4 units] and bias."""
        depth = int(inputs_shape[-1])
        self._kernel = self.add_variable("kernel", [depth + self._units, 4 * self._units])
        self._bias = self.add_variable("bias", [4 * self._units], initializer=tf.zeros_initializer())
        if self._peephole:
            self._diagonals = [self.add_variable(f"w_{gate}_diag", [self._units]) for gate in "ifo"]
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """One step: the output, and the state."""
        cell, hidden = state
        diagonals = self._diagonals if self._peephole else [tf.zeros([self._units])] * 3
        done = tf.raw_ops.LSTMBlockCell(
            x=inputs, cs_prev=cell, h_prev=hidden, w=self._kernel, wci=diagonals[0], wcf=diagonals[1],
            wco=diagonals[2], b=self._bias, forget_bias=self._forget_bias, cell_clip=self._clip,
            use_peephole=self._peephole,
        )  # fmt: skip
        return done.h, LSTMStateTuple(done.cs, done.h)


class LSTMBlockFusedCell(LSTMBlockCell):
    """All steps of an LSTM as one operation: inputs [time, batch, features]."""

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, cell_clip: float | None = None, use_peephole: bool = False,
        reuse: Any = None, dtype: Any = None, name: str = "lstm_fused_cell",
    ):  # fmt: skip
        super().__init__(num_units, forget_bias, cell_clip, use_peephole, dtype, reuse, name)

    def __call__(
        self, inputs: Any, initial_state: Any = None, dtype: Any = None, sequence_length: Any = None, scope: Any = None
    ) -> Any:
        """Outputs [time, batch, units] and the last state."""
        return tf.layers.Layer.__call__(
            self, inputs, initial_state=initial_state, sequence_length=sequence_length, scope=scope
        )

    def call(self, inputs: Any, initial_state: Any = None, sequence_length: Any = None) -> Any:
        """As `__call__` says."""
        inputs = tf.stack(inputs) if isinstance(inputs, list) else inputs
        steps, batch = tf.shape(inputs)[0], tf.shape(inputs)[1]
        if initial_state is None:
            initial_state = (tf.zeros([batch, self._units]),) * 2
        diagonals = self._diagonals if self._peephole else [tf.zeros([self._units])] * 3
        longest = steps if sequence_length is None else tf.reduce_max(sequence_length)
        done = tf.raw_ops.BlockLSTM(
            seq_len_max=tf.cast(longest, tf.int64), x=inputs, cs_prev=initial_state[0], h_prev=initial_state[1],
            w=self._kernel, wci=diagonals[0], wcf=diagonals[1], wco=diagonals[2], b=self._bias,
            forget_bias=self._forget_bias, cell_clip=self._clip, use_peephole=self._peephole,
        )  # fmt: skip
        cells, hidden = done.cs, done.h
        if sequence_length is None:
            return hidden, LSTMStateTuple(cells[-1], hidden[-1])
        places = tf.stack([tf.cast(sequence_length, tf.int32), tf.range(batch)], axis=1)
        ends = [
            tf.gather_nd(tf.concat([first[None], every], 0), places)
            for first, every in zip(initial_state, (cells, hidden), strict=True)
        ]
        mask = tf.transpose(tf.sequence_mask(sequence_length, steps, hidden.dtype))[..., None]
        return hidden * mask, LSTMStateTuple(*ends)


class GRUBlockCell(LayerRNNCell):
    """A GRU step as one operation."""

    NAMES = ("w_ru", "b_ru", "w_c", "b_c")

    def __init__(self, num_units: int | None = None, cell_size: int | None = None, reuse: Any = None, dtype: Any = None,
                 name: str = "gru_cell"):  # fmt: skip
        super().__init__(_reuse=reuse, dtype=dtype, name=name)
        self._units = int(num_units or cell_size or 0)

    @property
    def state_size(self) -> int:
        """The size of the state."""
        return self._units

    @property
    def output_size(self) -> int:
        """The size of an output."""
        return self._units

    def build(self, inputs_shape: Any) -> None:
        """Make the weights of the gates (reset, update) and of the candidate."""
        depth, units = int(inputs_shape[-1]) + self._units, self._units
        gates, gate_bias, candidate, bias = self.NAMES
        self._gates = self.add_variable(gates, [depth, 2 * units])
        self._gate_bias = self.add_variable(gate_bias, [2 * units], initializer=tf.constant_initializer(1.0))
        self._candidate = self.add_variable(candidate, [depth, units])
        self._bias = self.add_variable(bias, [units], initializer=tf.constant_initializer(0.0))
        self.built = True

    def call(self, inputs: Any, state: Any) -> Any:
        """One step: the output, and the state, which is the same."""
        done = tf.raw_ops.GRUBlockCell(
            x=inputs, h_prev=state, w_ru=self._gates, w_c=self._candidate, b_ru=self._gate_bias, b_c=self._bias
        )
        return done.h, done.h


class GRUBlockCellV2(GRUBlockCell):
    """The same under the names of GRUCell's weights."""

    NAMES = ("gates/kernel", "gates/bias", "candidate/kernel", "candidate/bias")
