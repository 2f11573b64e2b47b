"""`tf.contrib.signal`: today's `tf.signal`."""

from __future__ import annotations

from tensorflow.compat.v1.signal import *  # noqa: F403
