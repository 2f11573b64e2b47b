"""`smaller`."""

from keras import ops


def smaller(a, b):
    """The smaller of two sizes, which are numbers as far as they are known, and tensors otherwise."""
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else ops.minimum(a, b)
