"""Where the numbers of a Keras weight come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from porter.graph.graph import Value


@dataclass(frozen=True)
class WeightRef:
    """A value that depends on weights and constants alone, and what is done to it on the way into a Keras weight.

    steps: pairs of a description ("transposed (1, 0)") and a function from array to array, in order.
    """

    value: Value
    steps: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = ()

    def apply(self, what: str, function: Callable[[np.ndarray], np.ndarray]) -> WeightRef:
        """The same with one more step, described by `what`."""
        return WeightRef(self.value, (*self.steps, (what, function)))

    def transpose(self, *axes: int) -> WeightRef:
        return self.apply(f"transposed {axes}", lambda array: array.transpose(axes))

    def reshape(self, shape: Sequence[int]) -> WeightRef:
        return self.apply(f"reshaped {tuple(shape)}", lambda array: array.reshape(shape))

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for two that hold the same numbers."""
        return (self.value.name, *(what for what, _ in self.steps))

    def __str__(self) -> str:
        return ", ".join(self.key)
