"""`tf.contrib.rnn`: the cells that are in tf-keras, those of `extra_cells`, and what runs them."""

from __future__ import annotations

from typing import Any

import tensorflow.compat.v1 as tf
from tf_keras.api._v1.keras.__internal__.legacy.rnn_cell import (
    BasicLSTMCell,
    BasicRNNCell,
    DeviceWrapper,
    DropoutWrapper,
    GRUCell,
    LSTMCell,
    LSTMStateTuple,
    MultiRNNCell,
    ResidualWrapper,
    RNNCell,
)
from tf_keras.src.layers.rnn.legacy_cells import LayerRNNCell

from porter.legacy.world.contrib.block_cells import GRUBlockCell, GRUBlockCellV2, LSTMBlockCell, LSTMBlockFusedCell
from porter.legacy.world.contrib.extra_cells import (
    AttentionCellWrapper,
    Conv1DLSTMCell,
    Conv2DLSTMCell,
    Conv3DLSTMCell,
    ConvLSTMCell,
    CoupledInputForgetGateLSTMCell,
    EmbeddingWrapper,
    HighwayWrapper,
    InputProjectionWrapper,
    LayerNormBasicLSTMCell,
    Linear,
    NASCell,
    OutputProjectionWrapper,
    UGRNNCell,
    linear,
)

static_rnn, static_bidirectional_rnn = tf.nn.static_rnn, tf.nn.static_bidirectional_rnn
static_state_saving_rnn = tf.nn.static_state_saving_rnn
_linear, _Linear = linear, Linear


def transpose_batch_time(x: Any) -> Any:
    """[batch, time, …] as [time, batch, …] and the other way round."""
    return tf.transpose(x, [1, 0, *range(2, x.get_shape().ndims)])


def stack_bidirectional_dynamic_rnn(
    cells_fw: list[RNNCell], cells_bw: list[RNNCell], inputs: Any, initial_states_fw: Any = None,
    initial_states_bw: Any = None, dtype: Any = None, sequence_length: Any = None, parallel_iterations: Any = None,
    time_major: bool = False, scope: Any = None, swap_memory: bool = False,
) -> Any:  # fmt: skip
    """Layers of bidirectional networks, each fed both directions of the one below: outputs and the states."""
    ends_fw, ends_bw, flowing = [], [], inputs
    with tf.variable_scope(scope or "stack_bidirectional_rnn"):
        for at, (forward, backward) in enumerate(zip(cells_fw, cells_bw, strict=True)):
            with tf.variable_scope(f"cell_{at}"):
                outputs, (end_fw, end_bw) = tf.nn.bidirectional_dynamic_rnn(
                    forward, backward, flowing,
                    initial_state_fw=initial_states_fw[at] if initial_states_fw else None,
                    initial_state_bw=initial_states_bw[at] if initial_states_bw else None,
                    sequence_length=sequence_length, parallel_iterations=parallel_iterations, dtype=dtype,
                    time_major=time_major, swap_memory=swap_memory,
                )  # fmt: skip
                flowing = tf.concat(outputs, 2)
            ends_fw.append(end_fw)
            ends_bw.append(end_bw)
    return flowing, tuple(ends_fw), tuple(ends_bw)


def stack_bidirectional_rnn(
    cells_fw: list[RNNCell], cells_bw: list[RNNCell], inputs: Any, initial_states_fw: Any = None,
    initial_states_bw: Any = None, dtype: Any = None, sequence_length: Any = None, scope: Any = None,
) -> Any:  # fmt: skip
    """The same unrolled, from a list of steps."""
    ends_fw, ends_bw, flowing = [], [], inputs
    with tf.variable_scope(scope or "stack_bidirectional_rnn"):
        for at, (forward, backward) in enumerate(zip(cells_fw, cells_bw, strict=True)):
            with tf.variable_scope(f"cell_{at}"):
                flowing, end_fw, end_bw = tf.nn.static_bidirectional_rnn(
                    forward, backward, flowing,
                    initial_state_fw=initial_states_fw[at] if initial_states_fw else None,
                    initial_state_bw=initial_states_bw[at] if initial_states_bw else None,
                    sequence_length=sequence_length, dtype=dtype,
                )  # fmt: skip
            ends_fw.append(end_fw)
            ends_bw.append(end_bw)
    return flowing, tuple(ends_fw), tuple(ends_bw)
