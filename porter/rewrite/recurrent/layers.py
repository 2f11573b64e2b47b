"""Keras' recurrent layers, made from cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from porter.graph import Graph, Value
from porter.rule import Layer, many
from porter.rule.calls import SHORT_FLOATS

# A cell, and the layer that applies it to a sequence. Other cells are an argument of `RNN`.
OF_CELLS = {
    "layers.LSTMCell": "layers.LSTM",
    "layers.GRUCell": "layers.GRU",
    "layers.SimpleRNNCell": "layers.SimpleRNN",
}
# Keras' own initializer, orthogonal, needs a decomposition that JAX and PyTorch have for 32 bits and more only.
NOT_ORTHOGONAL = "glorot_uniform"  # where floats are shorter
CONVOLUTIONAL = ("layers.ConvLSTM1D", "layers.ConvLSTM2D", "layers.ConvLSTM3D")
RECURRENT = {*OF_CELLS.values(), *CONVOLUTIONAL, "layers.RNN", "layers.Bidirectional"}


def over_sequence(
    cell: Layer, x: Value, initial: Sequence[Value] | None, mask: Value | None, states: int
) -> tuple[Value, ...]:
    """The values of a layer that applies `cell` to each step of x [batch, steps, ...]: the sequence, then its states."""
    wanted = {"return_sequences": True, "return_state": True}
    if cell.op in OF_CELLS or cell.op in CONVOLUTIONAL:
        small = {"recurrent_initializer": NOT_ORTHOGONAL} if x.dtype in SHORT_FLOATS else {}
        layer = Layer(OF_CELLS.get(cell.op, cell.op), cell.args, {**cell.kwargs, **wanted, **small})
    else:
        layer = Layer("layers.RNN", (cell.made(),), wanted)
    layer.weights = {f"cell__{name}": ref for name, ref in cell.weights.items()}
    return _called(layer, x, initial, mask, states)


def of_step(
    step: Graph, x: Value, initial: Sequence[Value] | None, mask: Value | None, states: int
) -> tuple[Value, ...]:
    """The same of a layer whose cell computes `step`, a graph from an input and states to an output and states."""
    layer = Layer("layers.RNN", (), {"return_sequences": True, "return_state": True})
    values = _called(layer, x, initial, mask, states)
    values[0].node.attrs["step"] = step
    return values


def _called(
    layer: Layer, x: Value, initial: Sequence[Value] | None, mask: Value | None, states: int
) -> tuple[Value, ...]:
    given: dict[str, Any] = {} if initial is None else {"initial_state": list(initial)}
    if mask is not None:
        given["mask"] = mask
    return many(layer(x, **given), 1 + states)
