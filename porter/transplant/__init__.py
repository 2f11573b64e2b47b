"""Weights of a TensorFlow 1 checkpoint into a Keras 3 model that someone has already written.

Where the graph is there, the checkpoint is converted first: its weights then are in Keras' layout, and two Keras models
are matched layer by layer. A bare checkpoint is matched by the names, shapes and numbering of its variables.
"""

from porter.transplant.pipeline import Transplanted, transplant

__all__ = ["Transplanted", "transplant"]
