"""A tf.cond that takes a shortcut where a size is 1: the model goes the general way, and the proof tries that size."""

from __future__ import annotations

import lab
import pytest


def shortcut(single):
    def build(tf):
        x = tf.placeholder("float32", [None, None, 3], name="x")
        one = tf.equal(tf.shape(x)[1], 1)
        return tf.cond(one, lambda: single(tf, x), lambda: tf.cumsum(tf.reduce_sum(x, 2), 1))

    return build


def test_the_general_way_is_tried_at_the_size_of_the_shortcut():
    made = lab.convert_graph(shortcut(lambda tf, x: tf.expand_dims(tf.reduce_sum(tf.squeeze(x, [1]), 1), 1)))
    assert "squeeze" not in made.text
    proof = made.prove((3,))
    assert not lab.failures(proof)
    assert proof.proved
    made.close()


def test_a_shortcut_that_gives_something_else_is_found():
    made = lab.convert_graph(shortcut(lambda tf, x: tf.expand_dims(tf.reduce_max(tf.squeeze(x, [1]), 1), 1)))
    assert "normal, batch of 1" in lab.failures(made.prove((3,)))
    made.close()


@pytest.mark.parametrize("sliced", [lambda x: x[:, :1], lambda x: x[:, 1:2]])
def test_one_entry_of_an_unknown_axis_is_picked(sliced):
    made = lab.convert_graph(
        lambda tf: tf.squeeze(sliced(tf.placeholder("float32", [None, None, 3], name="x")), [1], name="y")
    )
    assert "squeeze" not in made.text
    assert not lab.failures(made.prove((1, 3)))
    made.close()
