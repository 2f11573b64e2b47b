"""A normalisation by hand as layer, as operations, as Lambda: three ways to write the same numbers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from lab import convert_graph, failures

import porter.layers
from porter.errors import UsageError

LAYERS = {"MinMaxNormalization", "L1Normalization", "L2Normalization", "StandardScore"}


def by_hand(tf):
    """Min-max, division by both norms, and a z-score with its epsilon beside the deviation."""
    x = tf.placeholder(tf.float32, [None, 4, 5], "x")
    shifted = x - tf.reduce_min(x, [1, 2], keepdims=True)
    scaled = shifted / tf.maximum(tf.reduce_max(shifted, [1, 2], keepdims=True), 1e-6)
    share = x / (tf.reduce_sum(tf.abs(x), -1, keepdims=True) + 1e-3)
    score = (x - tf.reduce_mean(x, 1, keepdims=True)) / (tf.math.reduce_std(x, 1, keepdims=True) + 1e-3)
    return scaled, share, tf.nn.l2_normalize(x, 1), score


@pytest.mark.parametrize("form", ["layer", "ops", "lambda"])
def test_forms(form, tmp_path):
    """Each is proved at the same levels, and opens again with safe_mode on."""
    found = convert_graph(by_hand, normalisation=form)
    proof = found.prove((0, 1, 2, 3, 4))
    assert not proof.failed, f"{failures(proof)}\n{found.text}"
    assert proof.proved
    assert set(found.classes) & {*LAYERS, "Lambda"} == {"layer": LAYERS, "ops": set(), "lambda": {"Lambda"}}[form]
    found.model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    (given,), answers = found.case()
    for got, want in zip(again(given), answers, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)
    found.close()


def test_the_whole_batch_as_operations_is_made_safe_too():
    found = convert_graph(
        lambda tf: tf.nn.l2_normalize(tf.placeholder(tf.float32, [None, 6], "x")), normalisation="ops"
    )
    proof = found.prove()
    assert not proof.failed, failures(proof)
    assert found.report["changes"]
    assert not LAYERS & set(found.classes)
    found.close()


@pytest.mark.parametrize(
    ("layer", "function", "guards"),
    [
        ("MinMaxNormalization", "min_max_normalized", ("added", "floor", "zero")),
        ("L1Normalization", "l1_normalized", ("norm", "floor")),
        ("L2Normalization", "l2_normalized", ("squares", "sum", "floor", "norm")),
        ("StandardScore", "standard_scored", ("variance", "deviation", "floor")),
    ],
)
def test_functions_compute_what_their_layers_do(layer, function, guards):
    x = np.random.default_rng(3).normal(size=(3, 4, 5)).astype("float32")
    for guard in guards:
        for axis in (-1, (1, 2)):
            want = getattr(porter.layers, layer)(axis=axis, epsilon=0.5, guard=guard)(x)
            got = getattr(porter.layers, function)(keras.ops.convert_to_tensor(x), axis, 0.5, guard)
            np.testing.assert_array_equal(np.asarray(got), np.asarray(want), err_msg=f"{guard} {axis}")


def test_an_unknown_form_is_refused():
    with pytest.raises(UsageError, match="cannot be written as prose"):
        convert_graph(by_hand, normalisation="prose")
