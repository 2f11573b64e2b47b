"""`keras.engine`: what Keras 2 and older had in its private files, under which programs imported it."""

from __future__ import annotations

from tf_keras.api._v1.keras import Input, Model
from tf_keras.api._v1.keras.layers import InputLayer, InputSpec, Layer
from tf_keras.src.engine import base_layer, input_spec
from tf_keras.src.engine.functional import Functional as Network
