"""Where the samples of a batch lie in arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def common_axis(feeds: Mapping[str, np.ndarray]) -> tuple[dict[str, int | None], int]:
    """Where samples lie in inputs of fixed size: along axis 0, if that has one size in all of them. And how many."""
    sizes = {array.shape[0] for array in feeds.values() if array.ndim}
    if len(sizes) != 1:
        return dict.fromkeys(feeds, None), 1
    return {name: 0 if array.ndim else None for name, array in feeds.items()}, sizes.pop()


def rows(array: np.ndarray, index: int, samples: int, shape: tuple[int, ...]) -> np.ndarray | None:
    """The part of `array` that belongs to sample `index`, if one sample alone gives `shape`; None where none fits."""
    if array.ndim == len(shape):
        differing = [axis for axis, size in enumerate(shape) if array.shape[axis] != size]
        if not differing:
            return array if samples == 1 else None
        axis = differing[0]
        if array.shape[axis] != samples * shape[axis]:
            return None
        return np.take(array, range(index * shape[axis], (index + 1) * shape[axis]), axis=axis)
    if array.ndim == len(shape) + 1 and len(array) == samples:
        return array[index]
    return None


def take(array: np.ndarray, index: int, axis: int | None) -> np.ndarray:
    """Sample `index` of `array` as a batch of one; all of it where it holds no samples."""
    return array if axis is None else np.take(array, [index], axis=axis)
