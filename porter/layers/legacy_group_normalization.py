"""`LegacyGroupNormalization`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class LegacyGroupNormalization(layers.Layer):
    """Group normalisation of which the groups, or what is taken together in them, are not Keras'.

    `(x - mean) / sqrt(variance + epsilon) * gamma + beta`, mean and variance of each group of each sample.

    Args:
        groups: how many.
        split: "channels": a group is some neighbouring channels. "memory": it is some neighbouring numbers of the
            sample as they lie in memory, so that it holds some rows with all their channels; gamma and beta then go by
            the place in this memory, not by channel.
        axis: the axis of the channels. reduced: the axes that mean and variance are taken over, beside the channels of
            the group; None for all but the batch. Both for "channels" only.
        epsilon: added to the variance.
        center: whether there is a beta. scale: whether there is a gamma.

    Shapes: [batch, ..., channels] in and out; gamma and beta [channels].
    Source: tf.contrib.layers.group_norm, which reduces rows and columns alone of a volume; TensorFlow Addons before
    0.7, class GroupNormalization, with channels last ("memory").
    """

    def __init__(
        self, groups, split="channels", axis=-1, reduced=None, epsilon=1e-3, center=True, scale=True, **kwargs
    ):  # fmt: skip
        super().__init__(**kwargs)
        if split not in ("channels", "memory"):
            raise ValueError(f'split must be "channels" or "memory". Received: split={split}')
        self.groups = groups
        self.split = split
        self.axis = axis
        self.reduced = None if reduced is None else tuple(reduced)
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.supports_masking = True

    def build(self, input_shape):
        shape = (input_shape[self.axis],)
        if shape[0] % self.groups:
            raise ValueError(f"{shape[0]} channels are not {self.groups} groups. Received: input_shape={input_shape}")
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma") if self.scale else None
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta") if self.center else None

    def call(self, x):
        wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        rank, channels = len(x.shape), x.shape[self.axis]
        sizes = list(ops.shape(wide))
        if self.split == "memory":
            places = (1, rank)  # of the groups, and of what is left of the channels
            split = [-1, self.groups, *sizes[1:-1], channels // self.groups]
            axes = list(range(2, rank + 1))
        else:
            axis = self.axis % rank
            places = (axis, axis + 1)
            split = [-1, *sizes[1:axis], self.groups, channels // self.groups, *sizes[axis + 1 :]]
            reduced = [each for each in range(1, rank) if each != axis] if self.reduced is None else self.reduced
            axes = sorted([each + (each > axis) for each in reduced] + [axis + 1])
        grouped = ops.reshape(wide, split)
        mean, variance = ops.moments(grouped, axes, keepdims=True)
        y = (grouped - mean) * ops.rsqrt(variance + self.epsilon)
        shape = [split[each] if each in places else 1 for each in range(rank + 1)]
        if self.scale:
            y = y * ops.reshape(ops.cast(self.gamma, y.dtype), shape)
        if self.center:
            y = y + ops.reshape(ops.cast(self.beta, y.dtype), shape)
        return ops.cast(ops.reshape(y, [-1, *sizes[1:]]), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        names = ("groups", "split", "axis", "reduced", "epsilon", "center", "scale")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
