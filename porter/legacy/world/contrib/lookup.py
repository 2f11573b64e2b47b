"""`tf.contrib.lookup`."""

from __future__ import annotations

from tensorflow.python.ops.lookup_ops import *  # noqa: F403
