"""Writes a MetaGraph of a recurrent network that was unrolled step by step, with Adam's gradients: thousands of nodes.

    python unrolled_training_graph.py DIRECTORY STEPS      (TensorFlow 1.15)

`STEPS` of static_rnn over an LSTMCell, as character models of the time were built, are about 130 nodes each with their
gradients. Leaves `model.ckpt` with its `.meta` in DIRECTORY, and prints how many nodes it has.
"""

import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import tensorflow as tf  # noqa: E402

WIDTH, CLASSES = 16, 12


def build(steps):
    """An embedding, an unrolled LSTM, logits at each step, the loss and a training operation."""
    ids = tf.placeholder(tf.int32, [None, steps], "ids")
    labels = tf.placeholder(tf.int32, [None, steps], "labels")
    embedding = tf.get_variable("embedding", [CLASSES, WIDTH])
    inputs = tf.unstack(tf.nn.embedding_lookup(embedding, ids), steps, axis=1)
    outputs, _ = tf.nn.static_rnn(tf.nn.rnn_cell.LSTMCell(WIDTH), inputs, dtype=tf.float32)
    kernel, bias = tf.get_variable("kernel", [WIDTH, CLASSES]), tf.get_variable("bias", [CLASSES])
    logits = [tf.matmul(each, kernel) + bias for each in outputs]
    tf.nn.softmax(tf.stack(logits, axis=1), name="probabilities")
    losses = [
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels[:, step], logits=each)
        for step, each in enumerate(logits)
    ]
    tf.train.AdamOptimizer().minimize(tf.reduce_mean(tf.add_n(losses)))


def main():
    """Read the arguments, build and save."""
    directory, steps = Path(sys.argv[1]), int(sys.argv[2])
    directory.mkdir(parents=True, exist_ok=True)
    tf.set_random_seed(1)
    build(steps)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, str(directory / "model.ckpt"), write_state=False)
    print(len(tf.get_default_graph().get_operations()), "nodes")


if __name__ == "__main__":
    main()
