"""A program of its time that records its model with porter_capture.py: run under TensorFlow 1.15.5 and 1.4.1.

CUDA_VISIBLE_DEVICES= PYTHONPATH=../../porter/legacy python make.py FOLDER
"""

import sys

import numpy as np
import tensorflow as tf
from porter_capture import capture

np.random.seed(1)
tf.set_random_seed(1)
images = tf.placeholder(tf.float32, [None, 12, 12, 3], name="images")
labels = tf.placeholder(tf.int64, [None], name="labels")
training = tf.placeholder(tf.bool, [], name="training")
x = tf.layers.conv2d(images, 6, 3, padding="same", name="conv")
x = tf.nn.relu(tf.layers.batch_normalization(x, momentum=0.9, training=training, name="bn"))
x = tf.layers.max_pooling2d(x, 2, 2)
x = tf.layers.dropout(tf.reshape(x, [-1, 216]), 0.3, training=training)
logits = tf.layers.dense(x, 4, name="logits")
probabilities = tf.nn.softmax(logits, name="probabilities")
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    step = tf.train.GradientDescentOptimizer(0.05).minimize(loss)

with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for _ in range(10):
        data = np.random.rand(16, 12, 12, 3)
        session.run(step, {images: data, labels: data.sum((1, 2, 3)).astype(int) % 4, training: True})
    capture(session, outputs=[probabilities], directory=sys.argv[1])
