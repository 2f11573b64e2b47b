"""`WeightNormalization`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class WeightNormalization(layers.Wrapper):
    """Wraps a layer whose kernel is learned as a direction v and a length: `kernel = v / norm(v) * gain`.

    Training goes on in v and gain, as it did before. v is the wrapped layer's own `kernel`.

    Args:
        layer: one with a `kernel`, such as `keras.layers.Dense(8)` or `keras.layers.Conv2D(8, 3)`.
        axis: the kernel's axis that keeps a norm and a gain for each of its places, -1 for filters or units; None has
            one for the whole kernel.
        epsilon: what keeps the divisor from zero.
        guard: how it does so: "squares" divides by sqrt(max(sum of squares, epsilon)) as tf.nn.l2_normalize does, "sum"
            by sqrt(sum of squares + epsilon), "floor" by max(norm, epsilon), "norm" by norm + epsilon.
        scale: whether there is a gain; without, every norm is 1.

    Shapes: those of the wrapped layer; gain [size of axis], or [1].
    Source: "Weight Normalization" (Salimans and Kingma, 2016), and TensorFlow Addons' wrapper of that name.
    """

    def __init__(self, layer, axis=-1, epsilon=1e-12, guard="squares", scale=True, **kwargs):
        super().__init__(layer, **kwargs)
        if guard not in ("squares", "sum", "floor", "norm"):
            raise ValueError(f'guard must be "squares", "sum", "floor" or "norm". Received: guard={guard}')
        self.axis = axis
        self.epsilon = epsilon
        self.guard = guard
        self.scale = scale

    def build(self, input_shape=None):
        super().build(input_shape)
        size = 1 if self.axis is None else self.layer.kernel.shape[self.axis]
        self.gain = self.add_weight(shape=(size,), initializer="ones", name="gain") if self.scale else None

    def normalized_kernel(self):
        kernel = ops.cast(self.layer.kernel, keras.backend.result_type(self.layer.kernel.dtype, "float32"))
        rank = len(kernel.shape)
        kept = None if self.axis is None else self.axis % rank
        squares = ops.sum(ops.square(kernel), axis=[axis for axis in range(rank) if axis != kept], keepdims=True)
        if self.guard == "squares":
            kernel = kernel * ops.rsqrt(ops.maximum(squares, self.epsilon))
        elif self.guard == "sum":
            kernel = kernel / ops.sqrt(squares + self.epsilon)
        elif self.guard == "floor":
            kernel = kernel / ops.maximum(ops.sqrt(squares), self.epsilon)
        else:
            kernel = kernel / (ops.sqrt(squares) + self.epsilon)
        if self.scale:
            shape = [-1 if axis == kept else 1 for axis in range(rank)]
            kernel = kernel * ops.reshape(ops.cast(self.gain, kernel.dtype), shape)
        return kernel

    def call(self, x):
        kernel, layer = self.normalized_kernel(), self.layer
        trained, fixed = (
            [kernel if each is layer.kernel else each for each in variables]
            for variables in (layer.trainable_variables, layer.non_trainable_variables)
        )
        return layer.stateless_call(trained, fixed, x)[0]

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        config = {"axis": self.axis, "epsilon": self.epsilon, "guard": self.guard, "scale": self.scale}
        return {**super().get_config(), **config}
