"""Heads that stand on the batch's axis, and masks that fill a tensor for the scores that are not to count."""

from __future__ import annotations

import pytest
from lab import canonical_graph, only, ops_of, proved


def heads_beside_each_other(tf, x, name, steps=None):
    """[batch, steps, 6] as [2 times batch, steps, 3]."""
    return tf.concat(tf.split(tf.layers.dense(x, 6, name=name), 2, axis=2), axis=0)


def attention(tf, scores_to=lambda tf, x, scores: scores, outputs=lambda seen, heads: [seen], steps=5):
    x = tf.placeholder(tf.float32, [None, steps, 4], "x")
    q, k, v = (heads_beside_each_other(tf, x, name) for name in "qkv")
    scores = scores_to(tf, x, tf.matmul(q, tf.transpose(k, [0, 2, 1])) / 3**0.5)
    seen = tf.matmul(tf.nn.softmax(scores), v)
    return outputs(tf.concat(tf.split(seen, 2, axis=0), axis=2), seen)


def masked_by_keys(tf, x, scores):
    keys = tf.tile(tf.sign(tf.abs(tf.reduce_sum(tf.nn.relu(x), axis=-1))), [2, 1])
    keys = tf.tile(tf.expand_dims(keys, 1), [1, tf.shape(x)[1], 1])
    return tf.where(tf.equal(keys, 0), tf.ones_like(scores) * (-(2.0**32) + 1), scores)


def masked_by_repeated_keys(tf, x, scores):
    keys = tf.cast(x[:, :, 0] > 0, tf.float32)
    keys = tf.tile(keys, [tf.shape(scores)[0] // tf.shape(keys)[0], 1])
    return scores + tf.expand_dims(keys, 1) * -1e9


def masked_by_order(tf, x, scores):
    before = tf.linalg.band_part(tf.ones_like(scores[0, :, :]), -1, 0)
    before = tf.tile(tf.expand_dims(before, 0), [tf.shape(scores)[0], 1, 1])
    return tf.where(tf.equal(before, 0), tf.ones_like(before) * -1e9, scores)


@pytest.mark.parametrize("steps", [5, None])
@pytest.mark.parametrize("masked", [masked_by_keys, masked_by_repeated_keys, masked_by_order])
def test_heads_get_an_axis_of_their_own(masked, steps):
    found = ops_of(canonical_graph(lambda tf: attention(tf, masked, steps=steps)))
    assert "Split" not in found
    assert "ConcatV2" not in found
    assert found["Transpose"] == 4


def test_samples_stay_apart():
    def build(tf):
        def masked(tf, x, scores):
            return masked_by_order(tf, x, masked_by_repeated_keys(tf, x, masked_by_keys(tf, x, scores)))

        return attention(tf, masked)

    conversion = proved(build)
    assert "ops.split" not in conversion.source
    assert "ones" not in conversion.source


def test_rows_that_are_used_otherwise_stay():
    found = ops_of(canonical_graph(lambda tf: attention(tf, outputs=lambda seen, heads: [seen, heads])))
    assert found["Split"] == 4


def test_what_does_not_treat_rows_alone_stays():
    def across(tf, x, scores):
        return scores - tf.reduce_max(scores, axis=0, keepdims=True)

    assert ops_of(canonical_graph(lambda tf: attention(tf, across)))["Split"] == 4


@pytest.mark.parametrize("mask", [[None, 4], [None]], ids=["entries", "rows"])
def test_a_number_in_the_place_of_a_filled_tensor(mask):
    def build(tf):
        x, seen = tf.placeholder(tf.float32, [None, 4], "x"), tf.placeholder(tf.float32, mask, "seen")
        return tf.raw_ops.Select(condition=seen > 0, x=x, y=tf.ones_like(x) * -7.0)

    found = ops_of(canonical_graph(build))
    assert found.get("SelectV2", 0) == (len(mask) == 2), "a vector chooses rows, and stays"
    proved(build)


# --- Products with weights of three axes, as tf.einsum of TensorFlow 1 wrote them --------------------------------


def to_heads(tf, x, kernel, bias):
    """einsum("bth,hnd->btnd", x, kernel) + bias, in TensorFlow 1's steps. kernel: [6, 2, 3]."""
    matrix = tf.reshape(tf.transpose(kernel, [0, 2, 1]), [6, 6])
    product = tf.matmul(tf.reshape(x, [-1, 6]), matrix)
    return tf.transpose(tf.reshape(product, [-1, 5, 3, 2]), [0, 1, 3, 2]) + bias


def from_heads(tf, x, kernel, bias):
    """einsum("btnd,ndh->bth", x, kernel) + bias. kernel: [2, 3, 4]."""
    matrix = tf.reshape(tf.transpose(kernel, [1, 0, 2]), [6, 4])
    product = tf.matmul(tf.reshape(tf.transpose(x, [0, 1, 3, 2]), [-1, 6]), matrix)
    return tf.reshape(product, [-1, 5, 4]) + bias


def einsums(tf, apart, other=False):
    def weight(name, shape, flat):
        return tf.get_variable(name, shape) if apart else tf.reshape(tf.get_variable(name, flat), shape)

    x = tf.placeholder(tf.float32, [None, 5, 6], "x")
    heads = to_heads(tf, x, weight("k1", [6, 2, 3], [6, 6]), weight("b1", [2, 3], [6]))
    if other:
        heads = tf.transpose(tf.reshape(heads, [-1, 5, 3, 2]), [0, 1, 3, 2])
    return from_heads(tf, heads, weight("k2", [2, 3, 4], [6, 4]), tf.get_variable("b2", [4]))


@pytest.mark.parametrize("apart", [False, True], ids=["matrices", "three axes"])
def test_a_product_that_einsum_took_apart(apart):
    conversion = proved(lambda tf: einsums(tf, apart))
    assert conversion.classes.count("Dense") == 2 * (not apart)
    assert conversion.classes.count("EinsumDense") == 2 * apart
    assert "ops.transpose" not in conversion.source


def test_transposes_that_do_not_undo_each_other_stay():
    def build(tf):
        x = tf.placeholder(tf.float32, [None, 5, 6], "x")
        product = tf.matmul(x, tf.get_variable("k", [6, 6]))
        return tf.transpose(tf.reshape(product, [-1, 5, 3, 2]), [0, 1, 3, 2])

    assert only(canonical_graph(build), "Transpose").attrs["perm"] == (0, 1, 3, 2)
    proved(lambda tf: einsums(tf, apart=True, other=True))
