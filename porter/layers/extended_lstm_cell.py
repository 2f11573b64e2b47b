"""`ExtendedLSTMCell`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class ExtendedLSTMCell(layers.Layer):
    """One step of a long short-term memory with what Keras' own has not: peepholes, clipping and a projection.

        i, j, f, o = gates([x, h])
        c = clip(sigmoid(f + forget_bias + peephole_f * c) * c + sigmoid(i + peephole_i * c) * activation(j))
        h = clip(projection(sigmoid(o + peephole_o * c) * activation(c)))

    Args:
        units: how many cells there are.
        use_peepholes: whether gates see the cells.
        cell_clip: cells are clipped to plus and minus this.
        projection_units: h has as many numbers; without it, one for each cell.
        projection_clip: h is clipped to plus and minus this.
        forget_bias: added to the forget gate.
        activation: of the new cells and of the output.

    Shapes: x [batch, inputs]; states h [batch, projection_units or units] and c [batch, units]; output h.
    Source: tensorflow/python/ops/rnn_cell_impl.py, class LSTMCell, 1.15.
    """

    def __init__(
        self, units, use_peepholes=False, cell_clip=None, projection_units=None, projection_clip=None, forget_bias=0.0,
        activation="tanh", **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.units = units
        self.use_peepholes = use_peepholes
        self.cell_clip = cell_clip
        self.projection_units = projection_units
        self.projection_clip = projection_clip
        self.forget_bias = forget_bias
        self.activation = keras.activations.get(activation)
        self.output_size = projection_units or units
        self.state_size = [self.output_size, units]
        self.gates = layers.Dense(4 * units)
        if projection_units:
            self.projection = layers.Dense(projection_units, use_bias=False)

    def build(self, input_shape):
        self.gates.build((None, input_shape[-1] + self.output_size))
        if self.use_peepholes:
            self.peephole_i, self.peephole_f, self.peephole_o = (
                self.add_weight(shape=(self.units,), name=f"peephole_{gate}") for gate in "ifo"
            )
        if self.projection_units:
            self.projection.build((None, self.units))

    def call(self, x, states):
        h, c = states
        i, j, f, o = ops.split(self.gates(ops.concatenate([x, h], axis=-1)), 4, axis=-1)
        if self.use_peepholes:
            i, f = i + self.peephole_i * c, f + self.peephole_f * c
        c = ops.sigmoid(f + self.forget_bias) * c + ops.sigmoid(i) * self.activation(j)
        if self.cell_clip is not None:
            c = ops.clip(c, -self.cell_clip, self.cell_clip)
        if self.use_peepholes:
            o = o + self.peephole_o * c
        h = ops.sigmoid(o) * self.activation(c)
        if self.projection_units:
            h = self.projection(h)
        if self.projection_clip is not None:
            h = ops.clip(h, -self.projection_clip, self.projection_clip)
        return h, [h, c]

    def get_config(self):
        config = {"units": self.units, "use_peepholes": self.use_peepholes, "cell_clip": self.cell_clip}
        config |= {"projection_units": self.projection_units, "projection_clip": self.projection_clip}
        config |= {"forget_bias": self.forget_bias, "activation": keras.activations.serialize(self.activation)}
        return {**super().get_config(), **config}
