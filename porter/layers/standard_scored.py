"""`standard_scored`."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="porter")
def standard_scored(x, axis, epsilon=0.0, guard="variance"):
    """x less its mean, over its standard deviation, both along `axis`: what `StandardScore` computes.

    Args:
        axis: the axes to reduce, an int or a sequence; reducing axis 0, the batch, lets samples influence each other.
        epsilon: what keeps the divisor from zero; with 0, a constant input gives 0 / 0 = NaN.
        guard: how: "variance" divides by sqrt(variance + epsilon), "deviation" by sqrt(variance) + epsilon, "floor" by
            max(sqrt(variance), epsilon).
    """
    centred = x - ops.mean(x, axis=axis, keepdims=True)
    variance = ops.mean(ops.square(centred), axis=axis, keepdims=True)
    if guard == "variance":
        return centred / ops.sqrt(variance + epsilon)
    deviation = ops.sqrt(variance)
    return centred / (ops.maximum(deviation, epsilon) if guard == "floor" else deviation + epsilon)
