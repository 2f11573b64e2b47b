"""Who feeds whom in a GraphDef, and the few questions about it that every part of reading asks."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable
from typing import Any

from porter.errors import UsageError

Tensor = tuple[str, int]  # a node's name and the number of the output


def parse(name: str) -> Tensor:
    """Node and output number of a tensor's name; "x" means "x:0"."""
    node, colon, index = name.rpartition(":")
    return (node, int(index)) if colon and index.isdigit() else (name, 0)


def spell(tensor: Tensor) -> str:
    """A tensor's name as people write it: "x:0"."""
    return f"{tensor[0]}:{tensor[1]}"


class Wiring:
    """A GraphDef with its edges looked up once.

    nodes: NodeDefs by name, in the order of the file, which is the order of creation. inputs: the tensors that a node
    takes. controls: names of the nodes it merely waits for. users: (node, slot, output number) of all that takes from a
    node. Inputs may name nodes that are not there (graphs out of old freezers have dangling control inputs).
    """

    def __init__(self, graph_def: Any):
        self.graph_def = graph_def
        self.nodes: dict[str, Any] = {node.name: node for node in graph_def.node}
        self.inputs: dict[str, list[Tensor]] = {}
        self.controls: dict[str, list[str]] = {}
        self.users: dict[str, list[tuple[str, int, int]]] = {name: [] for name in self.nodes}
        for name, node in self.nodes.items():
            inputs: list[Tensor] = []
            controls: list[str] = []
            for text in node.input:
                if text.startswith("^"):
                    controls.append(text[1:])
                else:
                    inputs.append(parse(text))
            self.inputs[name], self.controls[name] = inputs, controls
            for slot, (source, index) in enumerate(inputs):
                if source in self.users:
                    self.users[source].append((name, slot, index))

    def op(self, name: str) -> str:
        """The operation of a node, "" if there is none of that name."""
        node = self.nodes.get(name)
        return "" if node is None else node.op

    def before(
        self, names: Iterable[str], stop: Collection[str] = (), within: Collection[str] | None = None
    ) -> set[str]:
        """`names` and all that they compute from. `stop` are reached but not passed; `within` bounds it."""
        return self._spread(names, lambda name: (source for source, _ in self.inputs[name]), stop, within)

    def after(
        self, names: Iterable[str], stop: Collection[str] = (), within: Collection[str] | None = None
    ) -> set[str]:
        """`names` and all that is computed from them. `stop` are reached but not passed; `within` bounds it."""
        return self._spread(names, lambda name: (user for user, _, _ in self.users[name]), stop, within)

    def _spread(
        self,
        names: Iterable[str],
        step: Callable[[str], Iterable[str]],
        stop: Collection[str],
        within: Collection[str] | None,
    ) -> set[str]:
        seen: set[str] = set()
        stack = [name for name in names if name in self.nodes and (within is None or name in within)]
        while stack:
            name = stack.pop()
            if name in seen:
                continue
            seen.add(name)
            if name not in stop:
                stack += [
                    n for n in step(name) if n not in seen and n in self.nodes and (within is None or n in within)
                ]
        return seen

    def through(self, tensor: Tensor, ops: Collection[str]) -> Tensor:
        """The tensor that `tensor` comes from, looked back through the first inputs of nodes of the kinds `ops`."""
        seen: set[str] = set()
        while self.op(tensor[0]) in ops and self.inputs[tensor[0]] and tensor[0] not in seen:
            seen.add(tensor[0])
            tensor = self.inputs[tensor[0]][0]
        return tensor

    def find(self, name: str) -> Tensor:
        """The tensor called `name`.

        Raises UsageError, with the closest names, when there is none.
        """
        tensor = parse(name.strip())
        if tensor[0] not in self.nodes:
            near = closest(tensor[0], self.nodes)
            raise UsageError(
                f"The graph has no tensor {name!r}.",
                why=f"names like it: {', '.join(near)}" if near else "",
                todo="`porter inspect` lists the inputs and outputs that porter sees",
            )
        return tensor


def closest(name: str, names: Iterable[str], count: int = 4) -> list[str]:
    """The names most like `name`: those that hold it or that differ by little."""
    names = list(names)
    lower, last = name.lower(), name.lower().rsplit("/", 1)[-1]
    holding = [
        other for other in names if lower in other.lower() or (last and last == other.lower().rsplit("/", 1)[-1])
    ]
    # Comparing letter by letter is slow: of a large graph only names of about the same length are looked at.
    like = [other for other in names if abs(len(other) - len(name)) <= 3][:5000] if len(names) > 5000 else names
    found = dict.fromkeys([*sorted(holding, key=len)[:count], *difflib.get_close_matches(name, like, count, 0.6)])
    return list(found)[:count]
