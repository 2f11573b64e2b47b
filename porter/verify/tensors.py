"""The original's tensors, inner ones too, by the names that the report gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any

import numpy as np

from porter.verify.beside import NEIGHBOURS, beside, rounded_as_beside
from porter.verify.reference import Reference, Refused
from porter.verify.steps import after, read


class Tensors:
    """The original's tensors for one case, by the name that the report gives them, steps included."""

    def __init__(
        self, reference: Reference, feeds: Mapping[str, np.ndarray], sources: Iterable[str], *, training: bool = False
    ) -> None:
        self.reference, self.feeds, self.training = reference, feeds, training
        names = dict.fromkeys(read(source)[0] for source in sources if source)
        self.raw = fetch(reference, feeds, [name for name in names if reference.has(name)], training=training)
        self.raw.update({name: array for name, array in feeds.items() if name in names})

    def get(self, source: str) -> np.ndarray | None:
        """The array that `source` names, None where it cannot be had."""
        if not source:
            return None
        tensor, steps = read(source)
        array = self.raw.get(tensor)
        return None if array is None else after(steps, array)

    def in_double(self, sources: Iterable[str], output: str) -> np.ndarray | None:
        """`output` in float64, computed from the original's own float32 tensors `sources`; None where that can't be."""
        return self.again(sources, output, training=self.training, precision="float64")

    def in_double_beside(self, want: np.ndarray, sources: Iterable[str], output: str) -> np.ndarray | None:
        """The same by the rounding one unit in the last place away from `sources`, for where `want` is exact by luck."""
        sources = list(sources)
        used = {name: self.raw[name] for name in (read(source)[0] for source in sources if source) if name in self.raw}

        def both(neighbour: int) -> tuple[np.ndarray | None, np.ndarray | None]:
            other = copy(self)
            other.feeds, other.raw = beside(self.feeds, neighbour), beside(used, neighbour)
            return other.again(sources, output, training=self.training), other.in_double(sources, output)

        return rounded_as_beside(want, map(both, NEIGHBOURS))

    def moved(
        self, changed: Mapping[str, np.ndarray], sources: Iterable[str], outputs: Iterable[str]
    ) -> Tensors | None:
        """The same with other arrays for some tensors, and `outputs` run once more from these and from `sources`.

        None where that can't be, or changes nothing.
        """
        names = dict.fromkeys(read(output)[0] for output in outputs)
        given = {name: self.raw[name] for name in (read(source)[0] for source in sources) if name in self.raw}
        other = copy(self)
        other.feeds = {**self.feeds, **changed}
        try:
            found = self.reference.run({**other.feeds, **given, **changed}, list(names), training=self.training) or {}
        except Refused:
            return None
        if all(name in self.raw and np.array_equal(found[name], self.raw[name]) for name in found):
            return None
        other.raw = {**self.raw, **changed, **found}
        return other

    def again(self, sources: Iterable[str], output: str, **how: Any) -> np.ndarray | None:
        """`output`, run once more from the original's own tensors `sources`; None where that can't be."""
        tensor, steps = read(output)
        given = {name: self.raw[name] for name in (read(source)[0] for source in sources if source) if name in self.raw}
        try:
            found = self.reference.run({**self.feeds, **given}, [tensor], **how)
        except Refused:
            return None
        return after(steps, found[tensor]) if found else None


def fetch(
    reference: Reference, feeds: Mapping[str, np.ndarray], names: list[str], *, training: bool = False
) -> dict[str, np.ndarray]:
    """Arrays by name. A tensor that is not computed in this run, on the dead side of a cond, is left out."""
    if not names:
        return {}
    try:
        return reference.run(feeds, names, training=training) or {}
    except Refused:
        if len(names) == 1:
            return {}
        half = len(names) // 2
        parts = (fetch(reference, feeds, part, training=training) for part in (names[:half], names[half:]))
        return {name: array for part in parts for name, array in part.items()}
