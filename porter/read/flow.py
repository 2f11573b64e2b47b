"""What flows where: which nodes depend on data, on weights, and which only train, save or report."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from porter.read.operations import (
    VARIABLES,
    changes_state,
    constant_size,
    input_types,
    may_take_text,
    only_tells,
    output_types,
)
from porter.read.wiring import Tensor, Wiring

# tf.gradients names its operations so, and nothing else does: "gradients/…/<forward operation>_grad/".
GRADIENTS = re.compile(r"(^|/)gradients(_\d+)?/|_grad/|(^|/)gradients(_\d+)?$")
STRING, RESOURCE, VARIANT, NUMBERS = 7, 20, 21, {1, 2, 3, 4, 5, 6, 8, 9, 10, 14, 17, 18, 19, 22, 23}
QUEUES = re.compile(r"Queue.*Dequeue|^Iterator.*GetNext|^PyFunc|^EagerPyFunc|^ReaderRead|^Unstage|^InfeedDequeue")


class Flow:
    """Sets of node names, each found in time linear in the graph."""

    def __init__(self, wiring: Wiring, trainable: set[str] | None = None):
        self.wiring, self._trainable = wiring, trainable

    @cached_property
    def sources(self) -> set[str]:
        """Nodes through which data comes in: placeholders, iterators, dequeues, what makes numbers out of strings."""
        return {
            name
            for name, node in self.wiring.nodes.items()
            if node.op.startswith("Placeholder") or self.is_boundary(name)
        }

    def is_boundary(self, name: str) -> bool:
        """Whether numbers come out of a node that reads, decodes or looks up: nothing before it can be converted."""
        node = self.wiring.nodes[name]
        if QUEUES.search(node.op):
            return True
        if node.op in ("Equal", "NotEqual", "Assert", "Print", "PrintV2") or node.op.startswith(
            ("Save", "Restore", "Placeholder")
        ):
            return False
        if only_tells(node.op) or not may_take_text(node.op):
            return False
        takes, gives = input_types(node) or [], output_types(node) or []
        return STRING in takes and any(t in NUMBERS for t in gives)

    @cached_property
    def weights(self) -> set[str]:
        """Variables that hold weights or moving statistics; in a graph without variables its constants of floats."""
        found = set()
        variables = [node for node in self.wiring.nodes.values() if node.op in VARIABLES]
        for node in variables:
            shape = node.attr["shape"].shape
            if node.attr["dtype"].type % 100 in (1, 2, 14, 19) and (
                shape.dim or shape.unknown_rank or node.name in (self._trainable or ())
            ):
                found.add(node.name)
        if variables:
            return found
        return {
            n.name
            for n in self.wiring.nodes.values()
            if n.op == "Const" and n.attr["dtype"].type in (1, 2, 14, 19) and constant_size(n) > 1
        }

    @cached_property
    def writing(self) -> set[str]:
        """Nodes that change a variable, and what only reports."""
        return {name for name, node in self.wiring.nodes.items() if changes_state(node.op) or only_tells(node.op)}

    @cached_property
    def training(self) -> set[str]:
        """Gradients and all that is computed from them, from assignments or from what only reports."""
        start = {name for name in self.wiring.nodes if GRADIENTS.search(name)}
        return self.wiring.after(start | self.writing)

    @cached_property
    def bookkeeping(self) -> set[str]:
        """What is computed for nothing but an assignment: increments of moving averages, metrics, schedules."""
        found: set[str] = set()
        waiting = {name: len(users) for name, users in self.wiring.users.items()}
        stack = [name for name, node in self.wiring.nodes.items() if changes_state(node.op)]
        while stack:
            for source, _ in self.wiring.inputs[stack.pop()]:
                if source in waiting:
                    waiting[source] -= 1
                    if waiting[source] == 0 and self.wiring.op(source) not in VARIABLES and source not in self.sources:
                        found.add(source)
                        stack.append(source)
        return found

    @cached_property
    def forward(self) -> set[str]:
        """All that computes what the graph is for."""
        return set(self.wiring.nodes) - self.training

    @cached_property
    def fed(self) -> set[str]:
        """What depends on data. That a cond is decided by what is fed does not count."""
        return self.after_data(self.sources)

    def after_data(self, names: Iterable[str], tensors: Iterable[Tensor] = ()) -> set[str]:
        """`names` and all that is computed from them, or from single outputs of nodes (`tensors`), within forward."""
        seen: set[str] = set()
        stack = [name for name in names if name in self.forward]
        stack += [user for name, index in tensors for user in self._data_users(name, index)]
        while stack:
            name = stack.pop()
            if name not in seen:
                seen.add(name)
                stack += self._data_users(name)
        return seen

    def _data_users(self, name: str, output: int | None = None) -> list[str]:
        """Who computes from a node's data in forward. A shape is not data, nor is what is filled into a shape."""
        return [
            user
            for user, slot, index in self.wiring.users[name]
            if user in self.forward
            and output in (None, index)
            and not (slot == 1 and self.wiring.op(user) in ("Switch", "RefSwitch"))
            and self.wiring.op(user) not in ("Shape", "Rank", "Size", "ZerosLike", "OnesLike", "ShapeN")
        ]

    @cached_property
    def weighted(self) -> set[str]:
        """What depends on weights."""
        return self.after_data(self.weights)

    @cached_property
    def unmet(self) -> set[str]:
        """What depends on weights and not on data."""
        return self.weighted - self.fed

    @cached_property
    def joins(self) -> set[str]:
        """Nodes where data meets weights that it had not met before: matmuls, convolutions, bias additions, gathers."""
        found = set()
        for name in (self.forward & self.fed & self.weighted) - self.bookkeeping:
            inputs = [source for source, _ in self.wiring.inputs[name]]
            if self.wiring.op(name) in ("Merge", "Switch", "RefSwitch", "RefMerge"):
                continue
            fed = any(source in self.fed for source in inputs)
            if fed and any(source in self.unmet for source in inputs):
                found.add(name)
        return found
