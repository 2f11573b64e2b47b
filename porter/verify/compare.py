"""Compares two arrays: what the conversion gave and what the original gave."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

RTOL = 1e-5
ROUNDINGS = 8  # how many times the original's own rounding a difference may be
BLUNT = 1e-3  # where that many roundings exceed this share of the reference's scale, agreement says nothing
COARSE = 16  # as many last places of a short type may do so, too: 1.6 % of the scale in float16
LARGE = 100_000  # elements from which on it pays not to compare in double first
KINDS = {"i": "integer", "u": "integer", "b": "bool", "f": "float", "V": "float", "c": "complex"}  # V: bfloat16
EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7}


@dataclass
class Comparison:
    """How one array compares with its reference.

    clause: what it passed by: "exact" (integers and bools, or no difference at all), "tolerance", "rounding" (within
        8 times the reference's own), or "undecided": the reference's own rounding is so large that agreement says
        nothing. "" where it failed.
    error: the largest absolute difference; relative: that over the reference's scale. share: of the elements, those
    that are off. index, got, want: where the difference is worst in proportion to what is allowed.
    """

    ok: bool
    clause: str = ""
    why: str = ""
    error: float = 0.0
    relative: float = 0.0
    share: float = 0.0
    scale: float = 0.0
    index: tuple[int, ...] = ()
    got: Any = None
    want: Any = None

    @property
    def decided(self) -> bool:
        return self.clause != "undecided"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: infinities and NaN as text."""
        plain = asdict(self)
        plain["index"] = list(self.index)
        return {
            key: str(value) if isinstance(value, float) and not np.isfinite(value) else value
            for key, value in plain.items()
        }

    def __str__(self) -> str:
        if self.ok:
            return f"{self.relative:.1e} of the spread ({self.clause})"
        return self.why


@dataclass
class Tolerance:
    """rtol, and atol as rtol times the reference's scale. rounding: whether the second clause holds.

    narrow: whether 32-bit types may stand for 64-bit ones (JAX computes in 32 bits).
    """

    rtol: float = RTOL
    rounding: bool = True
    narrow: bool = field(default=False)

    @classmethod
    def named(cls, how: float | str | None) -> Tolerance:
        """The tolerance that a user asked for: None or "default"; "strict": a tenth, and nothing for the original's own
        rounding; "loose": a hundred times as much; a number: that, and nothing for rounding.
        """
        if how is None or how == "default":
            return cls()
        if isinstance(how, str):
            return {"strict": cls(1e-6, False), "loose": cls(1e-3)}[how]
        return cls(how, False)


def scale_of(want: np.ndarray) -> float:
    """The spread of the finite values; where they are all but constant, their size.

    The spread, not the size: a network whose outputs hardly differ from each other must still get them right.
    """
    fine = want[np.isfinite(want)]
    if not fine.size:
        return 1e-6
    if np.iscomplexobj(fine):
        fine = np.concatenate([fine.real, fine.imag])
    spread, size = float(np.ptp(fine)), float(np.abs(fine).max())
    return max(spread if spread >= 1e-3 * size else size, 1e-6)


def compare(got: Any, want: Any, tolerance: Tolerance | None = None, exact_run: Any = None) -> Comparison:
    """Compare `got` with `want`, elementwise: |got - want| <= rtol * scale + rtol * |want|.

    exact_run: the reference computed in float64, for the clause of 8 roundings (the largest in the tensor counts).
    """
    tolerance = tolerance or Tolerance()
    got, want = np.asarray(got), np.asarray(want)
    refusal = _different_form(got, want, tolerance)
    if refusal:
        return Comparison(False, why=refusal, error=np.inf, relative=np.inf, share=1.0)
    if want.dtype.kind not in "fVc":
        return _exactly(got, want)
    if want.dtype == got.dtype == np.float32 and want.size > LARGE:
        quick = _quickly(got, want, tolerance)
        if quick is not None:
            return quick
    rtol = max(tolerance.rtol, 4 * EPSILON.get(str(want.dtype), 0.0))
    blunt = max(BLUNT, COARSE * EPSILON.get(str(want.dtype), 0.0))
    wide = np.complex128 if want.dtype.kind == "c" else np.float64
    got, want = got.astype(wide), want.astype(wide)
    fine = np.isfinite(want)
    elsewhere = _misplaced(got, want, fine)
    if elsewhere.any():
        return _not_finite(got, want, elsewhere)
    scale = scale_of(want)
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(fine, np.abs(got - want), 0.0)
        allowed = rtol * scale + rtol * np.where(fine, np.abs(want), 0.0)
    worst = float(difference.max(initial=0.0))
    found = Comparison(True, error=worst, relative=worst / scale, scale=scale)
    if worst == 0.0:
        found.clause = "exact"
        return found
    off = difference > allowed
    if not off.any():
        found.clause = "tolerance"
        return found
    noise = _rounding(want, exact_run) if tolerance.rounding and exact_run is not None else 0.0
    off &= difference > ROUNDINGS * noise
    if not off.any():
        found.clause = "undecided" if ROUNDINGS * noise > blunt * scale else "rounding"
        if not found.decided:
            found.why = f"the original's own rounding is {noise / scale:.1e} of the spread here: agreement says nothing"
        return found
    at = np.unravel_index(int(np.argmax(np.where(off, difference / allowed, 0.0))), want.shape)
    found.ok, found.share = False, float(off.mean())
    found.index, found.got, found.want = tuple(int(i) for i in at), _plain(got[at]), _plain(want[at])
    found.why = (
        f"off by up to {worst:.3g}, {found.relative:.1e} of the spread, in {_percent(found.share)} of the elements; "
        f"worst at {list(found.index)}: {got[at]:.7g} instead of {want[at]:.7g}"
    )
    if noise:
        found.why += f" (the original's own rounding: {noise:.1e})"
    return found


def _quickly(got: np.ndarray, want: np.ndarray, tolerance: Tolerance) -> Comparison | None:
    """The comparison of large arrays that clearly agree, without a copy in double; None where it takes a closer look."""
    high, low = float(want.max()), float(want.min())
    spread, size = high - low, max(abs(high), abs(low))
    if not np.isfinite(spread):
        return None
    scale = max(spread if spread >= 1e-3 * size else size, 1e-6)
    worst = float(np.abs(got - want).max())
    if not worst <= tolerance.rtol * scale:  # NaN too
        return None
    return Comparison(True, "tolerance" if worst else "exact", error=worst, relative=worst / scale, scale=scale)


def _different_form(got: np.ndarray, want: np.ndarray, tolerance: Tolerance) -> str:
    if got.shape != want.shape:
        return f"shape {list(got.shape)} instead of {list(want.shape)}"
    if got.dtype == want.dtype or got.dtype.kind == want.dtype.kind == "U":
        return ""
    kinds = KINDS.get(got.dtype.kind), KINDS.get(want.dtype.kind)
    if tolerance.narrow and kinds[0] == kinds[1] and 2 * got.dtype.itemsize == want.dtype.itemsize >= 8:
        return ""
    return f"dtype {got.dtype} instead of {want.dtype}"


def _exactly(got: np.ndarray, want: np.ndarray) -> Comparison:
    off = got != want
    if not off.any():
        return Comparison(True, "exact")
    at = tuple(int(i) for i in np.argwhere(off)[0])
    share = float(off.mean())
    numbers = want.dtype.kind in "iu"
    error = float(np.abs(got.astype(np.float64) - want.astype(np.float64)).max()) if numbers else 1.0
    why = f"{_percent(share)} of the elements differ; first at {list(at)}: {got[at]} instead of {want[at]}"
    return Comparison(False, "", why, error, share, share, 1.0, at, _plain(got[at]), _plain(want[at]))


def _misplaced(got: np.ndarray, want: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Where one is NaN or infinite and the other is not the same."""
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    return np.where(fine, ~np.isfinite(got), ~same)


def _not_finite(got: np.ndarray, want: np.ndarray, elsewhere: np.ndarray) -> Comparison:
    at = tuple(int(i) for i in np.argwhere(elsewhere)[0])
    share = float(elsewhere.mean())
    why = (
        f"NaN or infinity in different places, {_percent(share)} of the elements; "
        f"first at {list(at)}: {got[at]} instead of {want[at]}"
    )
    return Comparison(False, "", why, np.inf, np.inf, share, scale_of(want), at, str(got[at]), str(want[at]))


def _rounding(want: np.ndarray, exact_run: Any) -> float:
    """The largest rounding error in the reference, over the elements that are finite in both runs."""
    exact_run = np.asarray(exact_run)
    if exact_run.shape != want.shape:
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(want - exact_run)
    return float(error[np.isfinite(error)].max(initial=0.0))


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return str(value) if isinstance(value, complex | bytes) else value


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
