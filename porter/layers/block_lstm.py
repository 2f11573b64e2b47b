"""`BlockLSTM`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class BlockLSTM(layers.Layer):
    """A long short-term memory over a whole sequence, time first, that also gives what happened inside at each step.

    Args:
        gates: the order of the gates in kernel and bias: "i" input, "c" new cell, "f" forget, "o" output.
        forget_bias: added to the forget gate.
        cell_clip: where above 0, cells are clipped to plus and minus this.
        use_peephole: gates see the cell too; three weights for this follow the bias.
        length: how many steps are made; cells and outputs are 0 after them. Without it all, unless the last input is a
            scalar that says it.

    Inputs: sequence [time, batch, inputs], first cell and first output [batch, units], kernel [inputs + units, 4
        units], bias [4 units], and with peephole weights [units] of the input, the forget and the output gate.
    Outputs: input gate, cell, forget gate, output gate, new cell, squashed cell, output, [time, batch, units] each.
    Source: tensorflow/core/kernels/rnn/lstm_ops.cc, 1.15.
    """

    def __init__(self, gates="icfo", forget_bias=1.0, cell_clip=0.0, use_peephole=False, length=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.gates = gates
        self.forget_bias = forget_bias
        self.cell_clip = cell_clip
        self.use_peephole = use_peephole
        self.length = length

    def call(self, x, cell, output, kernel, bias, *others):
        peephole = others[:3] if self.use_peephole else (0, 0, 0)
        lengths = others[3 if self.use_peephole else 0 :]

        def step(state, x):
            cell, output = state[1], state[6]
            split = ops.split(ops.matmul(ops.concatenate([x, output], axis=1), kernel) + bias, 4, axis=1)
            gate = dict(zip(self.gates, split))
            enter = ops.sigmoid(gate["i"] + peephole[0] * cell)
            forget = ops.sigmoid(gate["f"] + self.forget_bias + peephole[1] * cell)
            new = ops.tanh(gate["c"])
            cell = enter * new + forget * cell
            if self.cell_clip > 0:
                cell = ops.clip(cell, -self.cell_clip, self.cell_clip)
            leave = ops.sigmoid(gate["o"] + peephole[2] * cell)
            squashed = ops.tanh(cell)
            output = leave * squashed
            state = ops.stack([enter, cell, forget, leave, new, squashed, output])
            return state, state

        # a step hands on all that it gives, since on TensorFlow `scan` wants both to look alike
        start = ops.stack([cell] * 6 + [output])
        sequences = ops.unstack(ops.scan(step, start, x)[1], 7, axis=1)
        length = lengths[0] if lengths else self.length
        if length is None:
            return tuple(sequences)
        made = ops.reshape(ops.arange(ops.shape(x)[0]) < ops.cast(length, "int32"), (-1, 1, 1))
        return tuple(ops.where(made, each, 0) for each in sequences)

    def compute_output_spec(self, x, cell, output, kernel, bias, *others):
        shape = (*x.shape[:2], kernel.shape[1] // 4)
        return tuple(keras.KerasTensor(shape, dtype=x.dtype) for _ in range(7))

    def get_config(self):
        config = {"gates": self.gates, "forget_bias": self.forget_bias, "cell_clip": self.cell_clip}
        return {**super().get_config(), **config, "use_peephole": self.use_peephole, "length": self.length}
