"""What a training graph writes into its variables: initial values, optimizer steps, moving averages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from porter.read.operations import PASSING, VARIABLES, changes_state, constant, is_optimizer
from porter.read.values import Values
from porter.read.wiring import Tensor, Wiring

READS = PASSING | {"Cast"}
WRITES = {
    "Assign": "set", "AssignVariableOp": "set", "AssignAdd": "add", "AssignAddVariableOp": "add",
    "AssignSub": "subtract", "AssignSubVariableOp": "subtract",
}  # fmt: skip


class Assignments:
    """The operations of a graph that write to variables, by variable."""

    def __init__(self, wiring: Wiring, values: Values):
        self.wiring, self.values = wiring, values
        self.to: dict[str, list[str]] = {}
        self.optimizer_state: set[str] = set()
        for name, node in wiring.nodes.items():
            if not changes_state(node.op) or not wiring.inputs[name]:
                continue
            variables = [self.variable(tensor) for tensor in wiring.inputs[name]]
            if is_optimizer(node.op):
                self.optimizer_state |= {v for v in variables[1:] if v}
            elif variables[0]:
                self.to.setdefault(variables[0], []).append(name)

    def variable(self, tensor: Tensor) -> str:
        """The variable that a tensor reads or refers to, "" if it is none."""
        name = self.wiring.through(tensor, PASSING)[0]
        return name if self.wiring.op(name) in VARIABLES else ""

    @cached_property
    def restored(self) -> dict[str, list[tuple[str, str]]]:
        """By variable, what savers restore into it: a name in the file and the slice's text ("" for all of it)."""
        found: dict[str, list[tuple[str, str]]] = {}
        for variable, writers in self.to.items():
            for writer in writers:
                inputs = self.wiring.inputs[writer]
                source = self.wiring.through(inputs[1], ("Identity",)) if len(inputs) > 1 else ("", 0)
                if self.wiring.op(source[0]) not in ("RestoreV2", "Restore", "RestoreSlice"):
                    continue
                texts = [self._texts(tensor) for tensor in self.wiring.inputs[source[0]][1:]]
                if texts and texts[0] and source[1] < len(texts[0]):
                    slices = texts[1] if len(texts) > 1 and texts[1] else [""] * len(texts[0])
                    found.setdefault(variable, []).append((texts[0][source[1]], slices[source[1]]))
        return found

    def _texts(self, tensor: Tensor) -> list[str]:
        node = self.wiring.nodes.get(tensor[0])
        if node is None or node.op != "Const":
            return []
        return [text.decode() for text in np.ravel(constant(node)).tolist()]

    def initial(self, variable: str) -> np.ndarray | None:
        """The constant that a variable starts with, None if it starts with anything else."""
        for writer in self.to.get(variable, []):
            inputs = self.wiring.inputs[writer]
            if WRITES.get(self.wiring.op(writer)) != "set" or len(inputs) < 2:
                continue
            source = self.wiring.through(inputs[1], ("Identity",))
            if self.wiring.op(source[0]) == "Const":
                return constant(self.wiring.nodes[source[0]])
            if self.wiring.op(source[0]) == "Fill":
                shape, value = (self.values.of(tensor) for tensor in self.wiring.inputs[source[0]])
                if shape is not None and value is not None:
                    return np.full(shape.tolist(), value)
        return None

    def momentum(self, variable: str, given: Mapping[str, Any]) -> float | None:
        """The decay of the moving average that is kept in `variable`, with the nodes in `given` set; None without one.

        Whatever way it is written, the new value is `momentum * variable + …`: its derivative by the variable is what
        we look for. A zero-debiased average is assigned outright; its decay is that of the biased one behind it.
        """
        for writer in self.to.get(variable, []):
            way, inputs = WRITES.get(self.wiring.op(writer)), self.wiring.inputs[writer]
            if way is None or len(inputs) < 2:
                continue
            slope = self._slope(inputs[1], variable, given, 0)
            found = {"set": slope, "add": 1 + slope, "subtract": 1 - slope}[way]
            if 0 < found < 1:
                # The decay is stored as 1 - 0.99 in 32 bits; the author wrote a round number.
                return round(found, 6)
            if (way == "subtract" and slope == 1) or (way == "set" and self.wiring.op(inputs[1][0]) == "RealDiv"):
                return self._biased(inputs[1], variable, given)
        return None

    def _biased(self, delta: Tensor, variable: str, given: Mapping[str, Any]) -> float | None:
        """The decay of the biased average that a zero-debiased one is computed from."""
        around, frontier = {delta[0]}, [delta[0]]
        for _ in range(8):
            frontier = [s for name in frontier for s, _ in self.wiring.inputs.get(name, []) if s not in around]
            around.update(frontier)
        for name in around:
            if WRITES.get(self.wiring.op(name)) == "subtract":
                other = self.variable(self.wiring.inputs[name][0])
                if other and other != variable:
                    return self.momentum(other, given)
        return None

    def debiased(self, variable: str) -> tuple[str, str] | None:
        """The biased average and the number of steps from which a zero-debiased average is computed; None for others.

        The new value is `biased / (1 - momentum ** steps)`, with both moved on first.
        Source: tensorflow/python/training/moving_averages.py, function _zero_debias, 1.0 to 1.15.
        """
        for writer in self.to.get(variable, []):
            inputs = self.wiring.inputs[writer]
            if WRITES.get(self.wiring.op(writer)) not in ("set", "subtract") or len(inputs) < 2:
                continue
            for ratio in self._differing(inputs[1], "RealDiv"):
                biased, factor = self.wiring.inputs[ratio]
                for power in self._differing(factor, "Pow"):
                    found = self._written(biased), self._written(self.wiring.inputs[power][1])
                    if all(found) and variable not in found:
                        return found
        return None

    def _differing(self, tensor: Tensor, op: str) -> list[str]:
        """The operations `op` that a tensor is, or that it is the difference of."""
        name = self.wiring.through(tensor, READS)[0]
        terms = [self.wiring.through(term, READS)[0] for term in self.wiring.inputs.get(name, [])]
        return [each for each in (terms if self.wiring.op(name) == "Sub" else [name]) if self.wiring.op(each) == op]

    def _written(self, tensor: Tensor) -> str:
        """The variable of which a tensor is the new value, "" if it is none."""
        name = self.wiring.through(tensor, READS)[0]
        if WRITES.get(self.wiring.op(name)) in ("add", "subtract"):
            return self.variable(self.wiring.inputs[name][0])
        return self.variable(tensor)

    def _slope(self, tensor: Tensor, variable: str, given: Mapping[str, Any], depth: int) -> float:
        """The derivative of `tensor` by `variable`, 0 where it does not depend on it or not linearly."""
        if self.variable(tensor) == variable:
            return 1.0
        name = self.wiring.through(tensor, READS)[0]
        op, inputs = self.wiring.op(name), self.wiring.inputs.get(name, [])
        if depth > 8:
            return 0.0

        def slope(at: int) -> float:
            return self._slope(inputs[at], variable, given, depth + 1)

        if op in ("Add", "AddV2", "AddN"):
            return sum(slope(at) for at in range(len(inputs)))
        if op == "Sub":
            return slope(0) - slope(1)
        if op == "Neg":
            return -slope(0)
        if op == "Mul":
            for at in (0, 1):
                factor = self.values.number(inputs[1 - at], given)
                if factor is not None and (by := slope(at)):
                    return by * factor
        if op in ("RealDiv", "Div"):
            factor = self.values.number(inputs[1], given)
            return slope(0) / factor if factor else 0.0
        if op in ("Merge", "RefMerge"):
            taken = self.values.taken(name, given)
            if taken is not None:
                return self._slope(taken, variable, given, depth + 1)
            return next((by for at in range(len(inputs)) if (by := slope(at))), 0.0)
        if op in ("Select", "SelectV2"):
            return slope(1) or slope(2)
        return 0.0

    @cached_property
    def shadows(self) -> dict[str, str]:
        """Variables that keep a moving average of another variable, and which."""
        found: dict[str, str] = {}
        for variable, writers in self.to.items():
            for writer in writers:
                inputs = self.wiring.inputs[writer]
                if WRITES.get(self.wiring.op(writer)) != "subtract" or len(inputs) < 2:
                    continue
                scaled = self.wiring.through(inputs[1], READS)[0]
                for difference, _ in self.wiring.inputs.get(scaled, []):
                    terms = self.wiring.inputs.get(difference, []) if self.wiring.op(difference) == "Sub" else []
                    read = [self.variable(term) for term in terms]
                    if len(read) == 2 and read[0] == variable and read[1] and read[1] != variable:
                        found[variable] = read[1]
        return found


def slot_of(name: str) -> bool:
    """Whether a variable's name is one that TensorFlow's optimizers give to their own variables."""
    last = name.rsplit("/", 1)[-1]
    return bool(
        re.fullmatch(
            r"(Adam|Adagrad|AdagradDA|Adadelta|Momentum|RMSProp|Ftrl|AdaMax|Nadam|LAMB|LARS|[A-Za-z]*Optimizer)(_\d+)?",
            last,
        )
        or re.fullmatch(r"beta[12]_power(_\d+)?", last)
    )
