"""`RandomTensor`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class RandomTensor(layers.Layer):
    """Numbers that are drawn anew at every call, in training and in inference.

    Args:
        shape: the sizes of the result; None for that of the layer's input on the same axis.
        distribution: "normal" or "truncated_normal" (mean 0, standard deviation 1), "uniform" (in [0, 1)), or
            "integers" (from `low` up to and without `high`).
        low, high: the ends for "integers".
        dtype: the type of the numbers.

    Shapes: any tensor in, of which only the sizes count; `shape` out.
    """

    def __init__(self, shape, distribution="normal", low=0, high=1, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.shape = tuple(shape)
        self.distribution = distribution
        self.low = low
        self.high = high
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, x):
        shape = tuple(ops.shape(x)[axis] if size is None else size for axis, size in enumerate(self.shape))
        if self.distribution == "integers":
            return keras.random.randint(shape, self.low, self.high, dtype=self.dtype, seed=self.seed_generator)
        draw = getattr(keras.random, self.distribution)
        return draw(shape, dtype=self.dtype, seed=self.seed_generator)

    def compute_output_spec(self, x):
        return keras.KerasTensor(self.shape, dtype=self.dtype)

    def get_config(self):
        config = {"shape": self.shape, "distribution": self.distribution, "low": self.low, "high": self.high}
        return {**super().get_config(), **config, "dtype": self.dtype}
