"""`SplitBySizes`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class SplitBySizes(layers.Layer):
    """Cuts a tensor into pieces along an axis, whose sizes come with the data; one of them may be -1, for what is left.

    Args: `axis`, and how many pieces there are, `count`. Call arguments: x, and the sizes, `count` integers.
    JAX can run this but not compile it.
    """

    def __init__(self, axis, count, **kwargs):
        super().__init__(**kwargs)
        self.supports_jit = False  # a size depends on the data, which JAX cannot compile
        self.axis = axis
        self.count = count

    def call(self, x, sizes):
        left = ops.cast(ops.shape(x)[self.axis], sizes.dtype) - ops.sum(ops.maximum(sizes, 0))
        ends = ops.unstack(ops.cumsum(ops.where(sizes < 0, left, sizes)), self.count)
        before = (slice(None),) * self.axis
        return [x[(*before, slice(start, end), ...)] for start, end in zip([0, *ends], ends)]

    def compute_output_spec(self, x, sizes):
        shape = (*x.shape[: self.axis], None, *x.shape[self.axis + 1 :])
        return [keras.KerasTensor(shape, dtype=x.dtype) for _ in range(self.count)]

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "count": self.count}
