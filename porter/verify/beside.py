"""The original's rounding beside the inputs that were tried.

The original's run in 32 bits against its run in 64 tells its rounding, but not where its numbers come out exact by luck:
the mean of sixteen equal numbers is that number, and what is left of it, nothing, times 1 / sqrt(1e-12) is nothing. Keras'
layer normalisation adds the same terms in another order, and there the last place counts a million times. One unit in the
last place away the original rounds, too: that is measured here, and no tolerance is any wider for it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def beside(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays, each floating-point number moved up or down by one unit in the last place, or left as it is."""
    random = np.random.default_rng(0)
    found = {}
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            found[name] = array
            continue
        steps = random.integers(-1, 2, array.shape).astype(array.dtype)
        with np.errstate(invalid="ignore", over="ignore"):  # infinity has no last place
            found[name] = np.asarray(array + steps * np.spacing(array), array.dtype)
    return found


def rounded_as_beside(want: np.ndarray, rounded: np.ndarray | None, exact: np.ndarray | None) -> np.ndarray | None:
    """What `want` were in 64 bits if it were rounded as `rounded` is, whose answer in 64 bits is `exact`.

    None where one of them could not be had.
    """
    if rounded is None or exact is None or not rounded.shape == exact.shape == want.shape:
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        return want + (exact - rounded)
