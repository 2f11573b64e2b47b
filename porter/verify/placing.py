"""Finds the calls that the report names in a model that was built: which Keras node is which row of `layers`.

Rows stand in the order in which Python makes the calls. Layers with weights have names; other calls are found by their
class and by the tensors that they take.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WINDOW = 12  # calls that may lie between a row's place and the call itself: one call of `keras.ops` can make several
SAME = {"absolute": "abs", "truedivide": "divide", "amax": "max", "amin": "min", "arctan2": "atan2"}


@dataclass(eq=False)
class Placed:
    """A row of the report's `layers` and the call that it stands for.

    number: the row's place in the report. taken: the original's tensors that the row takes, each with the Keras tensor
    that stands for it in the call; empty where that is not known. instead: whether the call is of another class, in the
    place of the row's.
    """

    number: int
    row: Mapping[str, Any]
    node: Any
    taken: list[tuple[str, Any]]
    instead: bool = False

    @property
    def operation(self) -> Any:
        return self.node.operation

    @property
    def title(self) -> str:
        """How people are told of it."""
        return title(self.row)


def tells_layers(report: Mapping[str, Any]) -> bool:
    """Whether a report says which tensors of the original its layers stand for; one of an old porter does not."""
    rows = report.get("layers") or ()
    return bool(rows) and all("outputs" in row for row in rows)


def title(row: Mapping[str, Any]) -> str:
    """How people are told of a row of `layers`: its class and name, or the TensorFlow node that it ends in."""
    return f"{row['class']} {row['name']}" if row.get("name") else f"{row['class']} of {last_node(row)}"


def heading(row: Mapping[str, Any]) -> str:
    """A layer, the rule that made it and the TensorFlow nodes that it stands for."""
    return f"{title(row)} (rule {row.get('rule') or 'of a single operation'}; TensorFlow nodes {few(row['nodes'])})"


def last_node(row: Mapping[str, Any]) -> str:
    """The TensorFlow node whose result a row gives, or the last of its nodes."""
    named = [tensor.split(",")[0].split(":")[0] for tensor in row.get("outputs", ()) if tensor]
    return named[0] if named else row["nodes"][-1] if row.get("nodes") else "no node"


def input_order(model: Any, report: Mapping[str, Any]) -> str:
    """What is wrong with the order of the model's inputs, "" where it is the report's: two of one shape show no other way."""
    now, then = [tensor.name for tensor in model.inputs], [item.get("keras") for item in report["inputs"]]
    if now == then or sorted(now) != sorted(map(str, then)):
        return ""
    return (
        f"the model takes its inputs in the order {', '.join(now)}; that of the report is {', '.join(map(str, then))}"
    )


def place(model: Any, report: Mapping[str, Any]) -> tuple[list[Placed], list[tuple[int | None, str]], list[str]]:
    """The rows that were found, what is wrong, and what is worth knowing.

    Wrong is a layer of the report that the model does not call, one that takes another tensor than the report says, each
    with the number of its row; and a layer that the report does not name.
    """
    search = _Search(model, report)
    for number, row in enumerate(report["layers"]):
        search.find(number, row)
    return search.placed, [*search.faults, *search.strangers()], search.notes


class _Search:
    def __init__(self, model: Any, report: Mapping[str, Any]) -> None:
        self.report, self.nodes = report, calls(model)
        self.at = 0  # up to here all calls have been found, or passed over
        self.free = [True] * len(self.nodes)
        self.by_name: dict[str, list[int]] = {}
        for index, node in enumerate(self.nodes):
            self.by_name.setdefault(node.operation.name, []).append(index)
        self.known: dict[str, set[int]] = {}  # the original's tensor -> Keras tensors that stand for it
        for item, tensor in zip(report["inputs"], model.inputs, strict=False):
            self.known.setdefault(item["tensor"], set()).add(id(tensor))
        self.stands_for: dict[int, str] = {}
        self.placed: list[Placed] = []
        self.faults: list[tuple[int | None, str]] = []
        self.notes: list[str] = []

    def find(self, number: int, row: Mapping[str, Any]) -> None:
        named = row.get("name") and self.by_name.get(row["name"])
        if named:
            index = next((each for each in named if self.free[each]), None)
        else:
            places = range(self.at, min(self.at + WINDOW, len(self.nodes)))
            index = next((each for each in places if self._fits(row, self.nodes[each])), None)
            if index is None:
                index = next((each for each in places if self._in_order(row, self.nodes[each])), None)
            if index is None and not self._lacks(number, row):
                index = next((each for each in places if self._behind_stranger(row, each)), None)
        instead = index is None
        if index is None:
            index = self._in_its_place(number, row)
            is_layer = not row["class"].startswith("ops.")
            if index is not None:
                self.notes.append(f"{title(row)} is not in the model; {_called(self.nodes[index])} is in its place")
            elif is_layer or row.get("inputs"):  # without inputs, it was computed while the model was built
                if is_layer:
                    self.faults.append((number, "is not in the model"))
                else:
                    self.notes.append(f"{heading(row)} is not in the model")
            if index is None:
                return
        node = self.nodes[index]
        self.free[index], self.at = False, max(self.at, index + 1)
        taken = self._in_order(row, node) or pairs(row, node)
        self.placed.append(Placed(number, row, node, taken, instead))
        self._check_inputs(number, taken)
        given, wanted = len(_tensors(node)), list(row.get("inputs", ()))
        if given != len(wanted) and not instead:
            named = ", ".join(source or "one made for it, as a mask is" for source in wanted) or "none"
            self.faults.append((number, f"takes {_tensors_in_words(given)} instead of {len(wanted)}: {named}"))
        for source, tensor in zip(row.get("outputs", ()), node.outputs, strict=False):
            self.stands_for[id(tensor)] = title(row)
            if source:
                self.known.setdefault(source, set()).add(id(tensor))

    def _fits(self, row: Mapping[str, Any], node: Any) -> bool:
        """Whether a call without a name may be what `row` tells of."""
        return _same_class(row, node) and all(self._stands(source, tensor) for source, tensor in pairs(row, node))

    def _in_order(self, row: Mapping[str, Any], node: Any) -> list[tuple[str, Any]]:
        """What a call takes, by the original's tensors, if it takes just those of `row` in another order than the row."""
        tensors, sources = [tensor for _, tensor in pairs(row, node)], list(row.get("inputs", ()))
        if row.get("name") or not _same_class(row, node) or len(tensors) < 2 or self._fits(row, node):
            return []
        named = {
            id(tensor): source for source in sources for tensor in tensors if id(tensor) in self.known.get(source, ())
        }
        found = [(named[id(tensor)], tensor) for tensor in tensors if id(tensor) in named]
        return found if sorted(source for source, _ in found) == sorted(sources) else []

    def _behind_stranger(self, row: Mapping[str, Any], index: int) -> bool:
        """Whether a call may be what `row` tells of, but for a call in front of it that the report does not name."""
        node = self.nodes[index]
        strangers = {id(t) for each in range(index) if self.free[each] for t in self.nodes[each].outputs}
        others = [tensor for source, tensor in pairs(row, node) if not self._stands(source, tensor)]
        return _same_class(row, node) and bool(others) and all(id(tensor) in strangers for tensor in others)

    def _in_its_place(self, number: int, row: Mapping[str, Any]) -> int | None:
        """A call of another class that takes just what the row's should take, and that no later row needs."""
        for index in range(self.at, min(self.at + WINDOW, len(self.nodes))):
            node = self.nodes[index]
            taken = pairs(row, node)
            if not self.free[index] or not taken or len(node.outputs) != len(row.get("outputs", ())):
                continue
            known = all(source and id(tensor) in self.known.get(source, ()) for source, tensor in taken)
            later = [other for other in self.report["layers"][number + 1 :] if _same_class(other, node)]
            if known and (not later or self._calls_like(later[0]) > len(later)):
                return index
        return None

    def _lacks(self, number: int, row: Mapping[str, Any]) -> bool:
        """Whether fewer calls are left of the row's class than rows that need one."""
        rows = self.report["layers"][number:]
        return self._calls_like(row) < sum(each["class"] == row["class"] and not each.get("name") for each in rows)

    def _calls_like(self, row: Mapping[str, Any]) -> int:
        return sum(free and _same_class(row, node) for node, free in zip(self.nodes, self.free, strict=True))

    def _stands(self, source: str, tensor: Any) -> bool:
        """Whether `tensor` may be what stands for the original's tensor `source`."""
        return not source or source not in self.known or id(tensor) in self.known[source]

    def _check_inputs(self, number: int, taken: Sequence[tuple[str, Any]]) -> None:
        for source, tensor in taken:
            if not self._stands(source, tensor):
                other = self.stands_for.get(id(tensor)) or tensor._keras_history.operation.name
                self.faults.append((number, f"takes the result of {other} instead of {source}"))

    def strangers(self) -> list[tuple[int | None, str]]:
        """Layers that are called, and that the report does not name."""
        from keras import layers

        extra = [node.operation for node, free in zip(self.nodes, self.free, strict=True) if free]
        return [
            (None, f"the model calls {type(each).__name__} {each.name}, which the report does not name")
            for each in extra
            if isinstance(each, layers.Layer)
        ]


def _called(node: Any) -> str:
    return f"{type(node.operation).__name__} {node.operation.name}"


def calls(model: Any) -> list[Any]:
    """The Keras nodes of `model`, in the order in which they were made; inputs are none."""
    nodes = [node for level in model._nodes_by_depth.values() for node in level if not node.is_input]
    return sorted(nodes, key=lambda node: _serial(node.outputs[0].name) if node.outputs else 0)


def pairs(row: Mapping[str, Any], node: Any) -> list[tuple[str, Any]]:
    """The original's tensors that a row names as its inputs, with the Keras tensors that the call takes."""
    tensors, sources = _tensors(node), list(row.get("inputs", ()))
    return list(zip(sources, tensors, strict=True)) if len(sources) == len(tensors) else []


def _tensors(node: Any) -> list[Any]:
    """The Keras tensors that a call takes, each once."""
    return list({id(tensor): tensor for tensor in node.arguments.keras_tensors}.values())


def _tensors_in_words(count: int) -> str:
    return f"{count} tensor{'' if count == 1 else 's'}"


def _same_class(row: Mapping[str, Any], node: Any) -> bool:
    if row.get("name"):
        return row["name"] == node.operation.name
    given, wanted = type(node.operation).__name__, row["class"].removeprefix("ops.").rsplit(".", 1)[-1]
    return _plain(given) == _plain(wanted)


def _serial(name: str) -> int:
    """Keras numbers its symbolic tensors: keras_tensor, keras_tensor_1, …"""
    match = re.search(r"_(\d+)$", name)
    return int(match[1]) if match else 0


def _plain(name: str) -> str:
    name = name.replace("_", "").lower()
    return SAME.get(name, name)


def few(names: Sequence[str], most: int = 4) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
