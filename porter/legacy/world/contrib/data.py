"""`tf.contrib.data`: today's `tf.data.experimental`."""

from __future__ import annotations

from typing import Any

import tensorflow.compat.v1 as tf

Dataset = tf.data.Dataset
Iterator = tf.data.Iterator
TFRecordDataset, TextLineDataset = tf.data.TFRecordDataset, tf.data.TextLineDataset


def batch_and_drop_remainder(batch_size: int) -> Any:
    """For `Dataset.apply`: batches, the last one only if it is whole."""
    return lambda dataset: dataset.batch(batch_size, drop_remainder=True)


def __getattr__(name: str) -> Any:
    """What else there is, under the names that stayed."""
    return getattr(tf.data.experimental, name)
