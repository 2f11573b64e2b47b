"""One step, or all of them, of recurrent networks that TensorFlow 1 computes in one operation."""

from porter.rule import constant, many, op, ops, porter_layers, require


@op("LSTMBlockCell")
def lstm_block_cell(
    x, cell, output, kernel, enter_peephole, forget_peephole, leave_peephole, bias, *,
    forget_bias=1.0, cell_clip=3.0, use_peephole=False,
):  # fmt: skip
    """One step of a long short-term memory; gates in the order input, new cell, forget, output."""
    gates = ops.add(ops.matmul(ops.concatenate([x, output], axis=1), kernel), bias)
    enter, new, forget, leave = many(ops.split(gates, 4, axis=1), 4)
    if use_peephole:
        enter = ops.add(enter, ops.multiply(cell, enter_peephole))
        forget = ops.add(forget, ops.multiply(cell, forget_peephole))
    enter = ops.sigmoid(enter)
    forget = ops.sigmoid(ops.add(forget, forget_bias) if forget_bias else forget)
    new = ops.tanh(new)
    cell = ops.add(ops.multiply(enter, new), ops.multiply(forget, cell))
    if cell_clip > 0:
        cell = ops.clip(cell, -cell_clip, cell_clip)
    if use_peephole:
        leave = ops.add(leave, ops.multiply(cell, leave_peephole))
    leave = ops.sigmoid(leave)
    squashed = ops.tanh(cell)
    return enter, cell, forget, leave, new, squashed, ops.multiply(leave, squashed)


@op("GRUBlockCell")
def gru_block_cell(x, output, gate_kernel, new_kernel, gate_bias, new_bias):
    """One step of a gated recurrent unit; gates in the order reset, update."""
    gates = ops.sigmoid(ops.add(ops.matmul(ops.concatenate([x, output], axis=1), gate_kernel), gate_bias))
    reset, update = many(ops.split(gates, 2, axis=1), 2)
    seen = ops.concatenate([x, ops.multiply(reset, output)], axis=1)
    new = ops.tanh(ops.add(ops.matmul(seen, new_kernel), new_bias))
    kept = ops.multiply(update, output)
    return reset, update, new, ops.add(kept, ops.multiply(ops.subtract(1.0, update), new))


@op("BlockLSTM")
def block_lstm(
    length, x, cell, output, kernel, enter_peephole, forget_peephole, leave_peephole, bias, *,
    forget_bias=1.0, cell_clip=3.0, use_peephole=False,
):  # fmt: skip
    peephole = (enter_peephole, forget_peephole, leave_peephole) if use_peephole else ()
    return _block_lstm(length, x, cell, output, kernel, bias, peephole, "icfo", forget_bias, cell_clip)


@op("BlockLSTMV2")
def block_lstm_v2(
    length, x, cell, output, kernel, enter_peephole, forget_peephole, leave_peephole, bias, *,
    cell_clip=0.0, use_peephole=False,
):  # fmt: skip
    peephole = (enter_peephole, forget_peephole, leave_peephole) if use_peephole else ()
    return _block_lstm(length, x, cell, output, kernel, bias, peephole, "ifco", 0.0, cell_clip)


def _block_lstm(length, x, cell, output, kernel, bias, peephole, gates, forget_bias, cell_clip):
    require(x.rank == 3, "the sequence must have the axes time, batch and inputs", x)
    steps, given = constant(length), ()
    if steps is None:
        given = (length,)
    elif x.shape[0] is not None and int(steps) >= x.shape[0]:
        steps = None
    layer = porter_layers.BlockLSTM(
        gates=gates,
        forget_bias=forget_bias,
        cell_clip=cell_clip,
        use_peephole=bool(peephole),
        length=None if steps is None else int(steps),
    )
    return many(layer(x, cell, output, kernel, bias, *peephole, *given), 7)
