"""Wrappers around a layer, of Addons and of keras-contrib.

Source: tensorflow_addons/layers/wrappers.py, spectral_normalization.py; keras_contrib/wrappers/cdropout.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow.compat.v2 as tf
import tf_keras

from porter.addons.remembered import Remembered


class WeightNormalization(Remembered, tf_keras.layers.Wrapper):
    """kernel = g · v / ‖v‖, of a recurrent layer the recurrent kernel.

    With `data_init` the file also holds an unused copy of the layer's weights, in archives by the attribute's name.
    """

    def __init__(self, layer: Any, data_init: bool = True, **kwargs: Any):
        super().__init__(layer, **kwargs)
        self.data_init = data_init

    def build(self, input_shape: Any) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        self.holder = self.layer.cell if isinstance(self.layer, tf_keras.layers.RNN) else self.layer
        self.attribute = "recurrent_kernel" if self.holder is not self.layer else "kernel"
        kernel = getattr(self.holder, self.attribute)
        self.g = self.add_weight(name="g", shape=(kernel.shape[-1],), initializer="ones")
        self.v = kernel  # after g, as its place among the weights is
        self.add_weight(name="initialized", shape=(), dtype="bool", initializer="zeros", trainable=False)
        if self.data_init:
            copy = self._naked_clone_layer = type(self.layer).from_config(self.layer.get_config())
            copy.build(input_shape)
            copy.trainable = False
        self.built = True

    def call(self, inputs: Any, **kwargs: Any) -> Any:
        kernel = tf.nn.l2_normalize(self.v, axis=list(range(self.v.shape.rank - 1))) * self.g
        object.__setattr__(self.holder, self.attribute, kernel)
        try:
            return self.layer(inputs, **kwargs)
        finally:
            object.__setattr__(self.holder, self.attribute, self.v)

    def from_file(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """The arrays in the file, g set as the first call would have set it. Raises ValueError where data decides."""
        place = next(
            i for i, w in enumerate([*self.trainable_weights, *self.non_trainable_weights]) if w.dtype == "bool"
        )
        if len(arrays) <= place or arrays[place].all():
            return arrays
        if self.data_init:
            raise ValueError("the layer was saved before its first call, which sets its weights from the data it gets")
        v = arrays[1]
        return [np.sqrt((v**2).sum(axis=tuple(range(v.ndim - 1)))), *arrays[1:]]


class SpectralNormalization(Remembered, tf_keras.layers.Wrapper):
    """A step of training divides the kernel by its largest singular value and stores it; at inference it is there."""

    warning = "divided its kernel by the kernel's spectral norm in each step of training; the converted layer does not"

    def __init__(self, layer: Any, power_iterations: int = 1, **kwargs: Any):
        super().__init__(layer, **kwargs)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.w = self.layer.kernel if hasattr(self.layer, "kernel") else self.layer.embeddings
        self.add_weight(name="sn_u", shape=(1, self.w.shape[-1]), trainable=False)

    def call(self, inputs: Any) -> Any:
        return self.layer(inputs)


class ConcreteDropout(Remembered, tf_keras.layers.Wrapper):
    """keras-contrib's: in training it drops out at a rate that it learns; at inference it is the layer inside."""

    warning = "dropped out inputs in training, at a rate that it learned; the converted layer does not"

    def __init__(self, layer: Any, **kwargs: Any):
        learning = ("n_data", "length_scale", "model_precision", "prob_init", "temp", "seed")
        super().__init__(layer, **{key: value for key, value in kwargs.items() if key not in learning})

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.layer.add_weight(name="p_logit", shape=(1,))

    def call(self, inputs: Any) -> Any:
        return self.layer(inputs)
