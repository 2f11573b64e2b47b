"""channels_first graphs: they become channels_last ones, with transposes only where the layout shows."""

from __future__ import annotations

import numpy as np
import pytest
from lab import canonical_graph, convert_graph, failures

FIRST = "channels_first"


def residual(tf):
    """A block with a shortcut, batch normalization, pooling, concatenation, padding, and a flattening behind."""
    x = tf.placeholder(tf.float32, [None, 3, 8, 10], "x")
    y = tf.nn.relu(tf.layers.batch_normalization(tf.layers.conv2d(x, 5, 3, padding="same", data_format=FIRST), axis=1))
    y = y + tf.layers.conv2d(y, 5, 3, padding="same", data_format=FIRST)
    y = tf.layers.max_pooling2d(y, 2, 2, data_format=FIRST)
    y = tf.concat([y, tf.nn.sigmoid(y)], 1)
    y = tf.layers.conv2d(tf.pad(y, [[0, 0], [0, 0], [1, 1], [2, 0]]), 4, 3, 2, data_format=FIRST)
    return tf.layers.dense(tf.reshape(y, [-1, int(np.prod(y.shape[1:]))]), 2)


def excitation(tf):
    """Global means, kept and not, of a picture of unknown size: no transpose has to stay behind the first."""
    x = tf.placeholder(tf.float32, [None, 3, None, None], "x")
    y = tf.layers.conv2d(x, 6, 3, padding="same", data_format=FIRST)
    y *= tf.sigmoid(tf.reduce_mean(y, [2, 3], keepdims=True))
    return tf.layers.dense(tf.reduce_mean(y, [2, 3]), 2)


def steps(tf):
    """One axis, which is written as two."""
    x = tf.placeholder(tf.float32, [None, 3, 12], "x")
    y = tf.layers.conv1d(x, 5, 3, padding="same", data_format=FIRST)
    return tf.reduce_max(tf.layers.conv1d(tf.nn.elu(y), 5, 3, data_format=FIRST), 2)


def planes(tf):
    """Three axes, whose bias TensorFlow 1 adds between two reshapes."""
    x = tf.placeholder(tf.float32, [None, 2, 4, 6, 5], "x")
    y = tf.nn.conv3d(x, tf.get_variable("w", [3, 3, 3, 2, 4]), [1, 1, 1, 1, 1], "SAME", data_format="NCDHW")
    y = tf.nn.bias_add(tf.reshape(y, [-1, 4, 24, 5]), tf.get_variable("b", [4]), data_format="NCHW")
    return tf.reduce_mean(tf.reshape(y, [-1, 4, 4, 6, 5]), [2, 3, 4])


def dilated(tf):
    x = tf.placeholder(tf.float32, [None, 3, 9, 9], "x")
    y = tf.space_to_batch_nd(x, [1, 2, 2], [[0, 0], [2, 3], [2, 3]])
    y = tf.nn.conv2d(y, tf.get_variable("w", [3, 3, 3, 4]), [1, 1, 1, 1], "VALID", data_format="NCHW")
    return tf.reduce_max(tf.batch_to_space_nd(y, [1, 2, 2], [[0, 0], [0, 1], [0, 1]]), [2, 3])


def dropout(tf):
    """A mask is random in any layout; what drops it is in the layout of the rest."""
    x = tf.placeholder(tf.float32, [None, 3, 8, 8], "x")
    y = tf.layers.conv2d(x, 4, 3, data_format=FIRST)
    y = tf.layers.dropout(y, 0.4, training=tf.placeholder_with_default(False, [], "training"))
    return tf.reduce_mean(tf.layers.conv2d(y, 4, 3, data_format=FIRST), [2, 3])


def weights(tf):
    """Weights and constants in the shapes that channels_first needs; some can stay where they are only."""
    x = tf.placeholder(tf.float32, [None, 3, 6, 6], "x")
    y = tf.layers.conv2d(x, 6, 3, padding="same", data_format=FIRST)
    y = y * tf.reshape(tf.get_variable("scale", [6]), [1, 6, 1, 1]) - np.arange(6, dtype=np.float32).reshape(6, 1, 1)
    y = y + tf.get_variable("shift", [1, 6, 1, 1])
    return tf.layers.average_pooling2d(y, 2, 2, data_format=FIRST)


@pytest.mark.parametrize(
    ("build", "transposes"),
    [(residual, 2), (excitation, 1), (steps, 1), (planes, 1), (dilated, 1), (dropout, 1), (weights, 4)],
)
def test_few_transposes_and_the_same_numbers(build, transposes):
    conversion = convert_graph(build)
    assert conversion.classes.count("ops.transpose") == transposes, conversion.text
    assert "channels_first" not in conversion.source
    proof = conversion.prove()
    assert not proof.failed, failures(proof)


def test_the_width_equals_the_number_of_filters():
    """Keras' TensorFlow backend takes a bias of shape (1, n, 1, 1) for one of the last axis if that has n elements."""

    def build(tf):
        x = tf.placeholder(tf.float32, [None, 3, 7, 5], "x")
        return tf.layers.conv2d(x, 5, 3, padding="same", data_format=FIRST) + tf.get_variable("b", [5, 1, 1])

    proof = convert_graph(build).prove()
    assert not proof.failed, failures(proof)


def test_other_transposes_stay():
    def build(tf):
        x = tf.placeholder(tf.float32, [None, 4, 6, 8], "x")
        return tf.transpose(tf.nn.relu(tf.transpose(x, [0, 3, 1, 2])), [0, 2, 3, 1])

    assert [node.op for node in canonical_graph(build).ordered()] == ["Placeholder", "Transpose", "Relu", "Transpose"]
