"""`larger`."""

from keras import ops


def larger(a, b):
    """The larger of two sizes, which are numbers as far as they are known, and tensors otherwise."""
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else ops.maximum(a, b)
