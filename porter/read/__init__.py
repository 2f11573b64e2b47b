"""Reading: from files to the part of a TensorFlow 1 graph that is converted.

`open_source` finds and parses what lies on disk, `make_original` chooses inputs and outputs, finds the knobs and cuts
the graph down, `inspect` tells people and programs what was found. TensorFlow is imported when one of them is called.
"""

from porter.read.checkpoint import object_based
from porter.read.inspect import inspect
from porter.read.keras_file import is_keras_file
from porter.read.original import make_original
from porter.read.source import open_graph, open_source, open_weights

__all__ = ["inspect", "is_keras_file", "make_original", "object_based", "open_graph", "open_source", "open_weights"]
