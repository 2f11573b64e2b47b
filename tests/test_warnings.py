"""Warnings that teach: what is easily overlooked in a model, told by `convert` and its report, and by `inspect`."""

from __future__ import annotations

import html
import json
from pathlib import Path

import numpy as np
import pytest
from lab import convert, convert_graph, source_of

from porter.convert import convert as convert_source
from porter.options import Options
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


TAUGHT = {
    "min_max_forms": (
        "the maximum is of the unshifted input",
        "features/Tanh:0: a constant input gives 0 / 0 = NaN",
        "taken over the whole batch, so that an answer depended on its neighbours",
    ),
    "norms_of_the_time": (
        "small_epsilon/FusedBatchNormV3, first_bn/batchnorm/add_1) still have mean 0 and variance 1",
    ),
    "batch_coupled": ("batch normalisation with training fixed to True",),
    "shared_siamese": ("moving averages of 8 weights; the weights themselves are converted",),
}


@pytest.mark.parametrize("name", TAUGHT)
def test_inspect_convert_and_report_tell(name, tmp_path):
    """Of models as TensorFlow 1 saved them: before anything is converted, while it is, and on the page; once each."""
    about = json.loads((FIXTURES / name / "fixture.json").read_text())
    source, options = FIXTURES / name / about["source"], Options(outputs=about["outputs"], verify=False)
    inspected = inspect(source, options)["warnings"]
    report = convert_source(source, tmp_path / "model", options).report
    page = html.unescape((tmp_path / "model" / "report.html").read_text())
    converted = report["warnings"] + [change["why"] for change in report["changes"]]
    for text in TAUGHT[name]:
        assert any(text in each for each in inspected), text
        assert any(text in each for each in converted), text
        assert text in page, text
    assert len(inspected) == len(set(inspected))
    assert len(report["warnings"]) == len(set(report["warnings"]))


def test_inspect_says_what_keeps_the_batch_coupled():
    warnings = inspect(FIXTURES / "seed_network" / "model.ckpt")["warnings"]
    assert any("taken over the whole batch" in text and "--exact keeps it" in text for text in warnings)


def test_unshifted_is_zero_on_constants_and_nan_on_zeros():
    """So the warning speaks of zeros."""
    found = convert_graph(unshifted)
    assert [text for text in found.report["warnings"] if "an input of zeros gives 0 / 0 = NaN" in text]
    for number, answer in ((2.0, 0.0), (0.0, np.nan)):
        x = np.full((2, 6), number, "float32")
        for got in (found.model(x), *found.reference.run({"x:0": x}).values()):
            np.testing.assert_array_equal(got, np.full((2, 6), answer))
    found.close()
