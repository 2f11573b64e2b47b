"""What is easily got wrong in a normalisation, done on purpose: the proof has to catch it and to name the layer."""

from __future__ import annotations

from contextlib import ExitStack

import lab
import numpy as np
import pytest

from porter.read import make_original
from porter.verify import alone, prove
from porter.verify.mutations import MUTATIONS, attributes, calling

EPSILON, SWAPPED, AXIS = "epsilon × 10", "gamma and beta swapped", "another axis"
NAMED = {mutation.title: mutation.made for mutation in MUTATIONS}


def weights(tf, name, size=4):
    with tf.variable_scope(name):
        gamma = tf.get_variable("gamma", [size], initializer=tf.ones_initializer())
        return gamma, tf.get_variable("beta", [size], initializer=tf.zeros_initializer())


def normalize(tf, x, axes, name, size=4):
    gamma, beta = weights(tf, name, size)
    return tf.nn.batch_normalization(x, *tf.nn.moments(x, axes, keepdims=True), beta, gamma, 0.05)


def grouped(tf, x):
    gamma, beta = (tf.reshape(each, [1, 1, 1, 3, 4]) for each in weights(tf, "group", 12))
    parts = tf.reshape(x, [-1, 4, 4, 3, 4])
    mean, variance = tf.nn.moments(parts, [1, 2, 4], keepdims=True)
    return tf.reshape(tf.nn.batch_normalization(parts, mean, variance, beta, gamma, 0.05), [-1, 4, 4, 12])


def with_deviation(tf, x):
    """keras-contrib's InstanceNormalization(axis=-1)."""
    gamma, beta = (tf.reshape(each, [1, 1, 1, 12]) for each in weights(tf, "deviation", 12))
    deviation = tf.math.reduce_std(x, [1, 2], keepdims=True) + 0.05
    return (x - tf.reduce_mean(x, [1, 2], keepdims=True)) / deviation * gamma + beta


def standardized(tf, x):
    kernel = tf.get_variable("standardized/kernel", [3, 3, 12, 2])
    mean, variance = tf.nn.moments(kernel, [0, 1, 2], keepdims=True)
    return tf.nn.conv2d(x, (kernel - mean) / tf.sqrt(variance + 0.01), [1, 1, 1, 1], "SAME")


def heads(tf):
    """A normalisation of every kind, side by side."""
    x = tf.placeholder(tf.float32, [None, 4, 4, 12], "x")
    rows, vectors = x[:, 0, :, :4], x[:, 0, 0]
    low, high = (reduce(rows, 1, keepdims=True) for reduce in (tf.reduce_min, tf.reduce_max))
    centred = rows - tf.reduce_mean(rows, 1, keepdims=True)
    return (
        (rows - low) / (high - low + 0.1),
        rows / (tf.reduce_sum(tf.abs(rows), 1, keepdims=True) + 0.1),
        rows / (tf.norm(rows, axis=1, keepdims=True) + 0.1),
        centred / (tf.math.reduce_std(rows, 1, keepdims=True) + 0.1),
        normalize(tf, rows, [2], "layer"),
        normalize(tf, x, [1, 2], "instance", 12),
        grouped(tf, x),
        with_deviation(tf, x),
        standardized(tf, x),
        tf.nn.lrn(x, 2, 1.0, 0.5, 0.75),
        normalize(tf, vectors, [0], "statistics", 12),
        tf.layers.batch_normalization(x, epsilon=0.05, name="batch"),
    )


@pytest.fixture(scope="module")
def normalised():
    conversion = lab.convert_graph(heads)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(alone, "EXPLAINED", 0)  # why a layer is wrong is asked elsewhere, and takes its time
        yield conversion
    conversion.close()


def layer_of(conversion, kind, place=0):
    return [layer for layer in conversion.model.layers if type(layer).__name__ == kind][place]


def assert_caught(conversion, layer, mutated):
    """The proof fails, and the layer alone is named; undone, all holds again."""
    with ExitStack() as stack:
        stack.enter_context(mutated)
        proof = conversion.prove((2, 3), batch_sizes=(2,))
    alone, outputs = proof.levels
    assert outputs.status == "failed", "the outputs seem to agree"
    wrong = [row["title"] for row in alone.layers if row["status"] == "differs"]
    assert len(wrong) == 1, wrong
    assert layer.name in wrong[0]


def test_all_is_right_before(normalised):
    proof = normalised.prove((2, 3), batch_sizes=(2,))
    assert not proof.failed, lab.failures(proof)


CONTROLS = {
    ("MinMaxNormalization", 0): (EPSILON, AXIS),
    ("L1Normalization", 0): (EPSILON, AXIS),
    ("L2Normalization", 0): (EPSILON, AXIS),
    ("StandardScore", 0): (EPSILON, AXIS),
    ("LayerNormalization", 0): (EPSILON, AXIS, SWAPPED),
    ("GroupNormalization", 0): (EPSILON, SWAPPED),
    ("GroupNormalization", 1): (EPSILON, SWAPPED),
    ("InstanceNormalization", 0): (EPSILON, SWAPPED),
    ("StandardizedConv2D", 0): (EPSILON,),
    ("BatchStatisticsNormalization", 0): (EPSILON, SWAPPED),
    ("BatchNormalization", 0): (EPSILON, SWAPPED, "moving mean and variance swapped"),
}


@pytest.mark.parametrize(
    ("kind", "place", "title"),
    [(kind, place, title) for (kind, place), titles in CONTROLS.items() for title in titles],
)
def test_caught(normalised, kind, place, title):
    layer = layer_of(normalised, kind, place)
    mutated = NAMED[title](layer)
    assert mutated is not None, f"{title} does not apply"
    assert_caught(normalised, layer, mutated)


@pytest.mark.parametrize("more", [1, -1])
def test_one_group_more_or_less_is_caught(normalised, more):
    (layer,) = [each for each in normalised.model.layers if getattr(each, "groups", None) == 3]
    assert_caught(normalised, layer, attributes(layer, groups=3 + more))


@pytest.mark.parametrize(("name", "value"), [("alpha", 5.0), ("beta", 0.5), ("bias", 2.0)])
def test_local_response_is_caught(normalised, name, value):
    layer = layer_of(normalised, "LocalResponseNormalization")
    assert isinstance(getattr(layer, name), float)
    assert_caught(normalised, layer, attributes(layer, **{name: value}))


def in_training(conversion):
    def recut(outputs):
        return make_original(conversion.original.source, inputs=conversion.original.inputs, outputs=outputs)

    return prove(
        conversion.original, conversion.model, conversion.report, levels=(5,), reference=conversion.reference,
        recut=recut,
    ).levels[0]  # fmt: skip


def corrected(layer, factor):
    """`layer` with its estimate of the variance, in the moving average alone, times `factor`."""
    call = type(layer).call

    def changed(x, *args, **options):
        kept = layer.momentum * np.asarray(layer.moving_variance)
        result = call(layer, x, *args, **options)
        if options.get("training"):
            layer.moving_variance.assign(kept + (np.asarray(layer.moving_variance) - kept) * factor)
        return result

    return calling(layer, changed)


def test_another_estimate_of_the_variance_is_caught():
    """Vectors' moving variance is that of the batch; n / (n - 1) times as much is another, and less is none either."""

    def build(tf):
        x = tf.placeholder(tf.float32, [None, 6], "x")
        training = tf.placeholder(tf.bool, [], "training")
        y = tf.layers.batch_normalization(x, momentum=0.5, training=training, name="bn")
        tf.group(*tf.get_collection(tf.GraphKeys.UPDATE_OPS), name="step")
        return y

    found = lab.convert_graph(build)
    before = in_training(found)
    assert before.status == "passed", before.reason
    layer = layer_of(found, "BatchNormalization")
    for factor in (2.0, 1.5):  # what n / (n - 1) is for batches of 2 and 3
        with corrected(layer, factor):
            after = in_training(found)
        assert after.status == "failed", f"{factor}: {after}"
        assert "moving_variance" in after.reason
    found.close()
