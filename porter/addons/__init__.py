"""Layers of older versions of Keras, of TensorFlow Addons and of keras-contrib, rebuilt on tf-keras.

They have those packages' own formulas and weights, and serve as the original that a conversion is compared with; what
becomes of them in Keras 3 is up to the rules.
"""

from __future__ import annotations

from typing import Any

from porter.addons.older_keras import OlderUpSampling2D

ADDONS: dict[str, Any] = {}
CONTRIB: dict[str, Any] = {}
ACTIVATIONS: dict[str, Any] = {}
ADDED_ACTIVATIONS: dict[str, Any] = {}

__all__ = ["ACTIVATIONS", "ADDED_ACTIVATIONS", "ADDONS", "CONTRIB", "OlderUpSampling2D"]
