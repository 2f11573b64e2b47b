"""Rounding that the original is spared by luck is told from a difference, and a difference is still one."""

from __future__ import annotations

import lab
import numpy as np
import pytest

from porter.verify.beside import NEIGHBOURS, beside, rounded_as_beside
from porter.verify.compare import compare
from porter.verify.mutations import attributes


@pytest.fixture(scope="module")
def layer_norm():
    """By hand, right behind the input: the mean of ten equal numbers comes out exact, and Keras' sum of terms does not."""

    def build(tf):
        x = tf.placeholder(tf.float32, [None, 10], "x")
        gamma = tf.get_variable("gamma", [10], initializer=tf.ones_initializer())
        beta = tf.get_variable("beta", [10], initializer=tf.zeros_initializer())
        mean, variance = tf.nn.moments(x, [-1], keep_dims=True)
        return (x - mean) / tf.sqrt(variance + 1e-8) * gamma + beta

    found = lab.convert_graph(build)
    yield found
    found.close()


def test_a_layer_is_not_refused_for_a_rounding_that_the_original_is_spared(layer_norm):
    assert layer_norm.classes == ["LayerNormalization"]
    proof = layer_norm.prove((2, 3))
    assert not proof.failed, lab.failures(proof)
    assert proof.levels[1].status == "passed"
    x = {"x:0": np.full((2, 10), 0.7, "float32")}
    (want,) = layer_norm.reference.run(x).values()
    assert not compare(layer_norm.model(x["x:0"]), want).ok, "Keras rounds as the original does: nothing to tell apart"


@pytest.mark.parametrize("epsilon", [1e-7, 1e-9])
def test_another_epsilon_is_caught(layer_norm, epsilon):
    (layer,) = [each for each in layer_norm.model.layers if hasattr(each, "epsilon")]
    with attributes(layer, epsilon=epsilon):
        proof = layer_norm.prove((2, 3))
    assert [level.status for level in proof.levels] == ["failed", "failed"]


@pytest.mark.parametrize("kind", ["constant", "normal"])
def test_what_amplifies_nothing_is_given_nothing(kind):
    """A difference of 1e-4 of the value stays one, on constants too."""
    x = {"x": np.full(64, 0.7, "float32") if kind == "constant" else np.random.default_rng(1).normal(size=64)}
    x = {name: array.astype("float32") for name, array in x.items()}
    near = beside(x)
    assert 0 < np.abs(near["x"] - x["x"]).max() <= np.spacing(np.abs(x["x"]).max())

    def answer(array):
        return np.exp(array) + array / array.dtype.type(3)

    want = answer(x["x"])
    exact = rounded_as_beside(want, [(answer(near["x"]), answer(near["x"].astype("float64")))])
    assert compare(want, want, exact_run=exact).ok
    assert not compare(want * np.float32(1 + 1e-4), want, exact_run=exact).ok


def test_what_is_no_floating_point_number_is_left():
    words, counts = np.array(["a"]), np.arange(3)
    found = beside({"words": words, "counts": counts, "x": np.array([np.inf, np.nan, 1.0])})
    assert found["words"] is words
    assert found["counts"] is counts
    assert abs(found["x"][2] - 1) <= np.spacing(1.0)


def test_of_several_neighbours_the_one_that_is_rounded_most_tells():
    want = np.float32([1.0, 2.0])
    exact = np.array([1.5, 2.5])
    lucky, rough = (exact, exact), (exact + [0.0, 0.25], exact)
    assert np.array_equal(rounded_as_beside(want, [lucky, rough, lucky]), [1.0, 1.75])
    assert rounded_as_beside(want, [lucky, (None, exact)]) is None


def test_neighbours_differ_from_each_other():
    array = np.ones((50,), np.float32)
    moved = [beside({"x": array}, neighbour)["x"] for neighbour in NEIGHBOURS]
    assert len({each.tobytes() for each in moved}) == len(NEIGHBOURS)
    assert all(np.abs(each - array).max() == np.spacing(np.float32(1)) for each in moved)
