"""What the original's training graph writes into its moving averages, found in the whole graph of the source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from porter.verify.graphdef import by_name, split

WRITES = {
    "Assign": "set", "AssignVariableOp": "set",
    "AssignAdd": "add", "AssignAddVariableOp": "add",
    "AssignSub": "subtract", "AssignSubVariableOp": "subtract",
}  # fmt: skip
PASSING = {"Identity", "RefIdentity", "Switch", "RefSwitch", "Enter", "RefEnter", "ReadVariableOp"}


class Update(NamedTuple):
    """One write to a variable: it is set to `tensor`, or that is added to or subtracted from it."""

    how: str
    tensor: str

    def apply(self, old: Any, array: Any) -> Any:
        """The variable after the write."""
        return array if self.how == "set" else old + array if self.how == "add" else old - array


def find_updates(graph_def: Any, variables: Iterable[str], behind: Iterable[str]) -> dict[str, list[Update]]:
    """By variable's node, the writes to it whose value depends on one of the nodes `behind` (the model's inputs)."""
    nodes, wanted, reached = by_name(graph_def), set(variables), _behind(graph_def, behind)
    found: dict[str, list[Update]] = {}
    for node in graph_def.node:
        if node.op not in WRITES or len(node.input) < 2:
            continue
        variable = _variable(nodes, node.input[0])
        if variable not in wanted:
            continue
        name, index = split(node.input[1])
        if index >= 0 and name in reached:
            found.setdefault(variable, []).append(Update(WRITES[node.op], f"{name}:{index}"))
    return found


def _behind(graph_def: Any, starts: Iterable[str]) -> set[str]:
    """The nodes that depend on `starts`, these included."""
    users: dict[str, list[str]] = {}
    for node in graph_def.node:
        for tensor in node.input:
            users.setdefault(split(tensor)[0], []).append(node.name)
    found: set[str] = set()
    stack = list(starts)
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(users.get(name, ()))
    return found


def _variable(nodes: Mapping[str, Any], tensor: str) -> str:
    """The node that a reference or a handle comes from."""
    name = split(tensor)[0]
    while name in nodes and nodes[name].op in PASSING and nodes[name].input:
        name = split(nodes[name].input[0])[0]
    return name
