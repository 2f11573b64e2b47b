"""Warnings that teach: what is easily overlooked in a model, told by `convert` and its report, and by `inspect`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lab import convert, convert_graph, source_of

from porter.questions import inspect

FIXTURES = Path(__file__).parents[1] / "fixtures"


def batch_of(tf, *sizes):
    return tf.placeholder(tf.float32, [None, *sizes], "x")


def normalized_twice(tf):
    training = tf.placeholder(tf.bool, [], "training")
    x = tf.layers.batch_normalization(batch_of(tf, 5, 5, 3), training=training, name="first")
    return tf.layers.batch_normalization(x, training=training, name="second")


@pytest.mark.parametrize(("trained", "told"), [((), "all 2"), (("first/",), "some 1"), (("first/", "second/"), "")])
def test_moving_statistics_that_never_moved(trained, told):
    source, outputs = source_of(normalized_twice)
    load = source.load

    def as_at_first(name):
        array = load(name)
        fresh = 0.0 if name.endswith("moving_mean") else 1.0 if name.endswith("moving_variance") else None
        return array if fresh is None or name.startswith(trained) else np.full_like(array, fresh)

    source.load = as_at_first
    found = convert(source, outputs)
    warnings = [text for text in found.report["warnings"] if "UPDATE_OPS" in text]
    assert [text.startswith(told) for text in warnings] == ([True] if told else [])
    found.close()


def unshifted(tf):
    x = batch_of(tf, 6)
    return (x - tf.reduce_min(x, 1, keepdims=True)) / tf.reduce_max(x, 1, keepdims=True)


def min_max(tf):
    x = batch_of(tf, 6)
    low = tf.reduce_min(x, 1, keepdims=True)
    return (x - low) / (tf.reduce_max(x, 1, keepdims=True) - low)


def guarded(tf):
    x = batch_of(tf, 6)
    low = tf.reduce_min(x, 1, keepdims=True)
    return (x - low) / (tf.reduce_max(x, 1, keepdims=True) - low + 1e-3)


def over_a_norm(tf):
    x = batch_of(tf, 6)
    return x / tf.reduce_sum(tf.abs(x), 1, keepdims=True)


def training_fixed(tf):
    return tf.layers.batch_normalization(batch_of(tf, 5, 5, 3), training=True)


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (unshifted, "the maximum is of the unshifted input"),
        (min_max, "x:0: a constant input gives 0 / 0 = NaN"),
        (guarded, ""),
        (over_a_norm, "x:0: an input of zeros gives 0 / 0 = NaN"),
        (training_fixed, "x:0: batch normalisation with training fixed to True"),
    ],
)
def test_what_a_layer_is_warned_of(build, told):
    found = convert_graph(build)
    assert [text for text in found.report["warnings"] if told and told in text] or not told, found.report["warnings"]
    assert told or not found.report["warnings"]
    found.close()


def test_a_constant_input_does_what_the_warning_says():
    """NaN in the same places as in the original."""
    found = convert_graph(min_max)
    constant = np.ones((2, 6), "float32")
    assert np.isnan(np.asarray(found.model(constant))).all()
    assert np.isnan(found.reference.run({"x:0": constant})[found.original.outputs[0]]).all()
    found.close()


def test_inspect_tells_too():
    """The whole batch's minimum, and what divides by zero, before anything is converted."""
    warnings = inspect(FIXTURES / "min_max_forms" / "model.ckpt")["warnings"]
    assert any("taken over the whole batch" in text and "--exact keeps it" in text for text in warnings)
    assert any("0 / 0 = NaN" in text for text in warnings)


def ids_of(tf):
    return tf.placeholder(tf.int32, [None, 5], "ids")


def tied(tf):
    """Scores by the table that embedded the words."""
    table = tf.get_variable("table", [11, 4])
    h = tf.layers.dense(tf.reduce_mean(tf.nn.embedding_lookup(table, ids_of(tf)), 1), 4, name="hidden")
    return tf.matmul(h, table, transpose_b=True)


def decoder(tf):
    """The first step and those in a loop take their words from one table."""
    table, start = tf.get_variable("table", [11, 4]), ids_of(tf)[:, 0]
    choose = lambda h: tf.argmax(tf.layers.dense(h, 11, name="scores", reuse=tf.AUTO_REUSE), 1)  # noqa: E731
    step = lambda i, h: (i + 1, tf.tanh(h + tf.nn.embedding_lookup(table, choose(h))))  # noqa: E731
    return tf.while_loop(lambda i, _: i < 3, step, [0, tf.nn.embedding_lookup(table, start)])[1]


def called_twice(tf):
    dense = lambda x: tf.layers.dense(x, 6, tf.nn.relu, name="one", reuse=tf.AUTO_REUSE)  # noqa: E731
    return dense(dense(batch_of(tf, 6)))


def recurrent(tf):
    cell = tf.nn.rnn_cell.GRUCell(4)
    return tf.nn.dynamic_rnn(cell, batch_of(tf, 5, 3), dtype=tf.float32)[0]


def halves(tf):
    """Two layers, each with its own columns of one matrix."""
    x, kernel = batch_of(tf, 6), tf.get_variable("kernel", [6, 8])
    return tf.matmul(x, kernel[:, :4]) * tf.sigmoid(tf.matmul(x, kernel[:, 4:]))


@pytest.mark.parametrize(
    ("build", "told"), [(tied, "table"), (decoder, "table"), (called_twice, ""), (recurrent, ""), (halves, "")]
)
def test_weights_that_training_would_take_apart(build, told):
    found = convert_graph(build)
    warnings = [text for text in found.report["warnings"] if "each hold a copy of" in text]
    assert [f"each hold a copy of {told}, of which" in text for text in warnings] == ([True] if told else [])
    found.close()
