"""Slopes of the original along random directions, by finite differences in float64 where that can be had.

They judge where TensorFlow forms no gradients, as through the while loops of an imported graph, and where its gradients
are not the derivatives: some operations take a short cut that holds for some inputs only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from porter.verify.case import Case
from porter.verify.compare import COARSE, Comparison
from porter.verify.reference import Reference, Refused

DIRECTIONS = 2


class Pace(NamedTuple):
    """step: of the size of what is moved. near: how near a slope has to be, in proportion to what a random direction
    gives. steady: how near slopes of two step lengths have to be: elsewhere there is a kink, or too few digits.
    """

    precision: str
    step: float
    near: float
    steady: float


# Where an operation knows no double, slopes are coarse; they still tell a short cut from a derivative.
PACES = (Pace("float64", 1e-5, 2e-4, 2e-5), Pace("float32", 3e-2, 3e-2, 1e-2))


def by_slopes(
    reference: Reference,
    case: Case,
    projections: Mapping[str, np.ndarray],
    name: str,
    base: np.ndarray,
    gradient: np.ndarray,
    seed: int,
    last_place: float = 0.0,
) -> Comparison | None:
    """Whether `gradient` by the tensor `name`, which holds `base`, gives the original's slopes; None where these fail.

    projections: by output, what its numbers are weighed with. last_place: of the shortest type that the conversion
    computes in, relative; its gradient cannot be nearer than a few of these.
    """
    slopes = _Slopes(reference, case, projections, name, base)
    for each in PACES:
        pace = each._replace(near=max(each.near, COARSE * last_place))
        found = slopes.judge(gradient, seed, pace)
        if found is not None:
            return found
    return None


class _Slopes(NamedTuple):
    """The original's slopes by the tensor `name`, which holds `base`; see `by_slopes`."""

    reference: Reference
    case: Case
    projections: Mapping[str, np.ndarray]
    name: str
    base: np.ndarray

    def judge(self, gradient: np.ndarray, seed: int, pace: Pace) -> Comparison | None:
        """The worse of the comparisons along random directions; None where a slope cannot be had, or is not steady."""
        random = np.random.default_rng([seed, self.base.size])
        size = float(np.abs(self.base).mean()) or 1.0
        worst = None
        for _ in range(DIRECTIONS):
            direction = random.standard_normal(self.base.shape) * size
            want, other = (self._slope(direction, step, pace.precision) for step in (pace.step, 2 * pace.step))
            if want is None or other is None:
                return None
            products = gradient.astype(np.float64) * direction
            got, scale = float(products.sum()), float(np.sqrt((products**2).sum())) or 1e-30
            scale = max(scale, abs(want))
            if abs(want - other) > pace.steady * scale:
                return None
            error = abs(got - want)
            found = Comparison(error <= pace.near * scale, "slope", "", error, error / scale, 0.0, scale, (), got, want)
            if not found.ok:
                found.clause = ""
                found.why = f"the slope along a random direction is {got:.6g}, the original's {want:.6g}"
            if worst is None or (not found.ok, found.relative) > (not worst.ok, worst.relative):
                worst = found
        return worst

    def _slope(self, direction: np.ndarray, step: float, precision: str) -> float | None:
        """The weighed outputs' slope over both sides of `base`; None where the original can't be run so."""
        sums: list[float] = []
        for moved in (self.base + direction * step, self.base - direction * step):
            try:
                found: Any = self.reference.run_moved(
                    self.case.feeds, self.name, moved, list(self.projections), precision
                )
            except Refused:
                return None
            if found is None:
                return None
            sums.append(sum(float((found[out].astype(np.float64) * w).sum()) for out, w in self.projections.items()))
        return (sums[0] - sums[1]) / 2 / step
