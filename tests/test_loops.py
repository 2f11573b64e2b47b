"""Loops that stay loops: a decoder that feeds on its own words holds a Keras cell, and takes a step of it at a time."""

from __future__ import annotations

import lab
import numpy as np
import pytest

CELLS = {
    "BasicLSTMCell": ("layers.LSTMCell(4)", "ops.sigmoid"),
    "LSTMCell(peepholes)": ("ExtendedLSTMCell(4, ", "ops.tanh"),
    "GRUCell": ("layers.GRUCell(4, reset_after=False)", "ops.sigmoid"),
}


def decoder(tf, cell):
    """Greedy: each step takes the embedding of the word that the step before chose."""
    batch = tf.shape(tf.placeholder("float32", [None, 3], name="x"))[0]
    state = tf.layers.dense(tf.get_default_graph().get_tensor_by_name("x:0"), 4, name="start")
    words = tf.get_variable("words", [6, 5])
    states = (state,) if cell.state_size == 4 else (state, tf.tanh(state))

    def step(i, word, logits, *states):
        before = states[0] if len(states) == 1 else tf.nn.rnn_cell.LSTMStateTuple(*states)
        out, after = cell(tf.nn.embedding_lookup(words, word), before)
        logits = tf.layers.dense(out, 6, name="out")
        return (i + 1, tf.argmax(logits, 1, output_type=tf.int32), logits, *(after if len(states) > 1 else (after,)))

    start = (0, tf.fill([batch], 1), tf.zeros([batch, 6]), *states)
    invariants = tuple(tf.TensorShape(s) for s in ([], [None], [None, 6], *([[None, 4]] * len(states))))
    return tf.while_loop(lambda i, *_: i < 3, step, start, shape_invariants=invariants)[2]


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_in_a_decoder(name):
    def build(tf):
        kinds = tf.nn.rnn_cell
        cells = {
            "BasicLSTMCell": lambda: kinds.BasicLSTMCell(4),
            "LSTMCell(peepholes)": lambda: kinds.LSTMCell(4, use_peepholes=True),
            "GRUCell": lambda: kinds.GRUCell(4),
        }
        return decoder(tf, cells[name]())

    conversion = lab.convert_graph(build)
    made, arithmetic = CELLS[name]
    assert made in conversion.text
    body = conversion.text[conversion.text.index("class Loop") :]
    assert arithmetic not in body
    proof = conversion.prove(levels=(0, 3, 6))
    assert proof.proved, proof
    conversion.close()


def test_a_cell_whose_inside_is_looked_into_stays_arithmetic():
    def build(tf):
        class Told(tf.nn.rnn_cell.BasicLSTMCell):
            def call(self, inputs, state):
                out, after = super().call(inputs, state)
                gates = out.op.inputs[1]  # the output's gate
                return out + 0.1 * gates, after

        return decoder(tf, Told(4))

    conversion = lab.convert_graph(build)
    assert "LSTMCell" not in conversion.text
    assert conversion.prove(levels=(0, 3)).proved
    conversion.close()


IDS = [[[1, 2, 3]], [[4, 5, 6]], [[7, 8, 9]]]
PARENTS = [[[0, 0, 0]], [[0, 1, 1]], [[2, 1, 2]]]


@pytest.mark.parametrize(
    ("rank", "recorded"),
    [  # by TensorFlow 1.12.3, which is given an end, and 1.4.1, which is not
        (
            1,
            [
                ([3], 10, [[[2, 2, 2]], [[6, 5, 6]], [[7, 8, 9]]]),
                ([2], 10, [[[1, 2, 2]], [[4, 5, 6]], [[10, 10, 10]]]),
                ([5], 6, [[[2, 2, 2]], [[6, 5, 6]], [[6, 8, 6]]]),
                ([0], 6, [[[6, 6, 6]], [[6, 6, 6]], [[6, 6, 6]]]),
            ],
        ),
        (
            2,
            [
                ([[3, 3, 3]], None, [[[2, 2, 2]], [[6, 5, 6]], [[7, 8, 9]]]),
                ([[2, 3, 1]], None, [[[1, 2, 3]], [[4, 5, -1]], [[-1, 8, -1]]]),
                ([[0, 3, 1]], None, [[[-1, 2, 3]], [[-1, 5, -1]], [[-1, 8, -1]]]),
            ],
        ),
    ],
)
def test_beams_are_followed_back(rank, recorded):
    """`GatherTree`, which today's TensorFlow does not have."""

    def build(tf):
        tf.placeholder("int32", [None, None, 3], name="ids")
        tf.placeholder("int32", [None, None, 3], name="parents")
        tf.placeholder("int32", [None, 3][:rank], name="lengths")
        return [tf.placeholder("int32", [], name="end")] if rank == 1 else []

    source, _ = lab.source_of(build)
    node = source.graph_def.node.add(
        name="beams", op="GatherTree", input=["ids", "parents", "lengths", "end"][: 5 - rank]
    )
    node.attr["T"].type = 3
    conversion = lab.convert(source, ["beams:0"])
    for lengths, end, wanted in recorded:
        given = [np.array(each, "int32") for each in (IDS, PARENTS, lengths, end) if each is not None]
        named = dict(zip(["ids:0", "parents:0", "lengths:0", "end:0"], given, strict=False))
        assert conversion.reference.run(named)["beams:0"].tolist() == wanted
        in_order = [named[each["tensor"]] for each in conversion.report["inputs"]]
        assert np.array(conversion.model(in_order)).tolist() == wanted
    conversion.close()


def test_a_variable_that_only_the_condition_looks_at():
    def build(tf):
        x = tf.placeholder("float32", [None, 3], name="x")

        def step(i, y, going):  # `going` is renewed without a look at what it was
            y = y * 1.5
            return i + 1, y, tf.reduce_max(tf.abs(y)) < 4.0

        return tf.while_loop(lambda i, y, going: tf.logical_and(i < 9, going), step, [0, x, tf.constant(True)])[1]

    conversion = lab.convert_graph(build)
    proof = conversion.prove(levels=(0, 3))
    assert proof.proved, proof
    conversion.close()
