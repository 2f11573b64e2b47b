"""Small graphs as TensorFlow 1 would have written them, and what is read from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from porter.read import make_original
from porter.read.model import Original, Source

v1 = tf.compat.v1


def frozen(graph, **kwargs) -> Original:
    """The original of a graph that holds its weights as constants."""
    source = Source(Path("graph.pb"), "frozen graph", [], graph.as_graph_def())
    return make_original(source, **kwargs)


def trained(graph, outputs=None) -> Original:
    """The original of a graph with variables, all of ones."""
    stored = {v.op.name: (tuple(v.shape.as_list()), v.dtype.base_dtype.name) for v in v1.global_variables()}
    names = {"trainable_variables": [v.name for v in v1.trainable_variables()]}
    source = Source(Path("model"), "checkpoint", [], graph.as_graph_def(), collections=names, stored=stored)
    source.load = lambda name: np.ones(*stored[name])
    return make_original(source, outputs=outputs)


def weight(*shape):
    return tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)


def variable(name, *shape, **kwargs):
    return v1.get_variable(name, shape, use_resource=False, **kwargs)
