"""The proof: what is right passes, and each way of being slightly wrong is caught."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from by_hand import Builder, check, keras_network, set_weights, small_network, v1
from keras import layers

from porter.errors import OutputsDiffer
from porter.verify.converted import Converted

CHECKED = (0, 1, 3, 4)


# --- A network of convolution, batch normalisation and dense ------------------------------------------------


@pytest.fixture(scope="module")
def network():
    return small_network()


SOURCES = [
    {"name": "conv", "weights": {"kernel": "conv/kernel", "bias": "conv/bias:0"}},
    {
        "name": "bn",
        "weights": {
            "gamma": "bn/gamma",
            "beta": "bn/beta",
            "moving_mean": "bn/mean",
            "moving_variance": "bn/variance",
        },
    },
    {"name": "dense", "weights": {"kernel": "dense/kernel", "bias": "dense/bias"}},
]


def test_what_is_right_passes(network):
    original, arrays = network
    more = {"layers": SOURCES, "weights": {"copied": list(arrays), "left": []}}
    statuses, proof = check(original, keras_network(arrays), CHECKED, more)
    assert statuses == dict.fromkeys(CHECKED, "passed"), proof.to_dict()
    assert proof.verdict == "proved"
    assert proof.complete
    found = proof.levels[2]
    assert found.batch_sizes == [1, 2, 3, 7]
    assert found.kinds == ["normal", "uniform", "constant", "large", "small"]
    assert found.outputs["z:0"]["relative"] < 1e-5


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": 1e-2},
        {"swap": True},
        {"transpose": True},
        {"activation": "linear"},
        {"activation": "elu"},
    ],
    ids=str,
)
def test_what_is_wrong_fails(network, wrong):
    original, arrays = network
    statuses, proof = check(original, keras_network(arrays, **wrong), (3,))
    assert statuses[3] == "failed"
    assert "z:0" in proof.levels[0].reason
    assert "of the elements" in proof.levels[0].reason
    assert 0 < proof.levels[0].outputs["z:0"]["share"] <= 1


@pytest.mark.parametrize(("factor", "status"), [(1, "passed"), (10, "failed")])
def test_the_smallest_epsilon_of_tensorflow_1s_fused_kernel(factor, status):
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 8, 8, 3], name="x")
        mean, variance = b.weight("mean", 3), b.weight("variance", 3, positive=True)
        ones, zeros = tf.ones([3]), tf.zeros([3])
        v1.nn.fused_batch_norm(x, ones, zeros, mean, variance, epsilon=1.001e-5, is_training=False, name="z")
    x = keras.Input((8, 8, 3), name="x")
    model = keras.Model(x, layers.BatchNormalization(epsilon=1.001e-5 * factor, center=False, scale=False, name="n")(x))
    set_weights(model, {"n": [b.arrays["mean"], b.arrays["variance"]]})
    assert check(b.original(["x:0"], ["z:0"]), model, (3,))[0][3] == status


def test_a_slight_error_in_one_weight_is_caught(network):
    original, arrays = network
    nudged = {**arrays, "conv/bias": arrays["conv/bias"] + np.float32([0, 0, 1e-3, 0, 0, 0])}
    assert check(original, keras_network(nudged), (3,))[0][3] == "failed"
    more = {"layers": SOURCES, "weights": {"copied": list(arrays), "left": []}}
    statuses, proof = check(original, keras_network(nudged), (0,), more)
    assert statuses[0] == "failed"
    assert "conv/bias" in proof.levels[0].reason


# --- Padding, axes, groups: equal shapes, other numbers -----------------------------------------------------


@pytest.mark.parametrize(("padding", "status"), [("SAME", "passed"), ("VALID", "failed")])
def test_same_for_valid_at_equal_shape(padding, status):
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 9, 9, 2], name="x")
        pad = [[0, 0], [0, 1], [0, 1], [0, 0]] if padding == "VALID" else [[0, 0]] * 4
        tf.nn.conv2d(tf.pad(x, pad), b.weight("w", 2, 2, 2, 4), 1, padding if padding == "SAME" else "VALID", name="z")
    x = keras.Input((9, 9, 2), name="x")
    # SAME pads an even kernel at the end; padding in front instead gives the same shape.
    if padding == "SAME":
        y = layers.Conv2D(4, 2, padding="same", use_bias=False, name="c")(x)
    else:
        y = layers.Conv2D(4, 2, use_bias=False, name="c")(layers.ZeroPadding2D(((1, 0), (1, 0)))(x))
    model = set_weights(keras.Model(x, y), {"c": [b.arrays["w"]]})
    assert check(b.original(["x:0"], ["z:0"]), model)[0][3] == status


@pytest.mark.parametrize(("padding", "status"), [("valid", "passed"), ("same", "failed")])
def test_padding_of_a_strided_convolution(padding, status):
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 9, 9, 2], name="x")
        tf.nn.conv2d(x, b.weight("w", 4, 4, 2, 4), 3, "VALID", name="z")
    x = keras.Input((9, 9, 2), name="x")
    y = x if padding == "valid" else layers.ZeroPadding2D(1)(x)
    model = set_weights(
        keras.Model(x, layers.Conv2D(4, 4, strides=3, use_bias=False, name="c")(y)), {"c": [b.arrays["w"]]}
    )
    statuses, _ = check(b.original(["x:0"], ["z:0"]), model)
    assert statuses[3] == status


@pytest.fixture(scope="module")
def group_norm():
    """Group normalisation with two groups and an epsilon of 1e-6, as written by hand."""
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 6, 6, 8], name="x")
        y = tf.reshape(x, [-1, 6, 6, 2, 4])
        mean, variance = tf.nn.moments(y, [1, 2, 4], keepdims=True)
        y = tf.reshape((y - mean) * tf.math.rsqrt(variance + 1e-6), [-1, 6, 6, 8])
        tf.add(y * b.weight("gamma", 8), b.weight("beta", 8), name="z")
    return b.original(["x:0"], ["z:0"]), b.arrays


@pytest.mark.parametrize(
    ("groups", "epsilon", "status"),
    [(2, 1e-6, "passed"), (4, 1e-6, "failed"), (2, 1e-5, "failed"), (1, 1e-6, "failed")],
)
def test_groups(group_norm, groups, epsilon, status):
    original, arrays = group_norm
    x = keras.Input((6, 6, 8), name="x")
    model = keras.Model(x, layers.GroupNormalization(groups, epsilon=epsilon, name="n")(x))
    set_weights(model, {"n": [arrays["gamma"], arrays["beta"]]})
    statuses, proof = check(original, model)
    assert statuses[3] == status, proof.to_dict()


@pytest.mark.parametrize(("axis", "status"), [(1, "passed"), (2, "failed")])
def test_axis(axis, status):
    b = Builder()
    with b.graph.as_default():
        tf.nn.softmax(v1.placeholder("float32", [None, 5, 5], name="x"), axis=1, name="z")
    x = keras.Input((5, 5), name="x")
    assert check(b.original(["x:0"], ["z:0"]), keras.Model(x, layers.Softmax(axis)(x)))[0][3] == status


def test_a_model_that_only_traces_is_none():
    """The proof traces for speed, but its first call is a user's own `model(x)`."""

    class OnlyTraced(layers.Layer):
        def call(self, x):
            if tf.inside_function():
                return x
            raise TypeError("a number where Keras takes none")

    x = keras.Input((2,), name="x")
    report = {"inputs": [{"tensor": "x:0"}], "outputs": [{"tensor": "y:0"}]}
    with pytest.raises(OutputsDiffer, match="a number where Keras takes none"):
        Converted(keras.Model(x, OnlyTraced()(x)), report).run({"x:0": np.zeros((1, 2), "float32")})
