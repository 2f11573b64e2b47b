"""`ReductionAlong`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class ReductionAlong(layers.Layer):
    """Reduces a tensor along axes that come with the data.

    Args:
        function: the name of a reduction in `keras.ops` that may go one axis after another: "sum", "mean", "max", ...
        shape: what is known of the result's shape, None for an unknown size.
        keepdims: whether the reduced axes stay, with size 1.

    Call arguments: x, and axes, one integer or several; negative ones count from the end.

    JAX can run this but not compile it, for the result's sizes depend on the data.
    """

    def __init__(self, function, shape, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.supports_jit = False  # a size depends on the data, which JAX cannot compile
        self.function = function
        self.shape = tuple(shape)
        self.keepdims = keepdims

    def call(self, x, axes):
        rank = len(x.shape)
        axes = ops.reshape(axes, (-1,))
        axes = ops.where(axes < 0, axes + rank, axes)
        kept = []
        for axis in range(rank):
            chosen = ops.any(ops.equal(axes, axis))
            reduced = getattr(ops, self.function)(x, axis=axis, keepdims=True)
            size = ops.where(chosen, 1, ops.shape(x)[axis])
            x = ops.where(chosen, ops.cast(reduced, x.dtype), x)[(slice(None),) * axis + (slice(0, size), ...)]
            kept.append(ops.where(chosen, axis + rank, axis))
        if self.keepdims:
            return x
        order = ops.argsort(ops.stack(kept))[: len(self.shape)]
        return ops.reshape(x, ops.unstack(ops.take(ops.convert_to_tensor(ops.shape(x)), order), len(self.shape)))

    def compute_output_spec(self, x, axes):
        return keras.KerasTensor(self.shape, dtype=x.dtype)

    def get_config(self):
        config = {"function": self.function, "shape": self.shape, "keepdims": self.keepdims}
        return {**super().get_config(), **config}
