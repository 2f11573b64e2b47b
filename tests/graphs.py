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


def run(original, arrays, prefix=""):
    """The outputs of an original on recorded inputs, knobs at inference."""
    config = v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True  # it puts approximations in the place of gelu
    with tf.Graph().as_default() as graph, v1.Session(graph=graph, config=config) as session:
        tf.graph_util.import_graph_def(original.graph_def, name="")
        feed = {original.stands_for(name): arrays[f"in{prefix}:{name}"] for name in original.inputs}
        feed.update((original.stands_for(k.tensor), k.inference) for k in original.knobs if k.kind != "frozen")
        feed.update((f"{node}:0", original.load(node)) for node in original.variables)
        fetched = session.run([original.stands_for(name) for name in original.outputs], feed)
    return dict(zip(original.outputs, fetched, strict=True))
