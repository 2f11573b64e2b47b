"""`tf.contrib.util`."""

from __future__ import annotations

import tensorflow.compat.v1 as tf
from tensorflow.python.framework.tensor_util import constant_value

make_ndarray, make_tensor_proto = tf.make_ndarray, tf.make_tensor_proto
