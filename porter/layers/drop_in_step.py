"""`drop_in_step`."""

import keras
from keras import ops


class SeedOfStep(keras.random.SeedGenerator):
    """The seed for one step of a loop, made of one that was drawn before the loop and of the step's number."""

    def __init__(self, seed, step):
        self._initial_seed = None  # what Keras on PyTorch looks at
        self.seed = ops.stack([seed[0] + ops.cast(step, seed.dtype), seed[1]])

    def next(self, ordered=True):
        return self.seed


def drop_in_step(x, rate, seed, step, noise_shape=None):
    """`Dropout` in a step of a loop, with another mask in each; x as it is where `seed` is None, as in inference.

    The layer of that name counts its calls in a variable, which JAX cannot change inside a loop.
    """
    if seed is None:
        return x
    return keras.random.dropout(x, rate, noise_shape, seed=SeedOfStep(seed, step))
