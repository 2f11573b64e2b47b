"""Some numbers of an array, kept in the place of all of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from porter.verify.compare import Comparison, Tolerance, compare, scale_of

FEWEST = 16  # numbers that are kept, however little room there is


@dataclass
class Sampled:
    """Numbers of an array at known places, and how far they may be off by rounding alone.

    ends: where the smallest and the largest number stand, by which the spread is measured. Places follow from the size,
    the count of values and the ends.
    """

    shape: tuple[int, ...]
    dtype: str
    ends: list[int]
    values: np.ndarray
    rounding: float = 0.0

    def compare(self, got: np.ndarray, tolerance: Tolerance) -> Comparison:
        """Compare an array with what is known of this one."""
        form = compare(np.broadcast_to(np.zeros((), got.dtype), got.shape), self._blank(), tolerance)
        if not form.ok:
            return form
        exact = self.values.astype(np.float64) + self.rounding if self.values.dtype.kind in "fV" else None
        places = places_of(int(np.prod(self.shape)), len(self.values), self.ends)
        return compare(got.reshape(-1)[places], self.values, tolerance, exact)

    def _blank(self) -> np.ndarray:
        return np.broadcast_to(np.zeros((), self.values.dtype), self.shape)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        kept = self.values.astype(np.float32) if self.values.dtype.kind == "V" else self.values  # bfloat16
        stored = kept.astype(kept.dtype.newbyteorder("<"))
        return {
            "shape": list(self.shape),
            "dtype": self.dtype,
            "stored": stored.dtype.str,
            "ends": self.ends,
            "rounding": float(f"{self.rounding:.3g}"),
            "values": base64.b64encode(stored.tobytes()).decode(),
        }

    @classmethod
    def from_dict(cls, item: Mapping[str, Any]) -> Sampled:
        """What `to_dict` wrote."""
        values = np.frombuffer(base64.b64decode(item["values"]), item["stored"])
        values = values.astype(values.dtype.newbyteorder("="))
        if item["dtype"] == "bfloat16":
            import ml_dtypes

            values = values.astype(ml_dtypes.bfloat16)
        return cls(tuple(item["shape"]), item["dtype"], list(item["ends"]), values, item["rounding"])


def sample(array: np.ndarray, room: int, rounding: float) -> Sampled:
    """As many numbers of `array` as fit into `room` bytes. rounding: in proportion to the array's scale."""
    flat = array.reshape(-1)
    wide = flat.astype(np.float64) if flat.dtype.kind in "iufV" else None
    ends = [] if wide is None else _ends(wide)
    count = max(min(flat.size, room // max(flat.dtype.itemsize, 1)), min(flat.size, FEWEST))
    values = flat[places_of(flat.size, count, ends)]
    scale = scale_of(wide) if wide is not None and flat.dtype.kind in "fV" and flat.size else 0.0
    return Sampled(array.shape, str(array.dtype), ends, values, rounding * scale)


def places_of(size: int, count: int, ends: Sequence[int]) -> np.ndarray:
    """`count` places spread over an array of `size`, the last of them being `ends` where not all numbers are kept."""
    if count >= size:
        return np.arange(size)
    spread = np.linspace(0, size - 1, count).astype(np.int64)
    spread[len(spread) - len(ends) :] = ends
    return spread


def _ends(flat: np.ndarray) -> list[int]:
    fine = np.isfinite(flat)
    if not fine.any():
        return []
    filled = np.where(fine, flat, flat[fine][0])
    return [int(filled.argmin()), int(filled.argmax())]
