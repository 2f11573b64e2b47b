"""Variables: where each one's values are in the checkpoint, what it is, and why a stored one is not used."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from porter.errors import NamesDiffer, UsageError
from porter.read.assignments import Assignments, slot_of
from porter.read.model import Source, Variable
from porter.read.operations import VARIABLES, dtype_name, shape_of
from porter.read.renaming import Proposal, fits, propose
from porter.read.wiring import Wiring, closest

AVERAGE = "/ExponentialMovingAverage"
SHOWN = 12  # pairs of a proposal in a message
Start = tuple[int, ...]


@dataclass
class Place:
    """Where a variable's values are: under `name` in the checkpoint, from `start` on if it is a part, or in `value`."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    start: Start | None = None
    value: np.ndarray | None = None

    def load(self, source: Source) -> np.ndarray:
        """The variable's array."""
        if self.value is not None:
            return self.value
        assert source.load is not None
        whole = source.load(self.name)
        if self.start is None:
            return whole
        return whole[tuple(slice(at, at + size) for at, size in zip(self.start, self.shape, strict=True))]


class Places:
    """Finds variables in the checkpoint."""

    def __init__(self, wiring: Wiring, source: Source, assignments: Assignments, renamed: Mapping[str, str]):
        self.wiring, self.source, self.assignments, self.renamed = wiring, source, assignments, renamed
        variables = {self.stored_name(name): name for name, node in wiring.nodes.items() if node.op in VARIABLES}
        for names, known, what in (
            (renamed, variables, "the graph"),
            (renamed.values(), source.stored, "the checkpoint"),
        ):
            if unknown := [name for name in names if name not in known]:
                near = closest(unknown[0], known, 3)
                raise UsageError(
                    f"The map names {unknown[0]}, which is no variable of {what}",
                    why=f"names like it: {', '.join(near)}" if near else "",
                    todo="correct the map; porter proposes one where FILE is not there",
                )

    def stored_name(self, node: str) -> str:
        """What the graph itself calls a variable: its shared name, or its node's."""
        definition = self.wiring.nodes[node]
        shared = definition.attr["shared_name"].s.decode() if "shared_name" in definition.attr else ""
        return shared or node

    def of(self, node: str) -> Place | None:
        """Where the values of the variable at `node` are; None if they are nowhere.

        Asked in turn: the user's map, its own name, the slices that its collection names, what the savers in the graph
        restore into it, and for a node called `…/part_3` the whole.
        """
        definition, stored = self.wiring.nodes[node], self.source.stored
        declared = shape_of(definition.attr["shape"].shape) if "shape" in definition.attr else None
        if given := self.renamed.get(self.stored_name(node)):
            if not fits(stored[given][0], declared):
                raise UsageError(
                    f"The map gives {given} {stored[given][0]} to {self.stored_name(node)} {declared}",
                    todo="correct the map: both have to be of one shape",
                )
            return Place(given, stored[given][0], stored[given][1])
        for name in dict.fromkeys((self.stored_name(node), node)):
            if name in stored and fits(stored[name][0], declared):
                return Place(name, stored[name][0], stored[name][1])
        if node in self.source.slices:
            whole, start, shape = self.source.slices[node]
            if whole in stored:
                return self._part(whole, start, shape)
        for name, text in self.assignments.restored.get(node, []):
            if name not in stored:
                continue
            start, shape = slice_of(text, stored[name][0])
            if fits(shape, declared):
                return self._part(name, start, shape)
        return self._numbered(node, declared)

    def _part(self, whole: str, start: Start, shape: tuple[int, ...]) -> Place:
        full, dtype = self.source.stored[whole]
        return Place(whole, shape, dtype, None if shape == full else start)

    def _numbered(self, node: str, declared: tuple[int | None, ...] | None) -> Place | None:
        """The place of `w/part_2`, which lies behind parts 0 and 1 along the axis in which the parts and `w` differ."""
        match = re.fullmatch(r"(.*)/part_(\d+)(/.*)?", node)
        if match is None or declared is None or None in declared:
            return None
        whole = match[1] + (match[3] or "")
        if whole not in self.source.stored:
            return None
        full, start = self.source.stored[whole][0], [0] * len(declared)
        axes = [axis for axis, (a, b) in enumerate(zip(full, declared, strict=False)) if a != b]
        if len(full) != len(declared) or len(axes) > 1:
            return None
        if axes:
            for number in range(int(match[2])):
                before = self.wiring.nodes.get(f"{match[1]}/part_{number}{match[3] or ''}")
                shape = None if before is None else shape_of(before.attr["shape"].shape)
                if shape is None:
                    return None
                start[axes[0]] += shape[axes[0]] or 0
        return self._part(whole, tuple(start), tuple(int(size or 0) for size in declared))

    def initial(self, node: str) -> Place | None:
        """The constant that a variable outside the checkpoint starts with, for one that nobody trains."""
        trained = {name.removesuffix(":0") for name in self.source.collections.get("trainable_variables", [])}
        value = None if node in trained else self.assignments.initial(node)
        if value is None:
            return None
        value = value.astype(dtype_name(self.wiring.nodes[node].attr["dtype"].type))
        return Place(self.stored_name(node), value.shape, value.dtype.name, value=value)

    def shadow(self, node: str, place: Place) -> Place | None:
        """Where the moving average of the weight at `node` is, None if none is kept."""
        names = [place.name + AVERAGE]
        names += [self.stored_name(other) for other, of in self.assignments.shadows.items() if of == node]
        for name in names:
            if (
                name in self.source.stored
                and self.source.stored[name][0] == self.source.stored.get(place.name, ((), ""))[0]
            ):
                return Place(name, place.shape, place.dtype, place.start)
        return None

    def absent(self, weights: Collection[str]) -> frozenset[str]:
        """Which of the weights the checkpoint does not hold, where all that it holds has its place in the graph: it is
        of a part of the graph then, and not of one that calls its variables differently."""
        absent = frozenset(name for name in weights if self.of(name) is None)
        if not absent or len(absent) == len(weights):
            return frozenset()
        known = {self.stored_name(name) for name in self.wiring.nodes if self.wiring.op(name) in VARIABLES}
        return absent if known.issuperset(self.source.stored) else frozenset()

    def unlikely(self, initial: Sequence[str], found: Mapping[str, Variable]) -> bool:
        """Whether variables that would be left at what they start with are in the checkpoint under other names."""
        return any(row.stored and "name" in row.why for row in self._proposals(initial, found))

    def _proposals(self, nodes: Sequence[str], found: Mapping[str, Variable]) -> list[Proposal]:
        used = {variable.name for variable in found.values()}
        known = {self.stored_name(name) for name, node in self.wiring.nodes.items() if node.op in VARIABLES} - {
            self.stored_name(name) for name in nodes
        }
        free = {
            name: shape
            for name, (shape, _) in self.source.stored.items()
            if name not in used and name not in known and not slot_of(name)
        }
        wanted = {self.stored_name(name): shape_of(self.wiring.nodes[name].attr["shape"].shape) for name in nodes}
        return propose(wanted, free, self.source.load) if nodes else []

    def missing(self, nodes: Sequence[str], found: Mapping[str, Variable]) -> NamesDiffer:
        """The error for variables that are not in the checkpoint, with what it may call them."""
        stored, lines = self.source.stored, []
        rows = self._proposals(nodes, found)
        for node, row in list(zip(nodes, rows, strict=True))[:SHOWN]:
            name, shape = row.name, shape_of(self.wiring.nodes[node].attr["shape"].shape)
            near = closest(name, stored, 2)
            if name in stored:
                lines.append(f"{name} is {shape} in the graph and {stored[name][0]} in the checkpoint")
            elif row.stored:
                lines.append(f"{name} may be {row.stored} {stored[row.stored][0]} ({row.why})")
            else:
                lines.append(f"{name}" + (f" (nearest: {', '.join(near)})" if near else ""))
        more = f"; and {len(nodes) - SHOWN} more" if len(nodes) > SHOWN else ""
        count = "A variable" if len(nodes) == 1 else f"{len(nodes)} variables"
        fitting = sum(bool(row.stored) for row in rows)
        todo = "check that the graph and the variables are of the same model, or choose other outputs with --outputs"
        if fitting:
            todo = f"--map FILE writes this proposal ({fitting} of {len(rows)} found) for you to check; given again, takes it"
        problem = NamesDiffer(
            f"{count} that the outputs need {'is' if len(nodes) == 1 else 'are'} not in the checkpoint.",
            where=str(self.source.path), why="; ".join(lines) + more, todo=todo,
        )  # fmt: skip
        problem.proposal = {row.name: row.stored for row in rows} if fitting else {}
        return problem


def slice_of(text: str, full: tuple[int, ...]) -> tuple[Start, tuple[int, ...]]:
    """Start and shape of a saver's slice, such as "30 6 10,5:0,6" or "30 6 10,5:-"; of the whole for ""."""
    if not text.strip():
        return (0,) * len(full), full
    parts = text.split()[-1].split(":")
    ranges = [
        (0, full[axis]) if part == "-" else tuple(int(n) for n in part.split(",")) for axis, part in enumerate(parts)
    ]
    return tuple(start for start, _ in ranges), tuple(size for _, size in ranges)


def left_over(
    source: Source, wiring: Wiring, assignments: Assignments, places: Places, used: Collection[str]
) -> list[tuple[str, str]]:
    """Each stored variable whose name is not in `used`, and why it is not needed."""
    nodes: dict[str, str] = {}
    for name, node in wiring.nodes.items():
        if node.op in VARIABLES:
            nodes.setdefault(places.stored_name(name), name)
            if name in source.slices:
                nodes.setdefault(source.slices[name][0], name)
    steps = {name.removesuffix(":0") for name in source.collections.get("global_step", [])} | {"global_step"}
    found = []
    for name in source.stored:
        if name in used:
            continue
        node = nodes.get(name, "")
        if name in source.left:
            why = source.left[name]
        elif name in steps or name.endswith("/global_step"):
            why = "global step"
        elif name.endswith(AVERAGE) or node in assignments.shadows:
            why = "moving average shadow"
        elif node in assignments.optimizer_state or slot_of(name):
            why = "optimizer state"
        else:
            why = "not used by the outputs" if node else "not in the graph"
        found.append((name, why))
    return found
