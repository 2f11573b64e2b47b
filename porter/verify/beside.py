"""The original's rounding beside the inputs that were tried.

The original's run in 32 bits against its run in 64 tells its rounding, but not where its numbers come out exact by luck:
the mean of sixteen equal numbers is that number, and what is left of it, nothing, times 1 / sqrt(1e-12) is nothing. Keras'
layer normalisation adds the same terms in another order, and there the last place counts a million times. One unit in the
last place away the original rounds, too: that is measured here, and no tolerance is any wider for it. One neighbour may be
as lucky as the input itself, so a few are tried, and the one that is rounded most tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

NEIGHBOURS = range(4)


def beside(arrays: Mapping[str, np.ndarray], neighbour: int = 0) -> dict[str, np.ndarray]:
    """The arrays, each floating-point number moved up or down by one unit in the last place, or left as it is.

    neighbour: which of many ways to do so.
    """
    random = np.random.default_rng(neighbour)
    found = {}
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            found[name] = array
            continue
        steps = random.integers(-1, 2, array.shape).astype(array.dtype)
        with np.errstate(invalid="ignore", over="ignore"):  # infinity has no last place
            found[name] = np.asarray(array + steps * np.spacing(array), array.dtype)
    return found


def rounded_as_beside(
    want: np.ndarray, neighbours: Iterable[tuple[np.ndarray | None, np.ndarray | None]]
) -> np.ndarray | None:
    """What `want` were in 64 bits if it were rounded as that of its neighbours is which is rounded most.

    neighbours: of each the answer in 32 bits and in 64. None where these could not be had.
    """
    most, found = -1.0, None
    for rounded, exact in neighbours:
        if rounded is None or exact is None or not rounded.shape == exact.shape == want.shape:
            return None
        with np.errstate(invalid="ignore", over="ignore"):
            error = exact - rounded
            size = float(np.abs(error[np.isfinite(error)]).max(initial=0.0))
            if size > most:
                most, found = size, want + error
    return found
