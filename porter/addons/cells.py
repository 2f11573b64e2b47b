"""Addons' cells for recurrent layers. Source: tensorflow_addons/rnn, the file of each one's name."""

from __future__ import annotations

from typing import Any

import tensorflow.compat.v2 as tf
import tf_keras

from porter.addons.normalizations import LayerNormalization
from porter.addons.remembered import Remembered


class LayerNormLSTMCell(Remembered, tf_keras.layers.LSTMCell):
    """An LSTM that normalises what the inputs give, what the state gives, and the new cell state."""

    def __init__(self, units: int, norm_epsilon: float = 1e-3, **kwargs: Any):
        super().__init__(units, **kwargs)
        self.kernel_norm, self.recurrent_norm, self.state_norm = (
            LayerNormalization(epsilon=norm_epsilon, name=name)
            for name in ("kernel_norm", "recurrent_norm", "state_norm")
        )

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        for norm, size in ((self.kernel_norm, 4), (self.recurrent_norm, 4), (self.state_norm, 1)):
            norm.build((None, size * self.units))

    def call(self, inputs: Any, states: Any, training: Any = None) -> Any:
        hidden, carry = states
        inputs, hidden = _dropped(self, inputs, hidden, training, 4)
        gates = self.kernel_norm(tf.matmul(inputs, self.kernel))
        gates += self.recurrent_norm(tf.matmul(hidden, self.recurrent_kernel))
        if self.use_bias:
            gates = tf.nn.bias_add(gates, self.bias)
        carry, out = self._compute_carry_and_output_fused(tf.split(gates, 4, axis=1), carry)
        carry = self.state_norm(carry)
        hidden = out * self.activation(carry)
        return hidden, [hidden, carry]


class LayerNormSimpleRNNCell(Remembered, tf_keras.layers.SimpleRNNCell):
    """A simple cell that normalises the sum of both products, before the bias."""

    def __init__(self, units: int, layernorm_epsilon: float = 1e-5, **kwargs: Any):
        super().__init__(units, **kwargs)
        self.layernorm = LayerNormalization(epsilon=layernorm_epsilon, center=False)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.layernorm.build((None, self.units))

    def call(self, inputs: Any, states: Any, training: Any = None) -> Any:
        state = states[0] if isinstance(states, (list, tuple)) else states
        inputs, state = _dropped(self, inputs, state, training, 1)
        output = self.layernorm(tf.matmul(inputs, self.kernel) + tf.matmul(state, self.recurrent_kernel))
        output = self.activation(output if self.bias is None else tf.nn.bias_add(output, self.bias))
        return output, [output]


class PeepholeLSTMCell(Remembered, tf_keras.layers.LSTMCell):
    """An LSTM whose gates see the cell state."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.peepholes = [
            self.add_weight(name=f"{gate}_gate_peephole_weights", shape=(self.units,))
            for gate in ("input", "forget", "output")
        ]

    def call(self, inputs: Any, states: Any, training: Any = None) -> Any:
        hidden, carry = states
        inputs, hidden = _dropped(self, inputs, hidden, training, 4)
        gates = tf.matmul(inputs, self.kernel) + tf.matmul(hidden, self.recurrent_kernel)
        if self.use_bias:
            gates = tf.nn.bias_add(gates, self.bias)
        take, keep, new, show = tf.split(gates, 4, axis=1)
        take = self.recurrent_activation(take + self.peepholes[0] * carry)
        keep = self.recurrent_activation(keep + self.peepholes[1] * carry)
        carry = keep * carry + take * self.activation(new)
        hidden = self.recurrent_activation(show + self.peepholes[2] * carry) * self.activation(carry)
        return hidden, [hidden, carry]


class NASCell(Remembered, tf_keras.layers.AbstractRNNCell):
    """The cell that an architecture search found, with eight gates."""

    def __init__(self, units: int, projection: int | None = None, use_bias: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.units, self.projection, self.use_bias = units, projection, use_bias

    @property
    def state_size(self) -> list[int]:
        return [self.units, self.output_size]

    @property
    def output_size(self) -> int:
        return self.projection or self.units

    def build(self, input_shape: Any) -> None:
        self.recurrent_kernel = self.add_weight(name="recurrent_kernel", shape=(self.output_size, 8 * self.units))
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], 8 * self.units))
        self.bias = self.add_weight(name="bias", shape=(8 * self.units,)) if self.use_bias else None
        shape = (self.units, self.projection)
        self.down = self.add_weight(name="projection_weights", shape=shape) if self.projection else None
        self.built = True

    def call(self, inputs: Any, states: Any) -> Any:
        carry, hidden = states
        recurrent = tf.matmul(hidden, self.recurrent_kernel)
        recurrent = recurrent if self.bias is None else tf.nn.bias_add(recurrent, self.bias)
        pairs = zip(tf.split(tf.matmul(inputs, self.kernel), 8, axis=1), tf.split(recurrent, 8, axis=1), strict=True)
        x = [a * b if place == 3 else a + b for place, (a, b) in enumerate(pairs)]
        s, t, r = tf.sigmoid, tf.tanh, tf.nn.relu
        gates = [t(s(x[0]) * r(x[1])), t(s(x[2]) + r(x[3])), t(t(x[4]) * s(x[5])), s(t(x[6]) + s(x[7]))]
        carry = t(gates[0] + carry) * gates[1]
        hidden = t(carry * t(gates[2] + gates[3]))
        hidden = hidden if self.down is None else tf.matmul(hidden, self.down)
        return hidden, [carry, hidden]


class ESNCell(Remembered, tf_keras.layers.AbstractRNNCell):
    """An echo state network's reservoir: its weights are drawn once and not trained."""

    def __init__(
        self, units: int, connectivity: float = 0.1, leaky: float = 1.0, spectral_radius: float = 0.9,
        use_norm2: bool = False, use_bias: bool = True, activation: Any = "tanh", **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.units, self.leaky, self.use_bias = units, leaky, use_bias
        self.activation = tf_keras.activations.get(activation)

    state_size = output_size = property(lambda self: self.units)

    def build(self, input_shape: Any) -> None:
        shapes: dict[str, tuple[int, ...]] = {
            "recurrent_kernel": (self.units, self.units),
            "kernel": (input_shape[-1], self.units),
        }
        shapes |= {"bias": (self.units,)} if self.use_bias else {}
        self.parts = [self.add_weight(name=name, shape=shape, trainable=False) for name, shape in shapes.items()]
        self.built = True

    def call(self, inputs: Any, states: Any) -> Any:
        state = states[0]
        made = tf.matmul(inputs, self.parts[1]) + tf.matmul(state, self.parts[0])
        made = self.activation(made + self.parts[2] if self.use_bias else made)
        made = made if self.leaky == 1 else (1 - self.leaky) * state + self.leaky * made
        return made, [made]


class ESN(Remembered, tf_keras.layers.RNN):
    """A layer of that cell, whose settings are the cell's too."""

    OWN = ("name", "dtype", "return_sequences", "return_state", "go_backwards", "stateful", "unroll", "time_major")

    def __init__(self, **config: Any):
        own = {key: config.pop(key) for key in self.OWN if key in config}
        config.pop("zero_output_for_mask", None)
        super().__init__(ESNCell(**config), **own)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> ESN:
        """A copy: other layers of recurrent cells are given one."""
        return cls(**config)


def _dropped(cell: Any, inputs: Any, state: Any, training: Any, count: int) -> list[Any]:
    """What comes in and the state as a cell drops them out. Of its masks, `count` each, the first serves for all gates."""
    drawn = (cell.get_dropout_mask_for_cell, cell.get_recurrent_dropout_mask_for_cell)
    found = []
    for x, draw in zip((inputs, state), drawn, strict=True):
        mask = draw(x, training, count=count)
        mask = mask[0] if mask is not None and count > 1 else mask
        found.append(x if mask is None else x * mask)
    return found
