"""`AxisInsertion`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class AxisInsertion(layers.Layer):
    """Gives a tensor one axis more, of size 1, at a place that comes with the data.

    Call arguments: x, and the place, an integer that counts from the end if it is negative.
    JAX can run this but not compile it.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_jit = False  # the place of a size depends on the data, which JAX cannot compile

    def call(self, x, place):
        rank = len(x.shape)
        place = ops.cast(ops.reshape(place, ()), "int32")
        place = ops.where(place < 0, place + rank + 1, place)
        sizes = ops.convert_to_tensor([*ops.shape(x), 1], dtype="int32")
        axes = ops.arange(rank + 1, dtype="int32")
        moved = ops.where(axes < place, axes, ops.where(axes == place, rank, axes - 1))
        return ops.reshape(x, ops.unstack(ops.take(sizes, moved), rank + 1))

    def compute_output_spec(self, x, place):
        return keras.KerasTensor((None,) * (len(x.shape) + 1), dtype=x.dtype)
