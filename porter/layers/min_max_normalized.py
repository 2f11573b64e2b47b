"""`min_max_normalized`."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="porter")
def min_max_normalized(x, axis, epsilon=0.0, guard="added", shifted=True):
    """`(x - min x) / max(x - min x)`, minimum and maximum over `axis`: what `MinMaxNormalization` computes.

    Args:
        axis: the axes to reduce, an int or a sequence; reducing axis 0, the batch, lets samples influence each other.
        epsilon: what keeps the divisor from zero; with 0, a constant input gives 0 / 0 = NaN.
        guard: "added" divides by maximum + epsilon, "floor" by max(maximum, epsilon), "zero" gives 0 for
            a divisor of 0.
        shifted: False takes the maximum of x instead of x - min x; the result is then not in [0, 1].
    """
    low, high = ops.min(x, axis=axis, keepdims=True), ops.max(x, axis=axis, keepdims=True)
    high = high - low if shifted else high
    if guard == "zero":
        return ops.divide_no_nan(x - low, high)
    return (x - low) / (ops.maximum(high, epsilon) if guard == "floor" else high + epsilon)
