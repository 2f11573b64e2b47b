"""Which variables are trained together, and on what loss."""

from __future__ import annotations

import re
from dataclasses import dataclass

from porter.read.flow import GRADIENTS
from porter.read.operations import PASSING, VARIABLES, is_optimizer
from porter.read.wiring import Wiring

# tf.gradients calls the gradient of the operation X "gradients/X_grad/…", and starts from "gradients/grad_ys_0".
START = re.compile(r"(^|/)gradients(_\d+)?/(grad_ys_\d+|Fill(_\d+)?)$")
OF = re.compile(r"(?:^|/)gradients(?:_\d+)?/(.+?)_grad/")


@dataclass
class Step:
    """What one optimizer step trains. losses: the operations that its gradients start from."""

    variables: set[str]
    losses: frozenset[str]


def steps(wiring: Wiring) -> list[Step]:
    """The optimizer steps of a graph, those on one loss as one: a GAN has two."""
    found: dict[str, list[str]] = {}
    waits: dict[str, str] = {}
    for name, node in wiring.nodes.items():
        if node.op in ("NoOp", "AssignAdd", "AssignAddVariableOp"):
            for control in wiring.controls[name]:
                waits.setdefault(control, name)
    for name, node in wiring.nodes.items():
        if is_optimizer(node.op):
            found.setdefault(waits.get(name, ""), []).append(name)
    by_loss: dict[frozenset[str], set[str]] = {}
    for updates in found.values():
        variables = {
            wiring.through(wiring.inputs[update][0], PASSING)[0] for update in updates if wiring.inputs[update]
        }
        variables = {variable for variable in variables if wiring.op(variable) in VARIABLES}
        by_loss.setdefault(_losses(wiring, updates), set()).update(variables)
    return [Step(variables, losses) for losses, variables in by_loss.items()]


def _losses(wiring: Wiring, updates: list[str]) -> frozenset[str]:
    """The operations from which the gradients of `updates` start."""
    seen: set[str] = set()
    found: set[str] = set()
    stack = list(updates)
    while stack:
        for source, _ in wiring.inputs.get(stack.pop(), []):
            if source in seen or source not in wiring.nodes or not GRADIENTS.search(source):
                continue
            seen.add(source)
            if START.search(source):
                names = (OF.search(user) for user, _, _ in wiring.users[source])
                found.update(match[1] for match in names if match)
            stack.append(source)
    return frozenset(found)
