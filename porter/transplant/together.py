"""Queries, keys and values: three layers on one side may be one layer of three times the width on the other."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from porter.transplant.parts import Part

if TYPE_CHECKING:
    from porter.transplant.match import Match

TASKS = {"query": "query", "q": "query", "key": "key", "k": "key", "value": "value", "v": "value"}
ORDER = ("query", "key", "value")
SIDE_BY_SIDE = "query, key and value side by side"


def task_of(part: Part) -> str:
    """ "query", "key" or "value" where the part's own name says so (query, q_proj, wq, to_q), "" elsewhere."""
    words = re.findall(
        r"[a-z]+", re.sub(r"(?<=_)w(?=[qkv]\b)|\bw(?=[qkv]\b)", "", part.name.rpartition("/")[2].lower())
    )
    found = {TASKS[word] for word in words if word in TASKS}
    return found.pop() if len(found) == 1 else ""


def side_by_side(sources: list[Part], targets: list[Part], found: Match) -> None:
    """Put three free parts of the original into one of the model, or one into three, in the order of the network.

    It is done where there are as many threes as wide ones, whose size nothing else has on the other side, and where names
    tell the three apart.
    """
    free_s, free_t = ([part for part in parts if part.main == "kernel"] for parts in (sources, targets))
    for narrow, wide, joined in ((free_s, free_t, True), (free_t, free_s, False)):
        threes = defaultdict(list)
        for three in _threes(narrow):
            threes[_wide(three)].append(three)
        for shape, each in threes.items():
            fitting = [part for part in wide if part.shape()[-2:] == shape and _is_matrix(part)]
            if len(fitting) != len(each) or any(part.shape()[-2:] == shape for part in narrow):
                continue
            for three, one in zip(each, fitting, strict=True):
                pairs = [(_joined(three), one)] if joined else list(zip(_cut(one, three), three, strict=True))
                found.pairs += [(source, target, SIDE_BY_SIDE) for source, target in pairs]
                found.taken |= {id(part) for part in (three if joined else [one])}


def _threes(parts: Iterable[Part]) -> list[list[Part]]:
    """Queries, keys and values that belong together: of one place along the graph, or of one scope."""
    groups: dict[Any, list[Part]] = defaultdict(list)
    for part in parts:
        if _is_matrix(part):
            place = part.signature[:2] if part.signature else _scope(part)
            groups[place, part.shape()].append(part)
    found = []
    for group in groups.values():
        by_task = {task_of(part): part for part in group}
        if len(group) == 3 and by_task.keys() == set(ORDER):
            found.append([by_task[task] for task in ORDER])
    return found


def _scope(part: Part) -> str:
    """A part's name without what says its task."""
    scope, _, last = part.name.rpartition("/")
    return f"{scope}/{re.sub(r'query|key|value|[qkv]', '', last.lower())}"


def _is_matrix(part: Part) -> bool:
    return all(size == 1 for size in part.shape()[:-2]) and len(part.shape()) > 1


def _wide(three: list[Part]) -> tuple[int, ...]:
    rows, columns = three[0].shape()[-2:]
    return rows, 3 * columns


def _joined(three: list[Part]) -> Part:
    """A part with the weights of three, one after the other."""
    weights = {
        role: np.concatenate([np.asarray(part.weights[role]).reshape(part.shape(role)) for part in three], axis=-1)
        for role in three[0].weights
        if all(role in part.weights for part in three)
    }
    names = {role: ", ".join(part.names[role] for part in three) for role in weights}
    return Part(", ".join(part.name for part in three), weights, names, three[0].family)


def _cut(one: Part, three: list[Part]) -> list[Part]:
    """The thirds of a part's weights."""
    cut = {role: np.split(np.asarray(array), 3, axis=-1) for role, array in one.weights.items()}
    found = []
    for place, target in enumerate(three):
        weights = {role: pieces[place] for role, pieces in cut.items() if role in target.weights}
        weights = {role: array.reshape(target.shape(role)) for role, array in weights.items()}
        found.append(
            Part(one.name, weights, {role: f"{one.names[role]}, {ORDER[place]}" for role in weights}, one.family)
        )
    return found
