"""Beam searches whose first step looks at the first beam alone, as TensorFlow 1.2 to 1.4 wrote them."""

from __future__ import annotations

import lab
import pytest


def search(look_at, count=3, beams=3, words=5):
    """Three steps, each of which takes the best of x [batch, beams, words] and what they came to before."""

    def build(tf):
        x = tf.placeholder("float32", [None, beams, words], name="x")
        rows = tf.shape(x)[0]

        def step(i, total, places):
            scores = x + tf.expand_dims(total, 2)
            flat = tf.cond(i > 0, lambda: tf.reshape(scores, [rows, -1]), lambda: look_at(scores))
            first, later = tf.reduce_prod(tf.shape(scores)[2:]), tf.reduce_prod(tf.shape(scores)[1:])
            found, at = tf.nn.top_k(flat, tf.minimum(count, tf.cond(i > 0, lambda: later, lambda: first)))
            return i + 1, tf.reshape(found, [-1, beams]), places * words * beams + tf.reshape(at, [-1, beams])

        start = [0, tf.zeros([rows, beams]), tf.zeros([rows, beams], tf.int32)]
        return tf.while_loop(lambda i, *_: i < 3, step, start)[1:]

    return build


@pytest.mark.parametrize("look_at", [lambda scores: scores[:, 0], lambda scores: scores[:, 0, :]])
def test_the_first_step_sees_the_first_beam(look_at):
    made = lab.convert_graph(search(look_at))
    assert 'float("-inf")' in made.text
    proof = made.prove()
    assert not lab.failures(proof)
    assert proof.proved
    made.close()


@pytest.mark.parametrize(
    "build",
    [
        search(lambda scores: scores[:, 1]),  # places in the second beam are others in all beams
        search(lambda scores: scores[:, 0], count=4, beams=4, words=3),  # more than a beam has
    ],
)
def test_another_part_is_not_hidden(build):
    found = lab.canonical_graph(build)
    (body,) = [node.attrs["body"] for node in found if node.op == "While"]
    assert [node.op for node in body if node.out.rank == 2 and node.op in ("Cond", "SelectV2")] == ["Cond"]
