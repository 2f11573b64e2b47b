"""Group and instance normalisations. There are several of each name, and they compute different things.

Source: tensorflow_addons/layers/normalizations.py of 0.6 and of 0.7 and later; keras_contrib/layers/normalization.
"""

from __future__ import annotations

from typing import Any

import tensorflow.compat.v2 as tf
import tf_keras

from porter.addons.remembered import Remembered


class _Scaled(Remembered, tf_keras.layers.Layer):
    """Has gamma and beta for one axis, or one number of each for all (axis None)."""

    def __init__(self, axis: int | None, epsilon: float, center: bool, scale: bool, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis, self.epsilon, self.center, self.scale = axis, epsilon, center, scale
        self.gamma = self.beta = None

    def build(self, input_shape: Any) -> None:
        size = 1 if self.axis is None else input_shape[self.axis]
        if self.scale:
            self.gamma = self.add_weight(name="gamma", shape=(size,), initializer="ones")
        if self.center:
            self.beta = self.add_weight(name="beta", shape=(size,), initializer="zeros")
        super().build(input_shape)

    def scaled(self, x: Any, shape: list[int]) -> Any:
        """x with gamma and beta, these in `shape`."""
        if self.gamma is not None:
            x = x * tf.reshape(self.gamma, shape)
        return x if self.beta is None else x + tf.reshape(self.beta, shape)


class GroupNormalization(_Scaled):
    """Addons from 0.7 on: groups are neighbouring channels, as in the paper. groups -1: each channel by itself."""

    def __init__(
        self, groups: int = 32, axis: int = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(axis, epsilon, center, scale, **kwargs)
        self.groups = groups

    def call(self, inputs: Any) -> Any:
        rank = inputs.shape.rank
        assert self.axis is not None
        axis = self.axis % rank
        size = inputs.shape[axis]
        groups = size if self.groups == -1 else self.groups
        sizes = [tf.shape(inputs)[i] if n is None else n for i, n in enumerate(inputs.shape)]
        x = tf.reshape(inputs, [*sizes[:axis], groups, size // groups, *sizes[axis + 1 :]])
        reduced = [i for i in range(1, rank + 1) if i != axis]
        mean, variance = tf.nn.moments(x, reduced, keepdims=True)
        x = (x - mean) * tf.math.rsqrt(variance + self.epsilon)
        shape = [1] * rank
        shape[axis] = size
        return self.scaled(tf.reshape(x, sizes), shape)


class AddonsInstanceNormalization(GroupNormalization):
    """Each channel by itself. The file says `groups` too: how many channels there were."""

    def __init__(self, groups: int = -1, **kwargs: Any):
        super().__init__(groups=-1, **kwargs)


class OlderGroupNormalization(_Scaled):
    """keras-contrib's, and Addons' before 0.7: the tensor is cut into groups along its first axis as it lies in memory.

    With channels last a group so is a band of rows, not of channels. The new axis stands behind the batch.
    """

    def __init__(
        self, groups: int = 32, axis: int = -1, epsilon: float = 1e-5, center: bool = True, scale: bool = True,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(axis, epsilon, center, scale, **kwargs)
        self.groups = groups

    def call(self, inputs: Any) -> Any:
        assert self.axis is not None
        rank = inputs.shape.rank
        size = inputs.shape[self.axis]
        groups = size if self.groups == -1 else self.groups
        sizes = [tf.shape(inputs)[i] if n is None else n for i, n in enumerate(inputs.shape)]
        cut = list(sizes)
        cut[self.axis] = size // groups
        cut.insert(1, groups)
        x = tf.reshape(inputs, cut)
        mean, variance = tf.nn.moments(x, list(range(2, rank + 1)), keepdims=True)
        x = (x - mean) / tf.sqrt(variance + self.epsilon)
        shape = [1] * rank
        shape[self.axis] = size // groups
        shape.insert(1, groups)
        return tf.reshape(self.scaled(x, shape), sizes)


class InstanceNormalization(_Scaled):
    """keras-contrib's: divides by the standard deviation plus epsilon; without an axis, over all of a sample."""

    def __init__(
        self, axis: int | None = None, epsilon: float = 1e-3, center: bool = True, scale: bool = True, **kwargs: Any
    ):
        super().__init__(axis, epsilon, center, scale, **kwargs)

    def call(self, inputs: Any) -> Any:
        rank = inputs.shape.rank
        kept = [] if self.axis is None else [self.axis % rank]
        reduced = [axis for axis in range(1, rank) if axis not in kept]
        mean = tf.reduce_mean(inputs, reduced, keepdims=True)
        deviation = tf.math.reduce_std(inputs, reduced, keepdims=True) + self.epsilon
        shape = [inputs.shape[axis] if axis in kept else 1 for axis in range(rank)]
        return self.scaled((inputs - mean) / deviation, shape)


class FilterResponseNormalization(Remembered, tf_keras.layers.Layer):
    """Addons': x / sqrt(mean x² + |epsilon|) over rows and columns, with an epsilon that may be learned."""

    def __init__(self, epsilon: float = 1e-6, axis: Any = (1, 2), learned_epsilon: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.epsilon, self.axis = float(epsilon), list(axis)
        self.eps_learned = self.add_weight(name="learned_epsilon", shape=(1,)) if learned_epsilon else None

    def build(self, input_shape: Any) -> None:
        shape = (1, 1, 1, input_shape[-1])
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        epsilon: Any = abs(self.epsilon)
        if self.eps_learned is not None:
            epsilon = epsilon + tf.abs(self.eps_learned)
        square = tf.reduce_mean(tf.square(inputs), self.axis, keepdims=True)
        return self.gamma * (inputs * tf.math.rsqrt(square + epsilon)) + self.beta


class LayerNormalization(Remembered, tf_keras.layers.LayerNormalization):
    """Keras' own, without the detour over a batch normalisation that its later versions take where that is faster."""

    def _fused_can_be_used(self, ndims: int) -> bool:
        return False
