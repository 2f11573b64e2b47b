"""Ranks that are found from the rank before: products over one axis as TensorFlow 1.4 to 1.12 wrote `tf.tensordot`."""

from __future__ import annotations

import lab
import numpy as np
import pytest

from porter.errors import Unsupported


def tensordot(tf, a, b, axis=-1):
    """a [..., n, ...] with b [n, m] or [n] over `axis` of a, with nothing taken from a's static shape."""
    shape, rank = tf.shape(a), tf.rank(a)
    axes = tf.constant([axis], tf.int32)
    axes = tf.cast(axes >= 0, tf.int32) * axes + tf.cast(axes < 0, tf.int32) * (axes + rank)
    free, _ = tf.setdiff1d(tf.range(rank), axes)
    sizes = tf.gather(shape, free)
    rows = tf.stack([tf.reduce_prod(sizes), tf.reduce_prod(tf.gather(shape, axes))])
    flat = tf.reshape(tf.transpose(a, tf.concat([free, axes], 0)), rows)
    product = tf.matmul(flat, tf.reshape(b, [b.shape[0], -1]))
    return tf.reshape(product, tf.concat([sizes, np.array(b.shape[1:].as_list(), np.int32)], 0))


def pooled(tf):
    """Attention over steps, as many text classifiers pool what a recurrent network gave."""
    x = tf.placeholder("float32", [None, None, 6], name="x")
    w, u = tf.get_variable("w", [6, 4]), tf.get_variable("u", [4])
    weights = tf.nn.softmax(tensordot(tf, tf.tanh(tensordot(tf, x, w) + tf.get_variable("b", [4])), u))
    return tf.reduce_sum(x * tf.expand_dims(weights, -1), 1)


def other_axis(tf):
    return tensordot(tf, tf.placeholder("float32", [None, 5, 6], name="x"), tf.get_variable("w", [5, 4]), axis=1)


@pytest.mark.parametrize("build", [pooled, other_axis])
def test_a_tensordot_that_counts_its_axes_is_dense(build):
    made = lab.convert_graph(build)
    proof = made.prove()
    assert not lab.failures(proof)
    assert proof.proved
    assert "Dense" in made.classes
    assert "ListDifference" not in made.text
    made.close()


def repeated(step):
    """Three steps from x [?, ?, 6], of whose shape TensorFlow knows nothing inside the loop."""

    def build(tf):
        x = tf.placeholder("float32", [None, None, 6], name="x")
        shapes, w = [tf.TensorShape([]), tf.TensorShape(None)], tf.get_variable("w", [6, 6])
        return tf.while_loop(lambda i, _: i < 3, lambda i, h: (i + 1, step(tf, h, w)), [0, x], shapes)[1]

    return build


def test_a_rank_inside_a_loop_is_found():
    made = lab.convert_graph(repeated(lambda tf, h, w: tf.tanh(tensordot(tf, h, w))))
    assert not lab.failures(made.prove())
    made.close()


def test_a_loop_that_counts_the_axes_it_changes_is_refused():
    build = repeated(lambda tf, h, w: tf.reduce_sum(tensordot(tf, h, w), tf.range(tf.rank(h) - 2, tf.rank(h) - 1)))
    with pytest.raises(Unsupported, match="counts them") as refused:
        lab.convert_graph(build)
    assert "it has 3 before the first step, 2 after it" in str(refused.value)
