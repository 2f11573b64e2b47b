"""Whole numbers that hang on a rounding: excused where a rounding explains them, and only there."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from porter.verify.close_calls import excused
from porter.verify.compare import Tolerance, compare

v1 = tf.compat.v1


class Original:
    """A reference of one output, computed from x:0."""

    original = SimpleNamespace(lift=None)

    def __init__(self, build):
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.x = v1.placeholder("float32", None, "x")
            self.output = build(self.x)

    def tensor(self, name):
        return self.output

    def fetch(self, fetches, feeds, precision):
        with v1.Session(graph=self.graph) as session:
            return session.run(fetches, {self.x: feeds["x:0"]})


def outcome(build, x, got, tolerance=None):
    reference = Original(build)
    feeds = {"x:0": np.asarray(x, "float32")}
    want = reference.fetch(reference.output, feeds, "float32")
    got, tolerance = np.asarray(got, want.dtype).reshape(want.shape), tolerance or Tolerance()
    failed = compare(got, want, tolerance)
    assert not failed.ok
    return excused(failed, got, want, reference, feeds, "y:0", tolerance)


SPREAD = np.linspace(0, 100, 1001)


@pytest.mark.parametrize(
    ("build", "at", "near"),
    [
        (lambda x: tf.cast(x, "uint8"), 50, 49.9999),
        (lambda x: tf.reshape(tf.cast(x, "int32"), [19, -1]), 50, 49.9999),
        (lambda x: tf.cast(tf.round(x), "int32"), 51, 50.4999),
        (lambda x: tf.greater(x, 50.0), True, 49.9999),
        (lambda x: tf.cast(tf.less_equal(x, 50.0), "int64"), 0, 49.9999),
    ],
)
def test_a_number_one_rounding_away_is_excused(build, at, near):
    x = np.append(SPREAD, [near] * 6)
    reference = Original(build)
    got = reference.fetch(reference.output, {"x:0": x.astype("float32")}, "float32").copy()
    shape, got = got.shape, got.reshape(-1)
    got[-1] = at
    assert outcome(build, x, got.reshape(shape)).clause == "tolerance"
    got[3] = at  # of 0.3 nothing of the kind can come
    assert not outcome(build, x, got.reshape(shape)).ok


def test_either_of_two_that_are_all_but_equal_may_be_the_largest():
    scores = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
    scores[7] = [1.0, 3.0, 2.9999999, 0.0]
    scores[8] = [1.0, 3.0, 2.99, 0.0]
    want = scores.argmax(1)
    got = want.copy()
    got[7] = 2
    assert outcome(lambda x: tf.argmax(x, 1), scores, got).ok
    got[8] = 2
    assert not outcome(lambda x: tf.argmax(x, 1), scores, got).ok
    got[8], got[9] = want[8], -1
    assert not outcome(lambda x: tf.argmax(x, 1), scores, got).ok


def test_a_strict_tolerance_excuses_less():
    x = np.append(SPREAD, 49.9995)
    got = np.append(np.trunc(SPREAD.astype("float32")), 50)
    assert outcome(lambda x: tf.cast(x, "int32"), x, got).ok
    assert not outcome(lambda x: tf.cast(x, "int32"), x, got, Tolerance(1e-6, False)).ok


def test_where_much_hangs_on_a_rounding_nothing_is_decided():
    scores = np.ones((5, 3)) + np.random.default_rng(0).normal(size=(5, 3)) * 1e-7
    scores = np.append(scores, [[0, 1, 2]], 0)
    got = np.append((scores[:5].astype("float32").argmax(1) + 1) % 3, 2)
    found = outcome(lambda x: tf.argmax(x, 1), scores, got)
    assert found.ok
    assert not found.decided


def test_integers_that_nothing_was_cut_down_to_are_not_excused():
    assert not outcome(lambda x: tf.shape(x), np.zeros((2, 3)), [2, 4]).ok
