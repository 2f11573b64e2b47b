"""`tf.contrib.learn`: its data sets. Its estimators are not here."""

from __future__ import annotations

from porter.legacy.world import examples as datasets
