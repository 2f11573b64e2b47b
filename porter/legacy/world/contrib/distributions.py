"""`tf.contrib.distributions`: those that TensorFlow itself has kept."""

from __future__ import annotations

import tensorflow.compat.v1 as tf
from tensorflow.python.ops.distributions.distributions import *  # noqa: F403

softplus_inverse = lambda x, name=None: tf.log(tf.expm1(x), name=name)  # noqa: E731
