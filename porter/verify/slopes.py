"""Slopes of the original along random directions, by finite differences in float64.

They judge where TensorFlow forms no gradients, as through the while loops of an imported graph, and where its gradients
are not the derivatives: some operations take a short cut that holds for some inputs only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from porter.verify.compare import Comparison
from porter.verify.reference import Reference, Refused
from porter.verify.trials import Case

DIRECTIONS = 2
STEP = 1e-5  # of the size of what is moved
NEAR = 2e-4  # how near a slope has to be, in proportion to what a random direction gives
STEADY = 2e-5  # how near slopes of two step lengths have to be: elsewhere there is a kink, or no float64


def by_slopes(
    reference: Reference,
    case: Case,
    projections: Mapping[str, np.ndarray],
    name: str,
    base: np.ndarray,
    gradient: np.ndarray,
    seed: int,
) -> Comparison | None:
    """Whether `gradient` by the tensor `name`, which holds `base`, gives the original's slopes; None where these fail.

    projections: by output, what its numbers are weighed with.
    """
    random = np.random.default_rng([seed, base.size])
    size = float(np.abs(base).mean()) or 1.0
    worst = None
    for _ in range(DIRECTIONS):
        direction = random.standard_normal(base.shape) * size
        slopes = [_slope(reference, case, projections, name, base, direction * scale) for scale in (STEP, 2 * STEP)]
        if None in slopes:
            return None
        want, other = (slope / scale for slope, scale in zip(slopes, (STEP, 2 * STEP), strict=True))  # type: ignore[operator]
        products = gradient.astype(np.float64) * direction
        got, scale = float(products.sum()), float(np.sqrt((products**2).sum())) or 1e-30
        scale = max(scale, abs(want))
        if abs(want - other) > STEADY * scale:
            return None
        error = abs(got - want)
        found = Comparison(error <= NEAR * scale, "slope", "", error, error / scale, 0.0, scale, (), got, want)
        if not found.ok:
            found.clause = ""
            found.why = f"the slope along a random direction is {got:.6g}, the original's {want:.6g}"
        if worst is None or (not found.ok, found.relative) > (not worst.ok, worst.relative):
            worst = found
    return worst


def _slope(
    reference: Reference,
    case: Case,
    projections: Mapping[str, np.ndarray],
    name: str,
    base: np.ndarray,
    step: np.ndarray,
) -> float | None:
    """The change of the weighed outputs over both sides of `base`, halved; None where the original can't be run so."""
    sums: list[float] = []
    for moved in (base + step, base - step):
        try:
            found: Any = reference.run_moved(case.feeds, name, moved, list(projections))
        except Refused:
            return None
        if found is None:
            return None
        sums.append(sum(float((found[out].astype(np.float64) * weights).sum()) for out, weights in projections.items()))
    return (sums[0] - sums[1]) / 2
