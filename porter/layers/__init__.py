"""Keras 3 layers for what TensorFlow 1 code did and Keras has no layer for. They need keras alone."""

from porter.layers.min_max_normalization import MinMaxNormalization
from porter.layers.parameter import Parameter

__all__ = ["MinMaxNormalization", "Parameter"]
