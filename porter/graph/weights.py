"""Where the numbers of a Keras weight come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from porter.graph.graph import Value


@dataclass(frozen=True)
class WeightRef:
    """A value that depends on weights and constants alone, and what is done to it on the way into a Keras weight.

    steps: pairs of a description ("transposed (1, 0)") and a function from array to array, in order.
    others: what follows it along `axis`, where several weights become one. after: steps that come behind the joining.
    """

    value: Value
    steps: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = ()
    others: tuple[WeightRef, ...] = ()
    axis: int = -1
    after: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = ()

    def apply(self, what: str, function: Callable[[np.ndarray], np.ndarray]) -> WeightRef:
        """The same with one more step, described by `what`."""
        if self.others:
            return replace(self, after=(*self.after, (what, function)))
        return WeightRef(self.value, (*self.steps, (what, function)))

    def transpose(self, *axes: int) -> WeightRef:
        return self.apply(f"transposed {axes}", lambda array: array.transpose(axes))

    def reshape(self, shape: Sequence[int]) -> WeightRef:
        return self.apply(f"reshaped {tuple(shape)}", lambda array: array.reshape(shape))

    def rows(self, start: int, stop: int) -> WeightRef:
        """Some rows of a matrix."""
        return self.apply(f"rows {(start, stop)}", lambda array: array[start:stop])

    def columns(self, start: int, stop: int) -> WeightRef:
        """Some entries of the last axis."""
        return self.apply(f"columns {(start, stop)}", lambda array: array[..., start:stop])

    def blocks(self, order: Sequence[int], count: int | None = None) -> WeightRef:
        """The last axis cut into `count` equal blocks (as many as `order` has), and put together again as `order` says."""
        if tuple(order) == tuple(range(count or len(order))):
            return self
        count = count or len(order)
        return self.apply(f"blocks {(count, *order)}", lambda array: reorder(array, count, order))

    def add(self, number: float, block: int, count: int) -> WeightRef:
        """A number added to one of `count` equal blocks of the last axis."""
        return self.apply(f"plus {(number, block, count)}", lambda array: add_to_block(array, number, block, count))

    def deviation(self, epsilon: float) -> WeightRef:
        """The square root of a variance with `epsilon` added to it."""
        return self.apply(f"deviation {(epsilon,)}", lambda array: deviation(array, epsilon))

    def join(self, *others: WeightRef, axis: int = -1) -> WeightRef:
        """This and `others` put together along `axis`. This one is not put together itself: its parts would be lost."""
        assert not self.others, "a joined weight is joined again"
        return WeightRef(self.value, self.steps, others, axis)

    def deal(self, count: int) -> WeightRef:
        """Rows that stand pile by pile, as if dealt out to `count` piles like cards, in the order before."""
        return self.apply(f"dealt {(count,)}", lambda array: gather_piles(array, count))

    @property
    def leaves(self) -> tuple[WeightRef, ...]:
        """The parts that each come from one value."""
        return (WeightRef(self.value, self.steps), *(leaf for other in self.others for leaf in other.leaves))

    def compute(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """What the weight holds, from what the values of `leaves` hold."""
        return self._compute(iter(arrays))

    def _compute(self, arrays) -> np.ndarray:
        array = next(arrays)
        for _, function in self.steps:
            array = function(array)
        rest = [other._compute(arrays) for other in self.others]
        array = np.concatenate([array, *rest], self.axis) if rest else array
        for _, function in self.after:
            array = function(array)
        return array

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for two that hold the same numbers."""
        own = (self.value.name, *(what for what, _ in self.steps))
        joined = tuple(f"+{self.axis}" + ", ".join(other.key) for other in self.others)
        return own + joined + tuple(what for what, _ in self.after)

    def __str__(self) -> str:
        return ", ".join(self.key)


def deviation(array: np.ndarray, epsilon: float) -> np.ndarray:
    """The square root of a variance with `epsilon` added to it."""
    return np.sqrt(array + array.dtype.type(epsilon))


def gather_piles(array: np.ndarray, count: int) -> np.ndarray:
    """Rows that stand pile by pile in the order before they were dealt: row i is row i // count of pile i % count."""
    starts = np.cumsum([0, *(len(range(pile, len(array), count)) for pile in range(count))])
    return array[[starts[row % count] + row // count for row in range(len(array))]]


def reorder(array: np.ndarray, count: int, order: Sequence[int]) -> np.ndarray:
    """The last axis cut into `count` equal blocks, and put together again as `order` says."""
    blocks = np.split(array, count, axis=-1)
    return np.concatenate([blocks[place] for place in order], axis=-1)


def add_to_block(array: np.ndarray, number: float, block: int, count: int) -> np.ndarray:
    """A number added to one of `count` equal blocks of the last axis."""
    array = array.copy()
    width = array.shape[-1] // count
    array[..., block * width : (block + 1) * width] += array.dtype.type(number)
    return array
