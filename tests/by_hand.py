"""Models and originals made by hand, with a report, for tests of the proof."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from porter.read.model import Original, Variable
from porter.verify.prove import prove

v1 = tf.compat.v1


class Builder:
    """Builds an `Original` by hand: weights are placeholders, as reading leaves them."""

    def __init__(self, seed=0):
        self.graph, self.random, self.arrays = tf.Graph(), np.random.default_rng(seed), {}

    def weight(self, name, *shape, positive=False):
        array = self.random.normal(size=shape).astype("float32")
        self.arrays[name] = np.abs(array) + 0.1 if positive else array
        return v1.placeholder("float32", shape, name=name)

    def original(self, inputs, outputs, knobs=()):
        variables = {name: Variable(name, name, array.shape, "float32") for name, array in self.arrays.items()}
        stored = {name: (array.shape, "float32") for name, array in self.arrays.items()}
        return Original(
            source=SimpleNamespace(stored=stored),
            graph_def=self.graph.as_graph_def(),
            inputs=inputs,
            outputs=outputs,
            knobs=list(knobs),
            variables=variables,
            load=self.arrays.__getitem__,
        )


def report_of(model, inputs, outputs, **more):
    def items(tensors, names):
        return [
            {"tensor": name, "keras": tensor.name, "shape": list(tensor.shape), "dtype": tensor.dtype}
            for tensor, name in zip(tensors, names, strict=True)
        ]

    return {
        "inputs": items(model.inputs, inputs),
        "outputs": items(keras.tree.flatten(model.outputs), outputs),
        "layers": [],
        "weights": {"copied": [], "left": []},
        **more,
    }


def check(original, model, levels=(1, 3, 4), more=None, **options):
    """Prove, and give the statuses by level with the proof."""
    report = report_of(model, original.inputs, original.outputs, **(more or {}))
    proof = prove(original, model, report, levels=levels, **options)
    return {level.level: level.status for level in proof.levels}, proof


def set_weights(model, arrays):
    """Give each layer its arrays, by layer name."""
    for name, values in arrays.items():
        model.get_layer(name).set_weights(values)
    return model


def small_network():
    """Convolution, batch normalisation, dropout and dense: the original by hand, and its arrays."""
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 8, 8, 3], name="x")
        y = tf.nn.conv2d(x, b.weight("conv/kernel", 2, 2, 3, 6), strides=2, padding="SAME")
        y = tf.nn.bias_add(y, b.weight("conv/bias", 6))
        y = v1.nn.fused_batch_norm(
            y,
            b.weight("bn/gamma", 6),
            b.weight("bn/beta", 6),
            b.weight("bn/mean", 6),
            b.weight("bn/variance", 6, positive=True),
            epsilon=1e-3,
            is_training=False,
        )[0]
        y = tf.nn.relu(y)
        y = tf.reduce_mean(y, [1, 2])
        y = tf.matmul(y, b.weight("dense/kernel", 6, 6)) + b.weight("dense/bias", 6)
        tf.nn.softmax(y, name="z")
    return b.original(["x:0"], ["z:0"]), b.arrays


def keras_network(arrays, *, epsilon=1e-3, padding="same", activation="relu", axis=-1, swap=False, transpose=False):
    x = keras.Input((8, 8, 3), name="x")
    y = layers.Conv2D(6, 2, strides=2, padding=padding, name="conv")(x)
    y = layers.BatchNormalization(epsilon=epsilon, name="bn")(y)
    y = layers.Activation(activation, name="act")(y)
    y = layers.GlobalAveragePooling2D(name="pool")(y)
    y = layers.Dense(6, name="dense")(y)
    model = keras.Model(x, layers.Softmax(axis=axis, name="z")(y))
    gamma, beta = arrays["bn/gamma"], arrays["bn/beta"]
    kernel = arrays["dense/kernel"]
    return set_weights(
        model,
        {
            "conv": [arrays["conv/kernel"], arrays["conv/bias"]],
            "bn": [*((beta, gamma) if swap else (gamma, beta)), arrays["bn/mean"], arrays["bn/variance"]],
            "dense": [kernel.T if transpose else kernel, arrays["dense/bias"]],
        },
    )
