"""`l1_normalized`."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="porter")
def l1_normalized(x, axis, epsilon=0.0, guard="norm"):
    """x over the sum of its absolute values along `axis`: what `L1Normalization` computes.

    Args:
        axis: the axes to reduce, an int or a sequence; reducing axis 0, the batch, lets samples influence each other.
        epsilon: what keeps the divisor from zero: it is sum + epsilon, or max(sum, epsilon) with guard="floor".
    """
    norm = ops.sum(ops.abs(x), axis=axis, keepdims=True)
    return x / (ops.maximum(norm, epsilon) if guard == "floor" else norm + epsilon)
