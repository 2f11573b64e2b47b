"""`Stitch`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class Stitch(layers.Layer):
    """Puts rows in their places: `output[places[i]] = rows[i]`, as many rows as the largest place asks for.

    Call it with places, integers, and rows.

    Shapes: places [n], rows [n, ...] to [largest place + 1, ...]. JAX can run this but not compile it.
    Source: `tf.dynamic_stitch`; a place that is missing holds 0 here, and anything there.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_jit = False  # a size depends on the data, which JAX cannot compile

    def call(self, places, rows):
        empty = ops.zeros((ops.max(places) + 1, *rows.shape[1:]), dtype=rows.dtype)
        return ops.scatter_update(empty, ops.expand_dims(places, -1), rows)

    def compute_output_spec(self, places, rows):
        return keras.KerasTensor((None, *rows.shape[1:]), dtype=rows.dtype)
