"""Loops in the canonical form; no answer changes."""

from __future__ import annotations

import pytest
from lab import canonical_graph, data, only, ops_of, proved

# --- Loops -----------------------------------------------------------------------------------------------------


def test_a_loop_becomes_one_node():
    def build(tf):
        x = data(tf)
        return tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2.0), [0, x])[1]

    graph = canonical_graph(build)
    loop = only(graph, "While")
    assert loop.attrs["count"] == 2
    assert "Mul" in ops_of(loop.attrs["body"])
    assert "Less" in ops_of(loop.attrs["cond"])
    assert not {"Enter", "Exit", "Merge", "Switch", "NextIteration", "LoopCond"} & ops_of(graph).keys()


def _pictures_resized(tf, x):
    """As the Object Detection API prepares pictures: one by one, and what comes out is convolved."""
    pictures = tf.reshape(x, [-1, 2, 2, 1]) * tf.ones([1, 1, 1, 3])
    resized = tf.map_fn(lambda each: tf.image.resize_images(each, [6, 6]), pictures)
    return tf.nn.conv2d(2.0 * resized - 1.0, tf.get_variable("w", [3, 3, 3, 2]), 1, "SAME")


def _boxes_chosen(tf, x):
    """Non-max suppression picture by picture, padded to a fixed number of boxes."""

    def chosen(each):
        boxes = tf.concat([tf.reshape(each, [-1, 2]), tf.reshape(each, [-1, 2]) + 1.0], 1)
        scores = tf.sigmoid(boxes[:, 0])
        kept = tf.image.non_max_suppression(boxes, scores, tf.minimum(3, tf.shape(boxes)[0]), 0.3)
        best, order = tf.math.top_k(tf.gather(scores, kept), tf.size(kept))
        boxes = tf.gather(tf.gather(boxes, kept), order)
        missing = 3 - tf.shape(boxes)[0]
        boxes = tf.ensure_shape(tf.pad(boxes, [[0, missing], [0, 0]]), [3, 4])
        return boxes, tf.ensure_shape(tf.pad(best, [[0, missing]]), [3])

    return tf.map_fn(chosen, x, dtype=(tf.float32, tf.float32))


LOOPS = {
    "pictures are resized": _pictures_resized,
    "boxes are chosen": _boxes_chosen,
    "counting": lambda tf, x: tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2.0), [0, x])[1],
    "until the data say so": lambda tf, x: tf.while_loop(
        lambda x: tf.reduce_sum(tf.abs(x)) < 100.0, lambda x: x * 2.0 + 1.0, [x]
    ),
    "with what does not change": lambda tf, x: tf.while_loop(
        lambda i, y: i < 3, lambda i, y: (i + 1, y + tf.tanh(x)), [0, tf.zeros_like(x)]
    )[1],
    "with a weight": lambda tf, x: tf.while_loop(
        lambda i, y: i < 3, lambda i, y: (i + 1, tf.matmul(y, tf.get_variable("w", [4, 4]))), [0, x]
    )[1],
    "a variable that only the loop sees": lambda tf, x: tf.while_loop(
        lambda i, y: i < tf.shape(x)[1], lambda i, y: (i + 1, y + tf.cast(i, tf.float32)), [0, x]
    )[1],
    "rows that get longer": lambda tf, x: tf.while_loop(
        lambda i, y: i < 3,
        lambda i, y: (i + 1, tf.concat([y, y[:, -1:] * tf.cast(tf.shape(y)[1], tf.float32)], 1)),
        [0, x],
        [tf.TensorShape([]), tf.TensorShape([None, None])],
    )[1],
    "in a loop": lambda tf, x: tf.while_loop(
        lambda i, y: i < 2,
        lambda i, y: (i + 1, tf.while_loop(lambda j, z: j < 3, lambda j, z: (j + 1, z + x), [0, y * 0.5])[1]),
        [0, x],
    )[1],
    "a cond in a loop": lambda tf, x: tf.while_loop(
        lambda i, y: i < 4, lambda i, y: (i + 1, tf.cond(i > 1, lambda: y * 2.0, lambda: y - 1.0)), [0, x]
    )[1],
    "a loop in a cond": lambda tf, x: tf.cond(
        tf.reduce_sum(x) > 0.0,
        lambda: tf.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, y * 3.0), [0, x])[1],
        lambda: x,
    ),
    "two after another": lambda tf, x: tf.while_loop(
        lambda i, y: i < 2,
        lambda i, y: (i + 1, y * 3.0),
        [0, tf.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, y + 1.0), [0, x])[1]],
    )[1],
    "one around another that its condition needs": lambda tf, x: tf.while_loop(
        lambda x, y: tf.reduce_mean(x) < tf.reduce_mean(y),
        lambda x, y: (
            tf.while_loop(lambda x: 2 * tf.reduce_mean(x) < tf.reduce_mean(x + 2), lambda x: x + 1, [x]) + 2,
            y,
        ),
        [x, x + 10.0],
    )[0],
    "map_fn": lambda tf, x: tf.map_fn(lambda row: tf.nn.softmax(row) * 2.0, x),
    "map_fn over single numbers": lambda tf, x: tf.map_fn(lambda each: tf.nn.relu(each) + 1.0, x[:, 0]),
    "scan": lambda tf, x: tf.scan(lambda sum_, row: sum_ + row, tf.transpose(x)),
    "an array of known size": lambda tf, x: tf.while_loop(
        lambda i, array: i < 4,
        lambda i, array: (i + 1, array.write(i, x[:, 0] * tf.cast(i, tf.float32))),
        [0, tf.TensorArray(tf.float32, 4)],
    )[1].stack(),
}


@pytest.mark.parametrize("title", LOOPS)
def test_loops_compute_the_same(title):
    proved(lambda tf: LOOPS[title](tf, data(tf)))
