"""`tf.contrib.learn`: its data sets, and the names of its modes. Its estimators are not here."""

from __future__ import annotations

from porter.legacy.world import examples as datasets
from porter.legacy.world.estimator import RunConfig


class ModeKeys:
    """What a graph is built for."""

    TRAIN, EVAL, INFER = "train", "eval", "infer"
