"""In which order the rows of a dense layer's kernel stand, where it follows a picture that was flattened.

A picture of rows, columns and channels has its axes as these, channels last, or with the channels first; what is
flattened in one order takes a kernel whose rows stand in that order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LAST, FIRST = "channels_last", "channels_first"


@dataclass(frozen=True)
class Rows:
    """How rows are ordered: the axes of the picture, each by its place in one with channels last, and their sizes."""

    axes: tuple[int, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, data_format: str, like: Rows) -> Rows:
        """The order of a picture of the same sizes in this format."""
        axes = tuple(range(len(like.axes))) if data_format == LAST else _first(len(like.axes))
        return cls(axes, tuple(like.sizes[like.axes.index(axis)] for axis in axes))

    @property
    def matters(self) -> bool:
        """Whether another order would be another one."""
        return sum(size > 1 for size in self.sizes) > 1

    def give(self, kernel: np.ndarray, there: Rows) -> np.ndarray:
        """A kernel [rows, units] in this order, in that of `there`."""
        apart = kernel.reshape(*self.sizes, -1)
        order = [self.axes.index(axis) for axis in there.axes]
        return apart.transpose(*order, len(order)).reshape(-1, apart.shape[-1])


def rows_of(kernel: Sequence[int]) -> Rows:
    """The order of the numbers that a kernel of a convolution takes at once."""
    return Rows(tuple(range(len(kernel) - 1)), tuple(kernel[:-1]))


@dataclass(frozen=True)
class Layout:
    """How the axes behind the batch stand, None if unknown, and how what is flattened stood before, if it is."""

    axes: tuple[int, ...] | None = None
    rows: Rows | None = None


def layout_behind(layer: Any, given: Layout, shapes: tuple[Sequence[Any], Sequence[Any]]) -> Layout:
    """The layout of what `layer` gives for a picture of that layout. shapes: before and behind it, with the batch."""
    before, behind = (tuple(shape)[1:] for shape in shapes)
    kind = type(layer).__name__
    if len(behind) == 1 and len(before) > 1 and None not in before and kind in ("Flatten", "Reshape"):
        axes = given.axes
        if axes is not None and kind == "Flatten" and layer.data_format == FIRST:
            axes, before = (*axes[1:], axes[0]), (*before[1:], before[0])
        known = axes is not None and int(np.prod(before)) == behind[0]
        return Layout(None, Rows(axes, before)) if known and axes is not None else Layout()
    if len(behind) > 1 and isinstance(getattr(layer, "data_format", None), str):
        return Layout(tuple(range(len(behind))) if layer.data_format == LAST else _first(len(behind)))
    moved = _moved(layer, kind)
    if moved is not None and given.axes is not None and sorted(moved) == list(range(len(given.axes))):
        return Layout(tuple(given.axes[axis] for axis in moved))
    return given if before == behind else Layout()


def _first(rank: int) -> tuple[int, ...]:
    return (rank - 1, *range(rank - 1))


def _moved(layer: Any, kind: str) -> list[int] | None:
    """Where each axis of a transposition comes from, counted without the batch; None for what is none."""
    if kind == "Permute":
        return [axis - 1 for axis in layer.dims]
    axes = getattr(layer, "axes", None)
    if kind == "Transpose" and axes and axes[0] == 0:
        return [axis - 1 for axis in axes[1:]]
    return None
