"""Where a graph and a checkpoint call things differently: which stored variable may be which of the graph's.

A proposal only: whoever asked for the conversion has to accept it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

Shape = tuple[int | None, ...]
SAME = {
    "weights": "kernel", "weight": "kernel", "w": "kernel", "filter": "kernel", "matrix": "kernel", "biases": "bias",
    "b": "bias", "scale": "gamma", "offset": "beta", "embedding": "embeddings", "mean": "moving_mean",
    "variance": "moving_variance", "pop_mean": "moving_mean", "pop_var": "moving_variance",
}  # fmt: skip
DRESSING = {"exponentialmovingaverage", ".attributes", "variable_value", "model", "read", "cond"}


@dataclass
class Proposal:
    """One pair. stored: the checkpoint's name, "" where nothing fits. why: what it was found by."""

    name: str
    stored: str
    why: str


def propose(
    wanted: Mapping[str, Shape | None],
    stored: Mapping[str, tuple[int, ...]],
    load: Callable[[str], np.ndarray] | None = None,
) -> list[Proposal]:
    """For each wanted variable of the graph the stored one that may be meant, in the order of the graph.

    wanted: shapes as the graph declares them. stored: those that nothing else uses. load: gives a stored array, to tell
    a variance, which is never negative, from a mean. Decided by the longest common end of the names, then by shape
    alone, then by the order of those of one shape. Names that differ in numbers only, and nameless variables, go by order.
    """
    free = dict(stored)
    found: dict[str, Proposal] = {}

    def take(name: str, other: str, why: str) -> None:
        found[name] = Proposal(name, other, why)
        del free[other]

    for depth in range(8, 0, -1):
        ends: dict[tuple, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
        for name in wanted:
            if name not in found and len(parts := _parts(name)) >= depth:
                ends[tuple(parts[-depth:])][0].append(name)
        for name in free:
            if len(parts := _parts(name)) >= depth:
                ends[tuple(parts[-depth:])][1].append(name)
        for end, (names, others) in ends.items():
            if depth == 1 and not re.search(r"\d", end[0]) and (len(wanted) > 1 or len(stored) > 1):
                continue  # that both are kernels says little
            for name in names:
                fit = [other for other in others if other in free and fits(free[other], wanted[name])]
                if len(fit) == 1 and len(names) == 1:
                    take(name, fit[0], _kinship(name, fit[0], depth))
    for names, others in _alike_but_for_numbers(wanted, free, found):
        if len(names) == len(others) and all(fits(free[b], wanted[a]) for a, b in zip(names, others, strict=True)):
            for name, other in zip(names, others, strict=True):
                take(name, other, "the same name but for numbers, in order")
    left = [name for name in wanted if name not in found]
    unnamed = [other for other in sorted(free, key=_natural) if re.fullmatch(r"(.*/)?Variable(_\d+)?", other)]
    if len(left) == len(unnamed) and all(fits(free[b], wanted[a]) for a, b in zip(left, unnamed, strict=True)):
        for name, other in zip(left, unnamed, strict=True):
            take(name, other, "nameless, the same place among all")
    rest: dict[tuple, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for name, shape in wanted.items():
        if name not in found:
            rest[(shape, _parts(name)[-1])][0].append(name)
    for other in sorted(free, key=_natural):
        for shape, role in rest:
            its = _parts(other)[-1]
            if fits(free[other], shape) and (its == role or not (_known(its) and _known(role))):
                rest[(shape, role)][1].append(other)
    for (_, role), (names, others) in rest.items():
        others = [other for other in others if other in free]
        if load is not None and role == "moving_variance":
            others = [other for other in others if bool((load(other) >= 0).all())]
        if len(names) == len(others):
            why = "the only one of its shape" if len(names) == 1 else "the order of those of its shape"
            for name, other in zip(names, others, strict=True):
                take(name, other, why)
    return [found.get(name) or Proposal(name, "", "nothing fits, or too much does") for name in wanted]


def _kinship(name: str, other: str, depth: int) -> str:
    """In which way two names are the same whose last `depth` parts are."""
    if other.endswith("/ExponentialMovingAverage"):
        return "its moving average"
    if depth == 1:
        return "the same last name"
    alike = name.rsplit("/", 1)[-1] == other.rsplit("/", 1)[-1]
    return "the same name but for the scope" if alike else "the same name in other words"


def _alike_but_for_numbers(
    wanted: Iterable[str], free: Iterable[str], found: Mapping[str, Proposal]
) -> list[tuple[list[str], list[str]]]:
    """Names that are the same, in their last three steps, without numbers: conv2d_1/kernel and conv2d_8/kernel."""
    groups: dict[tuple[str, ...], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))

    def key(name: str) -> tuple[str, ...]:
        return tuple(re.sub(r"_\d+$", "", step) for step in _parts(name)[-3:])

    for name in sorted((name for name in wanted if name not in found), key=_natural):
        groups[key(name)][0].append(name)
    for other in sorted(free, key=_natural):
        groups[key(other)][1].append(other)
    return [group for group in groups.values() if group[0] and group[1]]


def _known(role: str) -> bool:
    return role in {*SAME.values(), "gamma", "beta"}


def _parts(name: str) -> list[str]:
    """The steps of a name, with one word for each role, and without what savers and averages add."""
    steps = [step for step in name.removesuffix(":0").lower().split("/") if step not in DRESSING]
    return [SAME.get(step, step) for step in steps] or [name]


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts conv_10 behind conv_9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def fits(shape: tuple[int, ...], declared: Shape | None) -> bool:
    """Whether a stored shape is what the graph declares."""
    return declared is None or (
        len(shape) == len(declared) and all(b in (None, a) for a, b in zip(shape, declared, strict=True))
    )
