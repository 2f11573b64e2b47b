"""Whole numbers that hang on a rounding.

Where the original cuts a number down to an integer or a bool, one rounding may decide what comes out: a pixel of 172.99999
becomes 172, one of 173.0 becomes 173; of two classes that are all but equal either may be the larger. There the number
that was cut down is held to the tolerance instead: an answer is as good as the original's if a number within the
tolerance gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from porter.verify.compare import Comparison, Tolerance, scale_of
from porter.verify.reference import Reference, Refused

SHARE = 0.01  # of the answers; where more of them hang on a rounding, that they agree so far says nothing
PASSING = ("Identity", "Snapshot", "Reshape", "Squeeze", "ExpandDims", "StopGradient")  # the same numbers, in order
STEPS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Round": np.rint, "Rint": np.rint, "Floor": np.floor, "Ceil": np.ceil, "Sign": np.sign,
}  # fmt: skip
COMPARED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Greater": lambda by: by > 0, "GreaterEqual": lambda by: by >= 0,
    "Less": lambda by: by < 0, "LessEqual": lambda by: by <= 0,
}  # fmt: skip
LARGEST = {"ArgMax": 1.0, "ArgMin": -1.0}


@dataclass
class _Cut:
    """Where numbers are cut down: the operation whose inputs were still exact, and what was done to its result."""

    op: Any
    inputs: list[Any]
    steps: list[Callable[[np.ndarray], np.ndarray]]


def excused(
    failed: Comparison,
    got: np.ndarray,
    want: np.ndarray,
    reference: Reference,
    feeds: Mapping[str, np.ndarray],
    output: str,
    tolerance: Tolerance,
) -> Comparison:
    """`failed`, or what takes its place if a rounding explains each of the integers and bools that differ.

    feeds: what the original was run on when its `output` was `want`.
    """
    if got.shape != want.shape or reference.original.lift is not None:
        return failed
    cut = _cut_down(reference.tensor(output))
    if cut is None:
        return failed
    try:
        arrays = reference.fetch(cut.inputs, feeds, "float32")
    except Refused:
        return failed
    off = got != want
    if not (_within(cut, arrays, got, tolerance) | ~off).all():
        return failed
    share = float(off.mean())
    found = Comparison(True, "tolerance", error=failed.error, scale=failed.scale, index=failed.index)
    if share > SHARE:
        found.clause = "undecided"
        found.why = f"{100 * share:.3g} % of its whole numbers hang on a rounding: what they are cut from agrees"
    return found


def _cut_down(tensor: Any) -> _Cut | None:
    """Where the whole numbers of `tensor` were cut from floating-point ones; None where nothing of that kind is found."""
    steps: list[Callable[[np.ndarray], np.ndarray]] = []
    while True:
        op = tensor.op
        if op.type in LARGEST or op.type in COMPARED:
            return _Cut(op, list(op.inputs), steps[::-1]) if op.inputs[0].dtype.is_floating else None
        if op.type == "Cast" and op.inputs[0].dtype.is_floating and not tensor.dtype.is_floating:
            steps.append(np.trunc)
        elif op.type in STEPS:
            steps.append(STEPS[op.type])
        elif op.type not in PASSING and op.type != "Cast":
            return _Cut(op, [tensor], steps[::-1]) if steps and tensor.dtype.is_floating else None
        tensor = op.inputs[0]


def _within(cut: _Cut, arrays: list[np.ndarray], got: np.ndarray, tolerance: Tolerance) -> np.ndarray:
    """Which elements of `got` come of numbers within the tolerance of the original's."""
    first = arrays[0].astype(np.float64)
    if cut.op.type in LARGEST:
        return _nearly_largest(LARGEST[cut.op.type] * first, int(arrays[1]), got, tolerance)
    allowed = _allowed(first, tolerance)
    steps = cut.steps
    if cut.op.type in COMPARED:
        second = arrays[1].astype(np.float64)
        first, allowed = first - second, allowed + _allowed(second, tolerance)
        steps = [COMPARED[cut.op.type], *steps]
    ends = []
    for end in (first - allowed, first + allowed):
        for step in steps:
            end = step(end)
        ends.append(end.astype(np.float64).reshape(got.shape))
    numbers = got.astype(np.float64)
    return (np.minimum(*ends) <= numbers) & (numbers <= np.maximum(*ends))


def _nearly_largest(array: np.ndarray, axis: int, got: np.ndarray, tolerance: Tolerance) -> np.ndarray:
    size = array.shape[axis]
    places = got.reshape([length for at, length in enumerate(array.shape) if at != axis % array.ndim])
    chosen = np.take_along_axis(array, np.expand_dims(np.clip(places, 0, size - 1), axis).astype(np.int64), axis)
    allowed = 2 * _allowed(array, tolerance).max(axis=axis, keepdims=True)
    good = np.squeeze(chosen >= array.max(axis=axis, keepdims=True) - allowed, axis) & (places >= 0) & (places < size)
    return good.reshape(got.shape)


def _allowed(array: np.ndarray, tolerance: Tolerance) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return tolerance.rtol * scale_of(array) + tolerance.rtol * np.abs(array)
