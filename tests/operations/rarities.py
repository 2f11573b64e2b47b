"""Cells in one operation, sounds, special functions, random numbers."""

import numpy as np

from operations import Case


def noise():
    """A signal that has some of every frequency: where there is nothing, the logarithm of rounding is taken."""
    return np.random.default_rng(0).normal(size=(200, 2)).astype("float32")


def lstm_cell(tf, rows, outputs=("cs", "h")):
    """A cell of 3 units on 5 inputs: its state and its output, or its gates, which no layer gives."""
    state = rows[:, :3]
    kernel = tf.get_variable("kernel", [8, 12])
    peepholes = {name: tf.get_variable(name, [3]) for name in ("wci", "wcf", "wco")}
    made = tf.raw_ops.LSTMBlockCell(
        x=rows,
        cs_prev=state,
        h_prev=tf.tanh(state),
        w=kernel,
        b=tf.get_variable("bias", [12]),
        use_peephole=True,
        **peepholes,
    )
    return [getattr(made, name) for name in outputs]


def gru_cell(tf, rows, outputs=("h",)):
    made = tf.raw_ops.GRUBlockCell(
        x=rows,
        h_prev=rows[:, :3],
        w_ru=tf.get_variable("gates", [8, 6]),
        w_c=tf.get_variable("candidate", [8, 3]),
        b_ru=tf.get_variable("gate_bias", [6]),
        b_c=tf.get_variable("candidate_bias", [3]),
    )
    return [getattr(made, name) for name in outputs]


def lstm_sequence(tf, x, version, output="h"):
    """Four steps, time first: x [4 steps, batch, 6]."""
    x = tf.transpose(x, [1, 0, 2])
    state = tf.zeros_like(x[0, :, :3])
    given = {
        "seq_len_max": tf.constant(4, tf.int64),
        "x": x,
        "cs_prev": state,
        "h_prev": state,
        "w": tf.get_variable("kernel", [9, 12]),
        "b": tf.get_variable("bias", [12]),
        "use_peephole": True,
        **{name: tf.get_variable(name, [3]) for name in ("wci", "wcf", "wco")},
    }
    made = (tf.raw_ops.BlockLSTM if version == 1 else tf.raw_ops.BlockLSTMV2)(**given)
    return getattr(made, output)


def _pieces(tf, rows):
    """Rows of 1, 0 and 4 values, and some of them picked."""
    splits = tf.constant([0, 1, 1, 5], tf.int64)
    indices = tf.constant([2, 0, 2])
    (starts,), values = tf.raw_ops.RaggedGather(
        params_nested_splits=[splits], params_dense_values=rows[0], indices=indices, OUTPUT_RAGGED_RANK=1
    )
    return starts, values


def glimpse(tf, image, places, **given):
    """Windows that hang over the edges, with zeros there."""
    return tf.raw_ops.ExtractGlimpse(
        input=image, size=[3, 4], offsets=places, uniform_noise=False, noise="zero", **given
    )


CASES: list[Case] = [
    ("RaggedRange", lambda tf, ints: tf.raw_ops.RaggedRange(starts=ints, limits=ints * 3 + 1, deltas=2)),
    ("RaggedRange", lambda tf, vector: tf.raw_ops.RaggedRange(starts=vector, limits=vector * 3.0, deltas=0.5)),
    ("RaggedGather", _pieces),
    (
        "RaggedTensorToSparse",
        lambda tf, rows: tf.raw_ops.RaggedTensorToSparse(
            rt_nested_splits=[tf.constant([0, 2, 3], tf.int64), tf.constant([0, 1, 1, 5], tf.int64)],
            rt_dense_values=rows[0],
        ),
    ),
    ("LSTMBlockCell", lambda tf, rows: lstm_cell(tf, rows)),
    ("LSTMBlockCell", lambda tf, rows: lstm_cell(tf, rows, ("i", "f", "h"))),
    ("GRUBlockCell", lambda tf, rows: gru_cell(tf, rows)),
    ("GRUBlockCell", lambda tf, rows: gru_cell(tf, rows, ("r", "u", "h"))),
    ("BlockLSTM", lambda tf, x: lstm_sequence(tf, x, 1)),
    ("BlockLSTM", lambda tf, x: lstm_sequence(tf, x, 1, "i")),
    ("BlockLSTMV2", lambda tf, x: lstm_sequence(tf, x, 2)),
    ("BlockLSTMV2", lambda tf, x: lstm_sequence(tf, x, 2, "f")),
    ("AudioSpectrogram", lambda tf, long_rows: tf.raw_ops.AudioSpectrogram(input=long_rows, window_size=16, stride=8)),
    (
        "Mfcc",
        lambda tf, long_rows: tf.raw_ops.Mfcc(
            spectrogram=tf.raw_ops.AudioSpectrogram(
                input=long_rows + noise(), window_size=64, stride=16, magnitude_squared=True
            ),
            sample_rate=8000,
            filterbank_channel_count=6,
            dct_coefficient_count=4,
            upper_frequency_limit=3000,
        ),
    ),
    (
        "CTCGreedyDecoder",
        lambda tf, x: [
            (found := tf.nn.ctc_greedy_decoder(tf.transpose(x, [1, 0, 2]), tf.fill([tf.shape(x)[0]], 4)))[0][0].values,
            found[1],
        ],
    ),
    ("Digamma", lambda tf, x: tf.digamma(tf.abs(x) + 0.5)),
    ("Lgamma", lambda tf, x: tf.lgamma(tf.abs(x) + 0.5)),
    ("Erfinv", lambda tf, x: tf.math.erfinv(0.9 * tf.tanh(x))),
    ("BesselI0e", lambda tf, x: tf.raw_ops.BesselI0e(x=4.0 * x)),
    ("BesselI1e", lambda tf, x: tf.raw_ops.BesselI1e(x=4.0 * x)),
    ("BesselI0", lambda tf, x: tf.raw_ops.BesselI0(x=tf.tanh(x) * 9.0)),
    ("BesselI1", lambda tf, x: tf.raw_ops.BesselI1(x=tf.tanh(x) * 9.0)),
    ("ExtractGlimpse", lambda tf, image, more: glimpse(tf, image, more[:, :2])),
    ("ExtractGlimpse", lambda tf, image, more: glimpse(tf, image, more[:, :2] * 4.0, centered=False, normalized=False)),
    ("Ndtri", lambda tf, x: tf.math.ndtri(0.05 + 0.9 * tf.sigmoid(x))),
    ("Bitcast", lambda tf, x: tf.bitcast(x, tf.int32)),
    ("Bitcast", lambda tf, x: tf.bitcast(x[:, 0, 0], tf.int32)),
    # Random numbers: with what they are multiplied by, the answer is known all the same.
    ("Multinomial", lambda tf, rows: tf.multinomial(rows, 3, output_dtype=tf.int32) * 0 + 1),
    ("RandomShuffle", lambda tf, six: tf.reduce_max(tf.random_shuffle(six), 0)),
    ("RandomStandardNormal", lambda tf, x: x + 0.0 * tf.random_normal([4, 6])),
    ("RandomStandardNormal", lambda tf, x: x + 0.0 * tf.random_normal(tf.shape(x))),
    ("RandomStandardNormal", lambda tf, x: x + 0.0 * tf.random_normal(tf.concat([[2], tf.shape(x)], 0))[1]),
    ("RandomUniform", lambda tf, x: x + 0.0 * tf.random_uniform([4, 6], 1.0, 3.0)),
    ("RandomUniformInt", lambda tf, i: i + 0 * tf.random_uniform([4], 1, 5, dtype=tf.int32)),
    ("TruncatedNormal", lambda tf, x: x + 0.0 * tf.truncated_normal([4, 6])),
]
