"""`NumberLookup`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class NumberLookup(layers.Layer):
    """Look whole numbers up in a table: the value beside each number among the keys, the default for any other.

    Arguments: `default`, a number. Called on numbers of any shape, the keys [count] in order, and as many values.
    Shapes: [...] to [...].
    Source: `tf.contrib.lookup.HashTable`, with numbers for keys.
    """

    def __init__(self, default, **kwargs):
        super().__init__(**kwargs)
        self.default = default

    def call(self, x, keys, values):
        flat = ops.reshape(x, (-1,))
        places = ops.minimum(ops.searchsorted(keys, flat), keys.shape[0] - 1)
        found = ops.take(values, places)
        found = ops.where(ops.equal(ops.take(keys, places), flat), found, ops.full_like(found, self.default))
        return ops.reshape(found, ops.shape(x))

    def compute_output_spec(self, x, keys, values):
        return keras.KerasTensor(x.shape, dtype=values.dtype)

    def get_config(self):
        return {**super().get_config(), "default": self.default}
