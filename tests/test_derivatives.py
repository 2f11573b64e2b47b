"""Models that answer with derivatives: what tf.gradients writes is settled by shapes, and read as a few operations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from lab import canonical_graph, proved

from porter.convert import convert
from porter.emit.build import load_source
from porter.options import Options

FIXTURE = Path(__file__).parents[1] / "fixtures" / "derivatives"


def test_a_physics_informed_network_answers_as_tensorflow_1(shelf):
    """Second derivatives, with the batch unknown: dense layers, and no arithmetic on shapes is left."""
    out = shelf / "burgers"
    report = convert(FIXTURE / "burgers.ckpt", out, Options(outputs=["u:0", "residual:0"])).report
    assert report["verified"]["verdict"] == "proved"
    assert not [row["class"] for row in report["layers"] if "BySize" in row["class"]]
    with np.load(FIXTURE / "recorded.npz") as recorded:
        given = [tf.constant(recorded[f"in:{row['tensor']}"]) for row in report["inputs"]]
        for row, answer in zip(report["outputs"], load_source(out / "model.py").load_model()(given), strict=True):
            np.testing.assert_allclose(answer.numpy(), recorded[f"out:{row['tensor']}"], rtol=1e-5, atol=1e-6)


def dense(tf, x, units):
    shape = [int(x.shape[-1]), units]
    number = len(tf.global_variables())
    return tf.matmul(x, tf.get_variable(f"w{number}", shape, use_resource=False)) + tf.get_variable(
        f"b{number}", [units], use_resource=False
    )


def energy(tf):
    """Means over features and over the batch, whose factor is the size of the batch."""
    x = tf.placeholder(tf.float32, [None, 6], "x")
    y = tf.nn.softplus(dense(tf, x, 3))
    by_sample = tf.gradients(tf.reduce_mean(y**2, axis=1, keepdims=True), x)[0]
    return by_sample + tf.gradients(tf.reduce_mean(tf.reduce_sum(y, axis=1)), x)[0]


def attention_map(tf):
    """Grad-CAM: a class score by the pictures of a layer, through pooling."""
    x = tf.placeholder(tf.float32, [None, 8, 8, 2], "x")
    kernel = tf.get_variable("kernel", [3, 3, 2, 4], use_resource=False)
    pictures = tf.nn.relu(tf.nn.conv2d(x, kernel, strides=[1, 1, 1, 1], padding="SAME"))
    pooled = tf.nn.max_pool(pictures, [1, 3, 3, 1], [1, 2, 2, 1], "SAME")
    score = dense(tf, tf.reduce_mean(pooled, [1, 2]), 3)[:, 1]
    weights = tf.reduce_mean(tf.gradients(score, pictures)[0], [1, 2], keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * pictures, -1))


def parts(tf):
    """What was sliced, padded, repeated, joined and chosen from goes back to its place."""
    x = tf.placeholder(tf.float32, [None, 5, 4], "x")
    y = tf.concat([x[:, :2] * 2, tf.pad(x[:, 1:], [[0, 0], [1, 0], [0, 0]])], 1)
    repeated = tf.tile(tf.reduce_mean(x, 1, keepdims=True), [1, 3, 1])
    total = tf.reduce_sum(tf.nn.softmax(tf.transpose(y, [0, 2, 1])) ** 3) + tf.reduce_sum(repeated**2)
    return tf.gradients(total + tf.reduce_sum(tf.maximum(x, 0.2) * tf.abs(x)), x)[0]


@pytest.mark.parametrize("build", [energy, attention_map, parts])
def test_derivatives_are_proved(build):
    proved(build)


def test_shapes_that_do_not_tell_stay_as_they_are():
    """Two sizes that may be the same or not: which one is broadcast is not known before it runs."""

    def build(tf):
        x, y = tf.placeholder(tf.float32, [None, None], "x"), tf.placeholder(tf.float32, [None, 3], "y")
        return tf.gradients(x * y, x)[0]

    assert any(node.op == "BroadcastGradientArgs" for node in canonical_graph(build))
