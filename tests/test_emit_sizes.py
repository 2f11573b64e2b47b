"""Layers for sizes that are known only at run time."""

from __future__ import annotations

import elsewhere
import numpy as np
import pytest
from lab import convert, convert_graph, failures, proved, source_of

# --- Sizes that are known only at run time ----------------------------------------------------------------------


def _two_positive(tf, rows):
    """The first two of the rows that begin with a positive number, and zeros where there are fewer."""
    found = tf.boolean_mask(rows, rows[:, 0] > 0)[:2]
    return tf.ensure_shape(tf.pad(found, [[0, 2 - tf.shape(found)[0]], [0, 0]]), [2, 3])


SIZED = {
    "tile": lambda tf, x: tf.tile(tf.reduce_mean(x, 1, keepdims=True), [1, tf.shape(x)[1], 1]),
    "reshape": lambda tf, x: tf.reshape(tf.transpose(x, [1, 0, 2]), [tf.shape(x)[1], -1]),
    "reshape and back": lambda tf, x: tf.reshape(
        tf.nn.softmax(tf.reshape(x, [-1, tf.shape(x)[1] * 3])), [-1, tf.shape(x)[1], 3]
    ),
    "range": lambda tf, x: x * tf.cast(tf.range(tf.shape(x)[1]), tf.float32)[tf.newaxis, :, tf.newaxis],
    "fill": lambda tf, x: tf.concat([x, tf.fill([tf.shape(x)[0], 2, 3], 7.0)], 1),
    "zeros": lambda tf, x: tf.concat([tf.zeros(tf.stack([tf.shape(x)[0], 1, 3])), x], 1),
    "slice": lambda tf, x: x[:, : tf.shape(x)[1] // 2],
    "strided": lambda tf, x: x[:, tf.shape(x)[1] - 1],
    "pad": lambda tf, x: tf.pad(x, [[0, 0], [0, 30 - tf.minimum(tf.shape(x)[1], 30)], [0, 0]]),
    "one hot": lambda tf, x: tf.one_hot(tf.cast(x[:, 0, 0] > 0, tf.int32), tf.shape(x)[1]),
    "broadcast": lambda tf, x: tf.broadcast_to(tf.reduce_mean(x, 1, keepdims=True), tf.shape(x)),
    "number": lambda tf, x: tf.reduce_sum(x, 1) / tf.cast(tf.shape(x)[1], tf.float32),
    "size": lambda tf, x: x * tf.cast(tf.size(x) // tf.shape(x)[0], tf.float32),
    "resized": lambda tf, x: tf.image.resize_nearest_neighbor(
        x[..., tf.newaxis], [2 * tf.shape(tf.pad(x, [[0, 0], [1, 1], [0, 0]]))[1], 5]
    ),
    "one row, dilated": lambda tf, x: tf.squeeze(
        tf.nn.atrous_conv2d(x[:, tf.newaxis], tf.get_variable("w", [1, 3, 3, 4]), 2, "SAME"), [1]
    ),
    "chosen in a loop": lambda tf, x: tf.map_fn(lambda rows: _two_positive(tf, rows), x),
    "several": lambda tf, x: tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1] * tf.shape(x)[2]])[:, : tf.shape(x)[1] + 1],
}


@pytest.mark.parametrize("title", SIZED)
def test_sizes(title, shelf):
    """On every batch size and length; the other backends follow below."""
    conversion = convert_graph(lambda tf: SIZED[title](tf, tf.placeholder(tf.float32, [None, None, 3], "x")))
    proof = conversion.prove(batch_sizes=(1, 2, 5))
    assert proof.proved, f"{failures(proof)}\n{conversion.text}"
    conversion.model(np.ones([2, 5, 3], "float32"))  # run eagerly, sizes are plain numbers
    conversion.shelve(shelf, title)
    conversion.close()


@pytest.mark.parametrize(
    ("build", "compiles"),
    [
        (lambda tf, x: tf.fill(tf.cast(x[0, :2], tf.int32) + 3, 1.0), False),
        (lambda tf, x: tf.boolean_mask(x, x[:, 0] > 0), False),
        (lambda tf, x: tf.pad(x, [[0, 0], [tf.shape(x)[0], 1]]), True),
        (lambda tf, x: tf.fill([tf.shape(x)[0], 2], 1.0), True),
    ],
)
def test_layers_whose_sizes_depend_on_the_data_say_that_they_do_not_compile(build, compiles):
    def built(tf):
        return build(tf, tf.placeholder(tf.float32, [None, 4], "x"))

    conversion = convert(*source_of(built))
    try:
        layers = conversion.model._flatten_layers()
        assert all(layer.supports_jit for layer in layers) == compiles
    finally:
        conversion.close()


def test_equal_layers_for_sizes_are_one_class():
    def build(tf):
        x = tf.placeholder(tf.float32, [None, None, 3], "x")
        a, b = tf.nn.relu(x), tf.tanh(x)
        return [tf.tile(tf.reduce_mean(each, 1, keepdims=True), [1, tf.shape(each)[1], 1]) for each in (a, b)]

    conversion = proved(build)
    assert conversion.source.count("class TileBySize") == 1
    assert "TileBySize_2" not in conversion.source


def test_layers_for_sizes_hold_no_size():
    """The class works for other sizes than the one that it was tried with."""

    def build(tf):
        x = tf.placeholder(tf.float32, [None, None, 3], "x")
        return tf.tile(tf.reduce_mean(x, 1, keepdims=True), [1, tf.shape(x)[1] * 2, 1])

    model = proved(build).model
    for length in (1, 4, 9):
        assert model(np.ones((2, length, 3), "float32")).shape == (2, 2 * length, 3)


@pytest.mark.parametrize("backend", elsewhere.BACKENDS)
def test_sizes_on_other_backends(backend, shelf):
    wrong = elsewhere.run(shelf, backend)
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in wrong.items())
