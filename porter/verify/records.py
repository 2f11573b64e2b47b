"""What the original answers, written down small: for a machine that does not have it.

Inputs are drawn again from the seed. Of each answer so many numbers are kept as there is room for, always at the same
places, with the smallest and the largest among them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from porter.verify.case import Case
from porter.verify.compare import KINDS as DTYPES
from porter.verify.compare import scale_of
from porter.verify.finding import Context
from porter.verify.independence import coupled, sample_axes
from porter.verify.inputs import KINDS, Input, Setting, draw
from porter.verify.reference import Refused
from porter.verify.sampled import Sampled, sample
from porter.verify.trials import Trials

SEVERAL = 8  # samples; where the batch is fixed at more, only a few kinds of inputs are run
ROOM = 40_000  # bytes of numbers, all answers together


def record(context: Context) -> dict[str, Any] | None:
    """The original's answers to a few cases, JSON-able; None where it cannot be run."""
    trials = context.trials
    if trials.reference is None or trials.nothing_to_try:
        return None
    usual = trials.accepted()
    alone = trials.case(KINDS[0], 1) if 1 in trials.batches else usual
    single = alone if _recordable(trials, alone) else usual
    cases = [(KINDS[0], usual)] if usual.samples != single.samples else []
    kinds = KINDS if single.samples <= SEVERAL else KINDS[:2]
    cases += [(kind, trials.case(kind, single.samples)) for kind in kinds]
    rows = [(kind, case, names) for kind, case in cases if (names := _recordable(trials, case))]
    count = sum(len(names) for _, _, names in rows)
    if not count:
        return None
    rounding = _rounding(single)
    assert trials.fitting is not None
    return {
        "seed": trials.seed,
        "setting": asdict(trials.fitting[0]),
        "inputs": [
            {"tensor": each.tensor, "bound": each.bound, "features": each.features, "keys": each.keys}
            for each in trials.inputs
        ],
        "axes": usual.axes,
        "independent": _independent(trials, usual),
        "cases": [
            {
                "kind": kind,
                "batch": case.samples,
                "inputs": digest(case.feeds),
                "outputs": {
                    name: sample(case.want[name], ROOM // count, own.get(name, 0.0)).to_dict() for name in names
                },
            }
            for kind, case, names in rows
            for own in [_larger(rounding, _rounding(case, beside=True))]
        ],
    }


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """Tells whether arrays are the same, name by name."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {array.dtype} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def _recordable(trials: Trials, case: Case) -> list[str]:
    """The outputs whose answers to `case` the conversion should give, too."""
    try:
        names = list(case.want)
    except Refused:
        return []
    apart = trials.batch_safe if case.samples > 1 else frozenset()
    return [name for name in names if name not in apart and name not in trials.random]


def _larger(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: max(one.get(name, 0.0), other.get(name, 0.0)) for name in {**one, **other}}


def _rounding(case: Case, *, beside: bool = False) -> dict[str, float]:
    """For each output its own rounding, in proportion to its scale.

    beside: against float64 at inputs one unit in the last place away. Where numbers are nearly equal, a norm with next to
    no epsilon makes very much of their last place, which another backend rounds in its own way.
    """
    found = {}
    for name, want in case.want.items():
        exact = None
        if DTYPES.get(want.dtype.kind) == "float":
            exact = case.in_double_nearby(name) if beside else case.in_double(name)
        if exact is not None and exact.shape == want.shape and want.size:
            error = np.abs(want.astype(np.float64) - exact)
            found[name] = float(error[np.isfinite(error)].max(initial=0.0)) / scale_of(want.astype(np.float64))
    return found


def _independent(trials: Trials, case: Case) -> dict[str, int]:
    """The outputs whose samples do not influence each other, and the axis along which these lie."""
    if case.samples < 2:
        return {}
    axes = sample_axes(trials)
    together = coupled(trials.converted.run, case, axes)
    return {name: axis for name, axis in axes.items() if name not in together and name not in trials.random}


def recorded_cases(records: Mapping[str, Any], inputs: Sequence[Input], outputs: list[str]) -> list[Case]:
    """The cases of a record, inputs drawn again; those that this machine draws otherwise are left out."""
    about = {item["tensor"]: item for item in records["inputs"]}
    given = [
        replace(
            each,
            bound=about[each.tensor]["bound"],
            features=about[each.tensor]["features"],
            keys=tuple(about[each.tensor].get("keys", ())),
        )  # fmt: skip
        for each in inputs
        if each.tensor in about
    ]
    setting = Setting(**{**records["setting"], "sizes": tuple(records["setting"]["sizes"])})
    cases = []
    for item in records["cases"]:
        feeds = draw(given, setting, item["kind"], item["batch"], records["seed"])
        if digest(feeds) != item["inputs"]:
            continue
        want: dict[str, Any] = {name: Sampled.from_dict(sampled) for name, sampled in item["outputs"].items()}
        label = f"{item['kind']}, batch of {item['batch']}, certified"
        cases.append(Case(label, feeds, dict(records["axes"]), item["batch"], outputs, None, want))
    return cases
