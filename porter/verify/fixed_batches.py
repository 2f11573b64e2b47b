"""Runs an original that takes one batch size only on batches of any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from porter.verify.refused import Refused

Arrays = Mapping[str, np.ndarray]


def in_fixed_batches(
    run: Callable[[Arrays], dict[str, np.ndarray]], feeds: Arrays, lift: Any, axes: Mapping[str, int | None]
) -> dict[str, np.ndarray]:
    """The answers to `feeds`, whose lifted inputs have any number of samples, by runs of `lift.size` samples each.

    The last run is filled up with its samples over again, whose answers are dropped: that tells the truth where samples
    do not influence each other, which level 4 checks in the original. axes: where the samples of an output lie.
    Raises Refused where that is not known, or the samples are not as many in each input.
    """
    counts = {len(feeds[name]) for name in lift.inputs}
    if len(counts) != 1:
        raise Refused("The inputs differ in their number of samples", why=f"{sorted(counts)}")
    count = counts.pop()
    if count == lift.size:
        return run(feeds)
    parts: dict[str, list[np.ndarray]] = {}
    for start in range(0, count, lift.size):
        taken = min(lift.size, count - start)
        rows = start + np.arange(lift.size) % taken
        answers = run({name: array[rows] if name in lift.inputs else array for name, array in feeds.items()})
        for name, answer in answers.items():
            axis = axes[name]
            if axis is None or answer.ndim <= axis or answer.shape[axis] % lift.size:
                why = f"nothing tells where the samples of {name} lie"
                raise Refused("The original takes no such batch", why=why)
            each = answer.shape[axis] // lift.size
            parts.setdefault(name, []).append(np.take(answer, np.arange(taken * each), axis=axis))
    return {name: np.concatenate(found, axis=axes[name] or 0) for name, found in parts.items()}
