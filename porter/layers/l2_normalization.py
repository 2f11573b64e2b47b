"""`L2Normalization`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class L2Normalization(layers.Layer):
    """Divides by the root of the sum of squares over `axis`.

    `keras.layers.UnitNormalization` has its epsilon elsewhere: it divides by max(norm, 1e-12).

    Args:
        axis: the axes to reduce, an int or a sequence.
        epsilon: what keeps the divisor from zero. With 0, an input of zeros gives 0 / 0 = NaN.
        guard: how it does so: "squares" divides by sqrt(max(sum of squares, epsilon)) as tf.nn.l2_normalize does, "sum"
            by sqrt(sum of squares + epsilon), "floor" by max(norm, epsilon), "norm" by norm + epsilon.
        batch_coupled: must be True for an `axis` that holds the batch (0): every answer then depends on its neighbours.

    Shapes: [batch, ...] in and out.
    Source: tensorflow/python/ops/nn_impl.py, function l2_normalize, 1.15; hand-written TensorFlow 1 code.
    """

    def __init__(self, axis=-1, epsilon=1e-12, guard="squares", batch_coupled=False, **kwargs):
        super().__init__(**kwargs)
        self.axis = (axis,) if isinstance(axis, int) else tuple(axis)
        if not batch_coupled and 0 in self.axis:
            raise ValueError(f"axis 0 is the batch; set batch_coupled=True to reduce over it. Received: axis={axis}")
        if guard not in ("squares", "sum", "floor", "norm"):
            raise ValueError(f'guard must be "squares", "sum", "floor" or "norm". Received: guard={guard}')
        self.epsilon = epsilon
        self.guard = guard
        self.batch_coupled = batch_coupled
        self.supports_masking = True

    def call(self, x):
        wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        squares = ops.sum(ops.square(wide), axis=self.axis, keepdims=True)
        if self.guard == "squares":
            wide = wide * ops.rsqrt(ops.maximum(squares, self.epsilon))
        elif self.guard == "sum":
            wide = wide / ops.sqrt(squares + self.epsilon)
        elif self.guard == "floor":
            wide = wide / ops.maximum(ops.sqrt(squares), self.epsilon)
        else:
            wide = wide / (ops.sqrt(squares) + self.epsilon)
        return ops.cast(wide, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"axis": self.axis, "epsilon": self.epsilon, "guard": self.guard}
        return {**super().get_config(), **config, "batch_coupled": self.batch_coupled}
