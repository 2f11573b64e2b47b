"""`RandomShuffle`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class RandomShuffle(layers.Layer):
    """Puts the rows of a tensor into a random order, another one at every call.

    Args:
        seed: of the random numbers.

    Shapes: [rows, ...] in and out.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x):
        drawn = keras.random.uniform((ops.shape(x)[0],), seed=self.seed_generator)
        return ops.take(x, ops.argsort(drawn), axis=0)

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
