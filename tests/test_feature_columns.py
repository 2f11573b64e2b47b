"""Feature columns of tf.estimator: dense inputs for categorical features, told how to feed, and TensorFlow 1's numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from porter.convert import convert
from porter.emit.build import load_source
from porter.options import Options
from porter.read.feature_columns import dense_features

FIXTURE = Path(__file__).parents[1] / "fixtures" / "estimator_export"
COLORS = ["r", "g", "b"]
EXAMPLES = [("g", "oslo", [3]), ("", "", []), ("b grey", "rome bonn", [0, 4])]  # as make.py has them


def padded(rows):
    """Lists of numbers as an array, with -1 behind the shorter ones."""
    width = max(map(len, rows))
    return np.array([[*row, *[-1] * (width - len(row))] for row in rows], "int64")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The report of the converted model, and the model."""
    out = tmp_path_factory.mktemp("made") / "out"
    report = convert(FIXTURE / "export.tar.gz", out, Options(force=True)).report
    return report, load_source(out / "model.py").load_model()


def test_fed_as_the_report_says_it_answers_as_tensorflow_1(made):
    """One value, none and several: hashed, looked up, crossed and plain numbers, bucketized and numeric ones."""
    import tensorflow as tf

    report, model = made
    colors = tf.ragged.constant([each[0].split() for each in EXAMPLES]).to_sparse()
    cities = tf.ragged.constant([each[1].split() for each in EXAMPLES]).to_sparse()
    crossed = tf.sparse.cross_hashed([cities, colors], 7, 956888297470)
    fed = {
        "age": np.array([[0.5], [-1.0], [0.1]], "float32"),
        "height": np.array([[1.7], [2.5], [0.2]], "float32"),
        "city_X_color": tf.sparse.to_dense(crossed, -1).numpy(),
        "city": padded(
            [[int(tf.strings.to_hash_bucket_fast(city, 6)) for city in each[1].split()] for each in EXAMPLES]
        ),
        "color": padded([[COLORS.index(c) if c in COLORS else -1 for c in each[0].split()] for each in EXAMPLES]),
        "kind": padded([each[2] for each in EXAMPLES]),
    }
    told = {text.split(": ")[0].removeprefix("Feed "): text for text in report["warnings"] if text.startswith("Feed ")}
    assert "tf.sparse.cross_hashed([city, color], 7, 956888297470)" in told["city_X_color_ids:0"]
    assert "tf.strings.to_hash_bucket_fast(text, 6)" in told["city_ids:0"]
    assert "[r, g, b] (3 words), from 0; -1 for any other" in told["color_ids:0"]
    assert "kind as whole numbers [batch, n]: the number itself" in told["kind_ids:0"]
    inputs = []
    for row in report["inputs"]:
        key = row["tensor"].removesuffix("_ids:0")
        inputs.append(fed[key if key in fed else told[row["tensor"]].removesuffix(".").split()[-1]])
    with np.load(FIXTURE / "recorded.npz") as recorded:
        wanted = recorded["probabilities"]
    assert np.abs(np.asarray(model(inputs)) - wanted).max() < 1e-6 * 8


def test_it_is_proved_and_reads_as_layers(made):
    """No sparse tensor is left: tables are Embedding layers, and the proof ran."""
    report, _ = made
    assert {level["status"] for level in report["verified"]["levels"]} == {"passed"}
    classes = [row["class"] for row in report["layers"]]
    assert classes.count("Embedding") == 3
    assert not [each for each in classes if "Sparse" in each or "Unique" in each or "Segment" in each]


def test_what_is_no_feature_is_left_alone():
    """SparseToDense with another default, or of numbers that are computed, stays as it is."""
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        where = tf.compat.v1.placeholder(tf.int64, [None, 2], "where")
        numbers = tf.compat.v1.placeholder(tf.int64, [None], "numbers")
        for default in (-1, 0):
            tf.raw_ops.SparseToDense(
                sparse_indices=where, output_shape=tf.constant([2, 3], tf.int64), sparse_values=numbers,
                default_value=tf.constant(default, tf.int64),
            )  # fmt: skip
    found, explained = dense_features(graph.as_graph_def())
    assert found == graph.as_graph_def()
    assert explained == {}
