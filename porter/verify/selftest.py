"""`porter verify --self-test`: does the proof catch what it should? The model is made wrong in named ways, in turn.

A mutation that no level catches must make no difference on this model; else the proof has a hole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from porter.errors import OutputsDiffer
from porter.verify.case import Case
from porter.verify.compare import compare
from porter.verify.finding import FAILED, Context
from porter.verify.levels import LEVELS
from porter.verify.mutations import MUTATIONS, Mutation

ORDER = (0, 2, 3, 5)  # cheap levels first; the first that fails has caught it
CAUGHT, ALIKE, MISSED, NOT_HERE = "caught", "no difference", "missed", "does not apply"


@dataclass
class Trial:
    """One mutation. layer: which was changed. level, how: by which level it was caught, and what that said."""

    mutation: str
    status: str
    layer: str = ""
    level: int | None = None
    how: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def self_test(context: Context, progress: Callable[[str], None] | None = None) -> list[Trial]:
    """Every mutation, tried on the layer in the middle of those that it can change."""
    operations = list(context.model.operations)
    found = []
    for mutation in MUTATIONS:
        if progress:
            progress(mutation.title)
        found.append(_try(mutation, operations, context))
    return found


def _try(mutation: Mutation, operations: Sequence[Any], context: Context) -> Trial:
    able = [each for each in operations if mutation.made(each) is not None]
    if not able:
        return Trial(mutation.title, NOT_HERE)
    alike = None
    # where the layer in the middle shows nothing, another one may
    for operation in dict.fromkeys((able[len(able) // 2], able[0], able[-1])):
        trial = _on(mutation, operation, context)
        if trial.status != ALIKE:
            return trial
        alike = alike or trial
    assert alike is not None
    return alike


def _on(mutation: Mutation, operation: Any, context: Context) -> Trial:
    title = f"{type(operation).__name__} {operation.name}"
    before = _answers(context)
    change = mutation.made(operation)
    assert change is not None
    with change:
        mutated = context.with_model(context.model)
        for level in LEVELS:
            if level.number in ORDER:
                finding = level.check(mutated)
                if finding.status == FAILED:
                    return Trial(mutation.title, CAUGHT, title, level.number, finding.reason.splitlines()[0])
        after = _answers(mutated)
    worst = _difference(before, after, context)
    if worst is None:
        told = "its results stay the same, or within the tolerance"
        if mutation.in_training:
            told = "in inference; the source holds no training of this layer that it could be compared with"
        return Trial(mutation.title, ALIKE, title, how=told)
    return Trial(mutation.title, MISSED, title, how=worst)


def _answers(context: Context) -> dict[str, np.ndarray] | str:
    """The conversion's outputs on one case; or what it raises."""
    case = _case(context)
    if case is None:
        return {}
    try:
        return context.trials.converted.run(case.feeds)
    except OutputsDiffer as problem:
        return problem.what


def _case(context: Context) -> Case | None:
    trials = context.trials
    if trials.fitting is not None:
        return trials.accepted()
    return trials.recorded[0] if trials.recorded else None


def _difference(before: Any, after: Any, context: Context) -> str | None:
    """How the answers of the mutated model differ from the right ones; None where they don't."""
    if isinstance(before, str) or isinstance(after, str):
        return None if before == after else f"it raises: {after}"
    for name, want in before.items():
        found = compare(after[name], want, context.trials.tolerance)
        if not found.ok:
            return f"{name}: {found.why}"
    return None
