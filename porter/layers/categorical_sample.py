"""`CategoricalSample`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class CategoricalSample(layers.Layer):
    """Draws classes with the probabilities that unnormalised logarithms say.

    Args:
        num_samples: how many per row.
        index_dtype: the type of the classes.
        seed: of the random numbers.

    Shapes: [batch, classes] to [batch, num_samples].
    """

    def __init__(self, num_samples, index_dtype="int64", seed=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.num_samples = num_samples
        self.index_dtype = index_dtype
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x):
        return ops.cast(keras.random.categorical(x, self.num_samples, seed=self.seed_generator), self.index_dtype)

    def compute_output_spec(self, x):
        return keras.KerasTensor((x.shape[0], self.num_samples), dtype=self.index_dtype)

    def get_config(self):
        config = {"num_samples": self.num_samples, "index_dtype": self.index_dtype, "seed": self.seed}
        return {**super().get_config(), **config}
