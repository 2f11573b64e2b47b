"""Statistics over the batch become each sample's own, or the user is told why they do not."""

from __future__ import annotations

import numpy as np
import pytest
from lab import convert_graph, failures
from test_verify_layers import faulty

from porter.verify import prove


def batch_of(tf, *sizes):
    return tf.placeholder(tf.float32, [None, *sizes], "x")


def normalized(tf, x, axes):
    mean, variance = tf.nn.moments(x, axes, keepdims=True)
    return (x - mean) / tf.sqrt(variance + 1e-3)


def min_max(tf, x):
    shifted = x - tf.reduce_min(x)
    return shifted / tf.reduce_max(shifted)


def peak(tf, x):
    return x / tf.reduce_max(tf.abs(x))


def one_norm_after_another(tf):
    return peak(tf, 2.0 * min_max(tf, batch_of(tf, 4, 5)) - 1.0)


def score_with_weights(tf):
    x = batch_of(tf, 4, 5, 3)
    gamma, beta = (tf.get_variable(name, [3]) for name in ("gamma", "beta"))
    return tf.nn.batch_normalization(x, *tf.nn.moments(x, [0, 1, 2]), beta, gamma, 1e-3)


def per_channel_channels_first(tf):
    x = batch_of(tf, 3, 4, 5)
    low, high = (tf.reshape(reduce(x, [0, 2, 3]), [1, 3, 1, 1]) for reduce in (tf.reduce_min, tf.reduce_max))
    return (x - low) / (high - low)


def folded_with_unknown_rows(tf):
    x = tf.placeholder(tf.float32, [None, None, None, 3], "x")
    return min_max(tf, tf.nn.relu(tf.reshape(x, [-1, 3])))


def folded_and_used(tf):
    rows = tf.reshape(batch_of(tf, 4, 5, 3), [-1, 3])
    return tf.matmul(peak(tf, rows), tf.get_variable("kernel", [3, 2]))


def folded_and_back(tf):
    x = tf.reshape(batch_of(tf, 4, 5, 3), [-1])
    return tf.reshape((x - tf.reduce_mean(x)) / tf.math.reduce_std(x), [-1, 4, 5, 3])


def tiled_by_hand(tf):
    x = batch_of(tf, 6)
    return x / tf.tile(tf.reduce_sum(x, keepdims=True), [tf.shape(x)[0], 6])


def in_two_steps(tf):
    x = batch_of(tf, 6, 4)
    return x / tf.reduce_max(tf.reduce_max(x, [1, 2]), 0)


def scales_another_tensor(tf):
    x = batch_of(tf, 6, 4)
    return tf.reduce_mean(x, 2) * tf.reduce_max(x)


def softmax_of_everything(tf):
    return tf.reshape(tf.nn.softmax(tf.reshape(batch_of(tf, 4, 3), [-1])), [-1, 4, 3])


def channels_first_of_unknown_size(tf):
    x = batch_of(tf, 3, None, None)
    return x / tf.reshape(tf.reduce_max(tf.abs(x), [0, 2, 3]), [1, 3, 1, 1])


def clipped_by_norm(tf):
    return tf.clip_by_norm(batch_of(tf, 6), 1.0)


SAFE = {
    "the greatest absolute value": (lambda tf: peak(tf, batch_of(tf, 4, 5)), "maximum"),
    "min-max, then the greatest absolute value": (one_norm_after_another, "maximum"),
    "a z-score of channels": (lambda tf: normalized(tf, batch_of(tf, 4, 5, 3), [0, 1, 2]), "mean and variance"),
    "a z-score with gamma and beta": (score_with_weights, "mean and variance"),
    "tf.nn.l2_normalize over everything": (lambda tf: tf.nn.l2_normalize(batch_of(tf, 4, 5), None), "sum"),
    "tf.norm": (lambda tf: batch_of(tf, 6) / (tf.norm(tf.get_default_graph().get_tensor_by_name("x:0")) + 0.1), "sum"),
    "min-max of channels, first": (per_channel_channels_first, "minimum and maximum"),
    "rows and columns folded into the batch": (folded_with_unknown_rows, "minimum and maximum"),
    "folded, and a layer behind it": (folded_and_used, "maximum"),
    "flattened with the batch, and back": (folded_and_back, "mean and variance"),
    "tiled to the batch by hand": (tiled_by_hand, "sum"),
    "a maximum of maxima": (in_two_steps, "maximum"),
    "scaling a tensor of another rank": (scales_another_tensor, "maximum"),
    "a softmax over everything": (softmax_of_everything, "softmax"),
    "channels first, rows and columns unknown": (channels_first_of_unknown_size, "maximum"),
    "tf.clip_by_norm": (clipped_by_norm, "sum"),
}


@pytest.mark.parametrize("case", SAFE, ids=lambda title: title.replace(" ", "_"))
def test_made_each_samples_own(case):
    """It computes what the original does for one sample alone, and says so; with --exact it stays as it was."""
    build, what = SAFE[case]
    safe = convert_graph(build)
    proof = safe.prove((2, 3, 4))
    assert not proof.failed, f"{failures(proof)}\n{safe.text}"
    assert proof.proved
    assert [each for each in safe.report["changes"] if each["why"].startswith(what)], safe.report["changes"]
    assert list(proof.apart) == safe.original.outputs, "nothing says by how much the answers differ"
    assert min(proof.apart.values()) > 1e-3
    safe.close()

    exact = convert_graph(build, exact=True)
    proof = exact.prove((3, 4))
    assert not proof.failed, failures(proof)
    assert proof.proved
    assert not exact.report["changes"]
    assert any("depends on its neighbours" in text for text in exact.report["warnings"])
    exact.close()


def softmax_over_the_batch(tf):
    return tf.nn.softmax(batch_of(tf, 6), axis=0)


def features_over_the_batch(tf):
    x = batch_of(tf, 6)
    low, high = tf.reduce_min(x, 0), tf.reduce_max(x, 0)
    return (x - low) / (high - low + 0.1)


def mean_by_the_count_of_samples(tf):
    x = batch_of(tf, 6)
    return x - tf.reduce_sum(x) / tf.cast(tf.size(x), tf.float32)


def safe_before_what_is_not(tf):
    return tf.nn.softmax(peak(tf, batch_of(tf, 6)), axis=0)


def products_of_samples(tf):
    x = batch_of(tf, 4)
    return tf.matmul(x, tf.matmul(x, x, transpose_a=True))


def with_its_loss(tf):
    scaled = peak(tf, batch_of(tf, 6))
    return scaled, tf.reduce_mean(tf.square(scaled))


KEPT = {
    softmax_over_the_batch: ("Softmax (Softmax): softmax over the batch", "means nothing for one sample"),
    features_over_the_batch: ("MinMaxNormalization): minimum and maximum over the batch", "nothing of a sample's own"),
    mean_by_the_count_of_samples: ("Sum (ops.sum): sum over the batch", "counts samples"),
    safe_before_what_is_not: ("Max (ops.max): maximum over the batch", "with Softmax or not at all"),
    products_of_samples: ("MatMul (ops.matmul): product over the batch", "means nothing"),
    with_its_loss: ("Max (ops.max): maximum over the batch", "Mean:0 has no samples, and depends on it"),
}


@pytest.mark.parametrize("build", KEPT, ids=lambda build: build.__name__)
def test_kept_and_told(build):
    """What cannot be each sample's own stays as it was, with a warning that names the node and the layer, and why."""
    found = convert_graph(build)
    proof = found.prove((3, 4))
    assert not proof.failed, failures(proof)
    assert proof.proved
    assert not found.report["changes"]
    what, why = KEPT[build]
    assert [text for text in found.report["warnings"] if what in text and why in text], found.report["warnings"]
    found.close()


def test_a_loss_is_no_normalisation():
    """What has no samples itself depends on all of them, and that is as it should be."""

    def build(tf):
        x = batch_of(tf, 6)
        y = tf.matmul(x, tf.get_variable("kernel", [6, 2]))
        return y, tf.reduce_mean(tf.square(y)), tf.reduce_max(y)

    found = convert_graph(build)
    assert found.prove((3, 4)).proved
    assert not found.report["changes"]
    assert not found.report["warnings"]
    found.close()


def test_only_the_heads_that_can_be_are_made_safe():
    def build(tf):
        x = batch_of(tf, 6)
        return peak(tf, x), tf.nn.softmax(tf.matmul(x, tf.get_variable("kernel", [6, 2])), axis=0)

    found = convert_graph(build)
    proof = found.prove((3, 4))
    assert not proof.failed, failures(proof)
    assert [each["outputs"] for each in found.report["changes"]] == [found.original.outputs[:1]]
    assert any(text.startswith("Softmax") for text in found.report["warnings"])
    found.close()


def test_statistics_in_training_alone_are_left():
    """A batch normalisation with moving averages couples its samples in training, where it should."""

    def build(tf):
        x = batch_of(tf, 5, 5, 3)
        return tf.layers.batch_normalization(x, training=tf.placeholder(tf.bool, [], "training"))

    found = convert_graph(build)
    assert found.classes == ["BatchNormalization"]
    assert not found.report["changes"]
    assert not found.report["warnings"]
    found.close()


def test_a_folded_output_keeps_its_samples():
    """[batch * rows, channels] comes out as [batch, rows, channels]: as many answers as inputs."""
    found = convert_graph(lambda tf: min_max(tf, tf.reshape(batch_of(tf, 4, 5, 3), [-1, 3])))
    given = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype("float32")
    answer = np.asarray(found.model(given))
    assert answer.shape == (2, 20, 3)
    assert np.all(answer.max((1, 2)) == 1)
    found.close()


def test_where_samples_meet_is_named():
    conversion = convert_graph(lambda tf: peak(tf, tf.tanh(batch_of(tf, 4, 5))))
    model = faulty(conversion, "axis=(1, 2)", "axis=(0, 1, 2)")
    proof = prove(
        conversion.original, model, conversion.report, levels=(3, 4), reference=conversion.reference, exact=False
    )
    conversion.close()
    assert proof.failed
    assert proof.first_wrong["layer"].startswith("ops.max of ")
    assert "is the first call in which changing one sample changes another" in proof.first_wrong["told"]
