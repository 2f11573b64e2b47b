"""Axes and permutations that are fed: refused by name with what would fix them, taken from a default, or frozen."""

from __future__ import annotations

import pytest
from lab import convert, source_of

from porter.errors import Unsupported


def largest(tf):
    x, axis = tf.placeholder(tf.float32, [None, 4, 6], "x"), tf.placeholder(tf.int32, [], "axis")
    return tf.argmax(x, axis)


def picked(tf):
    x, axis = tf.placeholder(tf.float32, [None, 4, 6], "x"), tf.placeholder(tf.int32, [], "axis")
    return tf.gather(x, tf.placeholder(tf.int32, [2], "places"), axis=axis)


def turned(tf):
    return tf.transpose(tf.placeholder(tf.float32, [None, 4, 6], "x"), tf.placeholder(tf.int32, [3], "order"))


@pytest.mark.parametrize(("build", "name"), [(largest, "axis"), (picked, "axis"), (turned, "order")])
def test_what_sets_an_operation_is_named(build, name):
    with pytest.raises(Unsupported) as problem:
        convert(*source_of(build))
    assert f"--freeze {name}=…" in problem.value.todo


def test_a_default_is_taken():
    def build(tf):
        x, axis = tf.placeholder(tf.float32, [None, 4, 6], "x"), tf.placeholder_with_default(1, [], "axis")
        return tf.concat([x, tf.cumsum(x, axis)], axis)

    conversion = convert(*source_of(build))
    try:
        assert conversion.prove().proved
        assert [row["tensor"] for row in conversion.report["inputs"]] == ["x:0"]
    finally:
        conversion.close()


def test_sides_of_different_unknown_sizes_are_refused_by_name():
    def build(tf):
        x, y = tf.placeholder(tf.float32, [None, None], "x"), tf.placeholder(tf.float32, [None, None, 2], "y")
        return tf.cond(tf.reduce_sum(x) > 0, lambda: x, lambda: tf.concat([x, y[:, :, 0]], axis=1))

    with pytest.raises(Unsupported) as problem:
        convert(*source_of(build))
    assert "sizes that differ" in problem.value.why
