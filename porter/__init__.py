"""Turns a TensorFlow 1 model into the Keras 3 model that a good engineer would have written by hand."""

__version__ = "0.1.0"
