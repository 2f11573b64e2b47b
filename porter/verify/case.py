"""One set of inputs with the original's answers to it, and how the conversion did there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from porter.verify.beside import NEIGHBOURS, beside, rounded_as_beside
from porter.verify.compare import Comparison
from porter.verify.reference import Reference, Refused
from porter.verify.samples import take


@dataclass
class Case:
    """One set of inputs, and the original's answers to it, computed when they are asked for.

    axes: for each input the axis along which its samples lie, None where it has none. samples: how many there are.
    recorded: answers that were recorded, where nothing is to be run.
    """

    label: str
    feeds: dict[str, np.ndarray]
    axes: dict[str, int | None]
    samples: int
    outputs: list[str]
    reference: Reference | None = None
    recorded: dict[str, Any] | None = None
    _doubles: dict[int | None, dict[str, np.ndarray]] = field(default_factory=dict, repr=False)

    @cached_property
    def want(self) -> dict[str, Any]:
        """The original's answers to the whole batch: arrays, or what was kept of them. Raises Refused."""
        if self.recorded is not None or self.reference is None:
            return self.recorded or {}
        return self.reference.run(self.feeds, self.outputs) or {}

    @cached_property
    def singly(self) -> list[dict[str, np.ndarray]]:
        """The original's answers to each sample alone. Raises Refused."""
        if self.samples == 1:
            return [self.want]
        if self.reference is None:
            raise Refused("There is no original to run one sample at a time")
        return [self.reference.run(self.sample(index), self.outputs) or {} for index in range(self.samples)]

    def in_double(self, output: str, index: int | None = None) -> np.ndarray | None:
        """`output` computed in float64, for the batch or for sample `index` alone; None where that cannot be had."""
        if index not in self._doubles:
            self._doubles[index] = self._run(self.feeds if index is None else self.sample(index), "float64")
        return self._doubles[index].get(output)

    def in_double_nearby(self, output: str) -> np.ndarray | None:
        """`output` computed in float64 for inputs one unit in the last place away."""
        return self._run(beside(self.feeds), "float64").get(output)

    def in_double_beside(self, output: str, want: np.ndarray, index: int | None = None) -> np.ndarray | None:
        """The same by the rounding at inputs one unit in the last place away, for where `want` is exact by luck."""
        feeds = self.feeds if index is None else self.sample(index)
        near = (beside(feeds, neighbour) for neighbour in NEIGHBOURS)
        return rounded_as_beside(
            want, ((self._run(each, "float32").get(output), self._run(each, "float64").get(output)) for each in near)
        )

    def sample(self, index: int) -> dict[str, np.ndarray]:
        """The inputs of sample `index` as a batch of one."""
        return {name: take(array, index, self.axes[name]) for name, array in self.feeds.items()}

    def alone(self, index: int) -> Case:
        """The case of sample `index` as a batch of one."""
        label = f"{self.label}, sample {index} alone"
        return Case(label, self.sample(index), self.axes, 1, self.outputs, self.reference)

    def _run(self, feeds: Mapping[str, np.ndarray], precision: str) -> dict[str, np.ndarray]:
        if self.reference is None:
            return {}
        try:
            return self.reference.run(feeds, self.outputs, precision=precision) or {}
        except Refused:
            return {}


@dataclass
class Outcome:
    """How the conversion did on one case: a comparison per output, and the shapes of both.

    refused: why the original raised, if it did.
    """

    label: str
    samples: int
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    got: dict[str, tuple[int, ...]] = field(default_factory=dict)
    want: dict[str, tuple[int, ...]] = field(default_factory=dict)
    refused: str = ""
