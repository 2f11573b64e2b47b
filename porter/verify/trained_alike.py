"""What decides how a step of training moves the weights, beside their gradients: which of them are trained at all, and
what a layer adds to the loss or does to a weight after each step. A conversion writes none of the latter.
"""

from __future__ import annotations

from collections.abc import Iterator

from porter.verify.diagnose import AGREES
from porter.verify.finding import Context
from porter.verify.layers import LayerOutcome
from porter.verify.placing import Placed, heading, place
from porter.verify.reference import Reference
from porter.verify.steps import parts, read
from porter.verify.suspect import config_of, nested
from porter.verify.weights import find_weight

ADDED = ("regularizer", "constraint")  # what the names of such arguments end with


def trained_alike(context: Context, reference: Reference) -> tuple[list[str], list[LayerOutcome]]:
    """What is wrong, in words, and the rows of the layers that it is about."""
    faults, rows = [], []
    seen: set[int] = set()
    for placed in place(context.model, context.report)[0]:
        if id(placed.operation) in seen:
            continue
        seen.add(id(placed.operation))
        for told, agrees in (*_untrained(placed, reference), *_added(placed)):
            diagnosis = f"{AGREES} {agrees}"
            rows.append(LayerOutcome(placed.number, placed.title, "differs", told, diagnosis=diagnosis))
            faults.append(f"{heading(placed.row)}: {told}. {diagnosis}")
    return faults, rows


def _untrained(placed: Placed, reference: Reference) -> Iterator[tuple[str, str]]:
    """The weights that the original's training graph counts among those it trains, and the model does not."""
    trained = {name.removesuffix(":0") for name in reference.original.source.collections.get("trainable_variables", ())}
    nodes = {variable.name: node for node, variable in reference.original.variables.items()}
    frozen = []
    for key, source in (placed.row.get("weights") or {}).items():
        weight = find_weight(placed.operation, key) if getattr(placed.operation, "weights", None) else None
        if weight is None or weight.trainable or not isinstance(source, str):
            continue
        names = [read(piece)[0].removesuffix(":0") for piece in parts(source)[0]]
        if all(name in trained or nodes.get(name) in trained for name in names):
            frozen.append(key)
    if frozen and not placed.operation.trainable:
        yield f"the original trains {', '.join(frozen)}, the model does not", "trainable is True instead of False"


def _added(placed: Placed) -> Iterator[tuple[str, str]]:
    config = config_of(placed.operation)
    for path, _, inner in nested(config, "") if config else ():
        for name, value in inner.items():
            if name.endswith(ADDED) and value is not None:
                kind = value.get("class_name") if isinstance(value, dict) else value
                where = "".join(f" of its {step}" for step in reversed(path) if isinstance(step, str))
                does = "adds to the loss" if name.endswith("regularizer") else "changes weights after each step"
                yield f"its {name}{where}, {kind}, {does}; the original's outputs know of none", f"{name} is None"
