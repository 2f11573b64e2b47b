"""Arrays of the original in the shapes that a model has for them: channels elsewhere, pictures in a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

Shape = tuple[Any, ...]  # None for a size that is unknown


@dataclass
class View:
    """How an input of the original is given to a model.

    place: which of the original's it is. shape: that of the original's, with the sizes that the model fixes. moved: the
    axis that goes elsewhere and where it goes, if one does. asked: the model's shape.
    """

    place: int
    shape: Shape
    moved: tuple[int, int] | None
    asked: Shape

    def of(self, array: np.ndarray) -> np.ndarray:
        """The array as the model takes it."""
        if self.moved is not None:
            return np.moveaxis(array, *self.moved)
        if _merged(array.shape, self.asked) is not None:
            return array
        return array.reshape(array.shape[0], *self.asked[1:])


def views(shapes: Sequence[Shape], asked: Sequence[Shape]) -> list[View] | None:
    """How inputs of these shapes go into a model that asks for those, in the model's order; None if they don't.

    Shapes that are the same in another order come first, then channels that stand elsewhere, then as many numbers.
    """
    if not 0 < len(asked) <= len(shapes):
        return None
    for strict in (True, False):
        for order in permutations(range(len(shapes)), len(asked)):
            found = [_view(place, shapes[place], want, strict) for place, want in zip(order, asked, strict=True)]
            if all(view is not None for view in found):
                return [view for view in found if view is not None]
    return None


def shown(array: np.ndarray, shape: Sequence[int]) -> np.ndarray | None:
    """An array in another shape of as many numbers, None if it has another number of them."""
    shape = tuple(shape)
    if array.shape == shape:
        return array
    if array.size != int(np.prod(shape)):
        return None
    if array.ndim == len(shape) > 2:
        for moved in ((-1, 1), (1, -1)):
            if np.moveaxis(array, *moved).shape == shape:
                return np.moveaxis(array, *moved)
    return array.reshape(shape)


def _view(place: int, shape: Shape, asked: Shape, strict: bool) -> View | None:
    same = _merged(shape, asked)
    if same is not None:
        return View(place, same, None, asked)
    if strict:
        return None
    for moved in ((-1, 1), (1, -1)):
        if len(shape) == len(asked) > 2 and (merged := _merged(shape, _move(asked, moved[::-1]))) is not None:
            return View(place, merged, moved, asked)
    if len(shape) > 1 and len(asked) > 1 and None not in (*shape[1:], *asked[1:]):
        return View(place, shape, None, asked) if np.prod(shape[1:]) == np.prod(asked[1:]) else None
    return None


def _merged(shape: Shape, asked: Shape) -> Shape | None:
    """Both shapes in one, None where they contradict each other."""
    pairs = list(zip(shape, asked, strict=False))
    if len(shape) != len(asked) or any(None not in pair and pair[0] != pair[1] for pair in pairs):
        return None
    return tuple(other if one is None else one for one, other in pairs)


def _move(shape: Iterable[Any], moved: tuple[int, int]) -> Shape:
    """A shape with an axis elsewhere."""
    sizes = list(shape)
    size = sizes.pop(moved[0])
    sizes.insert(moved[1] if moved[1] >= 0 else len(sizes) + 1 + moved[1], size)
    return tuple(sizes)
