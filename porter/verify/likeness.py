"""What is wrong with a weight, in words: what its numbers are instead of the original's.

Arrays are compared bit for bit, so what is said is certain; "" is said where nothing fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations

import numpy as np

FEW = 3  # numbers that are told one by one
MOST_CHANNELS = 4096  # along an axis, to look for another order of


def likeness(got: np.ndarray, want: np.ndarray, gates: int = 1) -> str:
    """What `got` is, in place of `want`: "it is transposed", "it is 0 everywhere".

    gates: how many stand one after another in the last axis.
    """
    if got.size == 0 or want.size == 0:
        return ""
    return next((told for told, fits in _guesses(got, want, gates) if fits()), "")


def _guesses(got: np.ndarray, want: np.ndarray, gates: int) -> Iterator[tuple[str, Callable[[], bool]]]:
    def is_(array: np.ndarray) -> Callable[[], bool]:
        return lambda: array.shape == got.shape and np.array_equal(array, got)

    rank = want.ndim
    if rank >= 2:
        yield "it is transposed", is_(want.swapaxes(-1, -2))
    if rank >= 4:
        yield "its rows and columns are swapped", is_(want.swapaxes(0, 1))
    if rank >= 3:
        yield "it is turned over in space", is_(np.flip(want, tuple(range(rank - 2))))
    if rank >= 2 and got.shape != want.shape:
        for axes in permutations(range(rank)) if rank <= 5 else ():
            yield f"its axes are in the order {axes}", is_(want.transpose(axes))
    if got.shape != want.shape:
        yield "its numbers are in another shape", is_(want.reshape(got.shape) if got.size == want.size else want)
        return
    yield from _reordered(got, want, gates)
    for number in (0, 1):
        yield f"it is {number} everywhere", lambda number=number: bool((got == number).all())  # type: ignore[misc]
    if got.dtype.kind != "f" or not np.isfinite(got).all() or not np.isfinite(want).all():
        return
    near, far = want.astype(np.float64), got.astype(np.float64)
    yield from _moved_gates(far, near, gates)
    off = got != want
    if off.sum() <= FEW < got.size:
        told = ", ".join(
            f"{got[tuple(at)]:.7g} instead of {want[tuple(at)]:.7g} at {at.tolist()}" for at in np.argwhere(off)
        )
        yield f"it holds {told}", lambda: True
    loose = 8 * float(np.finfo(got.dtype).eps)
    factor = float((near * far).sum() / ((near * near).sum() or 1.0))
    yield f"it is multiplied by {factor:.6g}", lambda: _near(far, near * factor, loose)
    offset = float((far - near).mean())
    yield f"{offset:+.6g} is added to it", lambda: _near(far, near + offset, loose)


def _reordered(got: np.ndarray, want: np.ndarray, gates: int) -> Iterator[tuple[str, Callable[[], bool]]]:
    """Blocks, or single channels, of the last axes in another order."""
    if gates > 1 and got.shape[-1] % gates == 0:
        blocks = np.split(want, gates, axis=-1)
        for order in list(permutations(range(gates)))[1:]:
            turned = np.concatenate([blocks[gate] for gate in order], axis=-1)
            yield f"its gates stand in the order {order}", lambda turned=turned: np.array_equal(turned, got)  # type: ignore[misc]
    for axis in range(got.ndim - 1, max(got.ndim - 3, -1), -1):
        if 1 < got.shape[axis] <= MOST_CHANNELS:
            yield f"axis {axis} of it runs backwards", lambda axis=axis: np.array_equal(np.flip(want, axis), got)  # type: ignore[misc]
            told = f"axis {axis} of it is in another order"
            yield told, lambda axis=axis: np.array_equal(_sorted(got, axis), _sorted(want, axis))  # type: ignore[misc]


def _moved_gates(got: np.ndarray, want: np.ndarray, gates: int) -> Iterator[tuple[str, Callable[[], bool]]]:
    """A number added to the bias of one gate."""
    if gates == 1 or got.shape[-1] % gates or got.ndim > 2:
        return
    off = [np.unique(np.round(block, 5)) for block in np.split(got - want, gates, axis=-1)]
    moved = [gate for gate, each in enumerate(off) if each.any()]
    if len(moved) == 1 and off[moved[0]].size == 1:
        yield f"{off[moved[0]][0]:+.6g} is added to gate {moved[0]} of it", lambda: True


def _sorted(array: np.ndarray, axis: int) -> np.ndarray:
    """The slices along `axis`, sorted."""
    rows = np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)
    return rows[np.lexsort(rows.T[:64])]


def _near(one: np.ndarray, other: np.ndarray, loose: float) -> bool:
    return bool((np.abs(one - other) <= loose * np.maximum(np.abs(other), 1e-6 * np.abs(other).max(initial=0.0))).all())
