"""Keras files of the TensorFlow 1 and 2 era (`.h5`), read as what they describe: a TensorFlow 1 graph with weights.

The file's configuration is built, layer by layer, out of tf-keras' layers into a graph, just as Keras of that time
built one for a session; what comes after reading is the same as for a checkpoint: one way through, with the training
behaviour found in the graph and proved. Nothing in a file is executed: it is opened with h5py, its configuration is
JSON, classes and functions are looked up in lists of known names, and byte code is left alone. So a file that nobody
vouches for can do no more than describe layers.
"""

from porter.read.keras_file.source import is_keras_file, open_keras_file

__all__ = ["is_keras_file", "open_keras_file"]
