"""`l2_normalized`."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="porter")
def l2_normalized(x, axis, epsilon=1e-12, guard="squares"):
    """x over its Euclidean norm along `axis`: what `L2Normalization` computes.

    Args:
        axis: the axes to reduce, an int or a sequence; reducing axis 0, the batch, lets samples influence each other.
        epsilon: what keeps the divisor from zero.
        guard: how: "squares" divides by sqrt(max(sum of squares, epsilon)), "sum" by sqrt(sum of squares + epsilon),
            "floor" by max(norm, epsilon), "norm" by norm + epsilon.
    """
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    if guard == "squares":
        return x * ops.rsqrt(ops.maximum(squares, epsilon))
    if guard == "sum":
        return x / ops.sqrt(squares + epsilon)
    norm = ops.sqrt(squares)
    return x / (ops.maximum(norm, epsilon) if guard == "floor" else norm + epsilon)
