"""Weights of which the model holds several copies, such as tied embeddings and a decoder that was written once: told."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from lab import canonical_graph, convert_graph, proved

from porter.emit.source import Binding
from porter.graph import WeightRef
from porter.report.held_twice import held_twice


def batch_of(tf, *sizes):
    return tf.placeholder(tf.float32, [None, *sizes], "x")


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


def decoders(tf):
    """Two loops with the layers of one decoder; their start is a row of the table that each step looks words up in."""
    table = tf.get_variable("table", [11, 4])
    choose = lambda h: tf.argmax(tf.layers.dense(h, 11, name="layers", reuse=tf.AUTO_REUSE), 1)  # noqa: E731
    step = lambda i, h: (i + 1, tf.tanh(h + tf.nn.embedding_lookup(table, choose(h))))  # noqa: E731
    x = batch_of(tf, 4)
    start = x + tf.reduce_sum(tf.nn.embedding_lookup(table, tf.argmax(x, 1)[:, None]), 1)
    return [tf.while_loop(lambda i, _, n=n: i < n, step, [0, start])[1] for n in (3, 5)]


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
    ("build", "told"),
    [(tied, "table"), (decoder, ""), (decoders, ""), (called_twice, ""), (recurrent, ""), (halves, "")],
)
def test_weights_that_training_would_take_apart(build, told):
    found = convert_graph(build)
    warnings = [text for text in found.report["warnings"] if "each hold a copy of" in text]
    assert [f"each hold a copy of {told}, of which" in text for text in warnings] == ([True] if told else [])
    found.close()


def test_layers_that_loops_share_are_lent_to_them_and_saved_once(tmp_path):
    found = proved(decoders)
    model = found.model
    lent = [layer for layer in model.layers if type(layer).__name__.startswith("Loop")]
    assert len(lent) == 2
    assert sorted(weight.path.split("/")[-1] for weight in model.weights) == ["bias", "embeddings", "kernel"]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for copy in (loaded, keras.models.clone_model(model)):
        assert copy.get_layer(lent[0].name).layers_2 is not lent[0].layers_2
    assert loaded.get_layer(lent[0].name).layers_2 is loaded.get_layer(lent[1].name).layers_2
    x = np.linspace(-1, 2, 12, dtype="float32").reshape(3, 4)
    for got, want in zip(loaded(x), model(x), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(("second", "told"), [((3, 7), False), ((0, 3), True)])
def test_parts_that_a_rule_took_apart_are_no_copies(second, told):
    """As the kernels of a convolutional cell for its input and for its state, which stand in one variable."""
    graph = canonical_graph(lambda tf: tf.matmul(batch_of(tf, 7), tf.get_variable("kernel", [7, 4])))
    (node,) = [node for node in graph if node.op == "Variable"]
    parts = [WeightRef(node.out).apply(f"channels {part}", lambda array: array) for part in ((0, 3), second)]
    bindings = [Binding("cell", path, part) for path, part in zip(("kernel", "recurrent_kernel"), parts, strict=True)]
    sentences = held_twice(graph, bindings, {})
    assert [text.startswith("cell.kernel and cell.recurrent_kernel each") for text in sentences] == [True] * told
