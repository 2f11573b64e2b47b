"""Raises loops over sequences, and cells that were written out step by step, to Keras' recurrent layers.

A loop may hold several layers on top of each other, with dropout and the like between them. They are taken out of it one
by one: the first whose input is a sequence, then the one that works on what the first gives. What is left of a step is
computed for all steps at once. If anything remains that depends on the step before, the loop stays a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from porter.graph import Graph, Node, Value
from porter.pattern import Matcher, Miss
from porter.rewrite.recurrent.chains import raise_chains
from porter.rewrite.recurrent.dropout import take_off_dropout_masks, undropped
from porter.rewrite.recurrent.fused import raise_fused
from porter.rewrite.recurrent.layers import OF_CELLS, of_step, over_sequence
from porter.rewrite.recurrent.lift import Lifter, add_all, new, transposed
from porter.rewrite.recurrent.masks import forget_masks, tensor_of
from porter.rewrite.recurrent.own_cell import own_cell
from porter.rewrite.recurrent.scan import Scan, State, make_scan
from porter.rewrite.recurrent.settle import settle
from porter.rewrite.recurrent.single_steps import raise_single_steps
from porter.rewrite.recurrent.sizes import is_zero
from porter.rule import Cell, Step

__all__ = ["forget_masks", "raise_chains", "raise_fused", "raise_loops", "raise_single_steps", "settle"]

Note = Callable[[Node, Miss], None]
Holds = Callable[[str, Sequence[str]], bool]


def raise_loops(
    graph: Graph,
    cells: Sequence[Cell],
    simplify: Callable[[Graph], None],
    holds: Holds,
    note: Note,
    warn: Callable[[str], None],
) -> None:
    """Raise every loop of `graph` over sequences: to the layers of `cells`, and to a cell of its own for what they don't cover.

    simplify: tries the rules for what may stand around cells on a step. holds: False for a rule, and the nodes it would
    cover, whose proposal was tried and is wrong. note: is told why a loop stays. warn: what the user should know.
    """
    for node in [node for node in graph.ordered() if node.op == "While"]:
        try:
            for text in _Raising(graph, make_scan(node), simplify, holds).run(cells):
                warn(text)
        except Miss as miss:
            note(node, miss)
    graph.prune()


class _Raising:
    """Raises one loop. Nothing of the graph is changed before all of it is known to fit."""

    def __init__(self, graph: Graph, scan: Scan, simplify: Callable[[Graph], None], holds: Holds):
        self.graph, self.scan, self.holds = graph, scan, holds
        self.reason: Miss | None = None
        self.told: list[str] = []
        places = list(scan.writes)
        scan.step.outputs = [*(state.after for state in scan.states), *scan.writes.values()]
        scan.step.prune()
        self.rates = take_off_dropout_masks(scan)
        simplify(scan.step)
        for state, after in zip(scan.states, scan.step.outputs, strict=False):
            state.after = undropped(after)
            if state.after is not after:
                self.told.append(
                    f"{after.name}: dropout of a state is left out; the model does not drop it in training"
                )
        scan.writes = dict(zip(places, scan.step.outputs[len(scan.states) :], strict=True))
        sequence = scan.sequence
        self.steps = (sequence.shape[0] if sequence.shape else None, sequence.probe[0] if sequence.probe else None)
        known = {key: transposed(array) for key, array in scan.sequences.items()}
        self.lifter = Lifter(graph, scan.step, known, scan.outside, self.steps)
        self.layers: dict[int, Node] = {}  # value of the step that a layer gives -> the layer
        self.final: dict[int, list[tuple[int, Value]]] = {}
        self.mask = tensor_of(scan.mask, sequence) if scan.mask else None

    def run(self, cells: Sequence[Cell]) -> list[str]:
        """Put layers in the place of the loop; gives what the user should know. Raises `Miss`."""
        waiting = list(self.scan.states)
        while self._next(cells, waiting):
            pass
        self._own_cell(waiting)
        self._leftover(waiting)
        replaced: list[tuple[Value, Value]] = []
        for place, value in self.scan.writes.items():
            replaced.append((self.scan.loop.outputs[place], self._written(place, value)))
        finals = []
        for place, parts in self.final.items():
            old = self.scan.loop.outputs[place]
            values = [value for _, value in sorted(parts, key=lambda part: part[0])]
            joined = values[0]
            if len(values) > 1:
                joined = new("ConcatV2", values, {"axis": 1}, old, old.shape, old.probe)
            finals.append((old, joined))
        known = {id(old) for old, _ in [*replaced, *finals]}
        for value in self.scan.loop.outputs:
            if id(value) not in known and (value.uses or self.graph.is_output(value)):
                raise Miss(f"{value.name}, what it ends with, is used", self.scan.loop)
        add_all(self.graph, [made for _, made in [*replaced, *finals]], "recurrent")
        for old, sequence in replaced:
            _replace_array(self.graph, old, sequence)
        for old, made in finals:
            self.graph.replace(old, made)
        self.graph.remove(self.scan.loop)
        return self.told

    def _next(self, cells: Sequence[Cell], waiting: list[State]) -> bool:
        """Take one layer out of the step, if its input is a sequence by now."""
        matcher = Matcher(self.scan.step)
        reason: Miss | None = None
        for node in self.scan.step.ordered():
            for cell in cells:
                if node.op not in cell.roots:
                    continue
                for value in node.outputs:
                    for step in cell.steps(matcher, value):
                        states = _states(step, waiting)
                        origin = [name for each in step.nodes for name in each.origin]
                        if states is None or not self.holds(cell.name, origin):
                            continue
                        try:
                            x = self.lifter.lift(step.x)
                        except Miss as miss:
                            reason = miss
                            continue
                        self._take(step, x, states)
                        for state in states:
                            waiting.remove(state)
                        return True
        self.reason = reason
        return False

    def _take(self, step: Step, x: Value, states: list[State]) -> None:
        """Put a layer in the place of a step's cell."""
        self._add_dropout(step)
        layer = over_sequence(step.layer, x, self._initials(states), self.mask, len(states))
        origin = [name for each in step.nodes for name in each.origin]
        self._placed(layer, step.cell.name, step.out, states, origin)

    def _add_dropout(self, step: Step) -> None:
        """Give a Keras layer the rates of the masks that stood on its input and on its state."""
        found = {"dropout": self.rates.get(id(step.x)), "recurrent_dropout": self.rates.get(id(step.states[0][0]))}
        for name, rate in found.items():
            if rate and step.layer.op in OF_CELLS:
                step.layer.kwargs[name] = rate
            elif rate:
                self.told.append(
                    f"{step.out.name}: {name} of {rate:g} is left out; the model does not drop it in training"
                )

    def _placed(
        self, layer: tuple[Value, ...], rule: str, out: Value, states: list[State], origin: Sequence[str]
    ) -> None:
        """Describe what a layer gives, and remember it: the sequence of `out`, and what the states are in the end."""
        sequence, *finals = layer
        node = sequence.node
        node.name = f"{out.node.name}~"
        node.origin = tuple(dict.fromkeys([*origin, *self.scan.loop.origin]))
        node.attrs["rule"] = rule
        sequence.dtype = out.dtype
        if out.shape is not None:
            sequence.shape = (out.shape[0], self.steps[0], *out.shape[1:])
        if out.probe is not None and self.steps[1] is not None:
            sequence.probe = (out.probe[0], self.steps[1], *out.probe[1:])
        for final, state in zip(finals, states, strict=True):
            before = state.before
            final.shape, final.probe, final.dtype = before.shape, before.probe, before.dtype
            self.final.setdefault(state.place, []).append((state.part[0] if state.part else 0, final))
        self.lifter.known[id(out)] = sequence
        self.lifter.sources.add(id(out))
        self.layers[id(out)] = node

    def _own_cell(self, waiting: list[State]) -> None:
        """Make a cell for the states that no known cell covers, if a step needs them."""
        needed = [state for state in waiting if self._is_needed(state)]
        if not needed:
            return
        step, x, out = own_cell(self.scan, needed, self.lifter)
        if not self.holds("cell", [name for node in step for name in node.origin]):
            raise Miss("a cell that was made for it was tried and computes something else", self.scan.loop)
        layer = of_step(step, x, self._initials(needed), self.mask, len(needed))
        self._placed(layer, "cell", out, needed, [name for node in step for name in node.origin])
        for state in needed:
            waiting.remove(state)

    def _is_needed(self, state: State) -> bool:
        """True if a step computes with the state, or if what it is in the end is used and depends on the step before."""
        if state.before.uses:
            return True
        final = self.scan.loop.outputs[state.place]
        return False if not (final.uses or self.graph.is_output(final)) else not self._is_lifted(state.after)

    def _is_lifted(self, value: Value) -> bool:
        try:
            self.lifter.lift(value)
        except Miss:
            return False
        return True

    def _initials(self, states: list[State]) -> list[Value] | None:
        """The states before the first step; None where all are 0."""
        if all(is_zero(self.scan.loop.inputs[state.place]) for state in states):
            return None
        return [self._initial(state) for state in states]

    def _initial(self, state: State) -> Value:
        value = self.scan.loop.inputs[state.place]
        if state.part is None:
            return value
        shape = None if value.shape is None else (*value.shape[:-1], state.part[1] - state.part[0])
        probe = None if value.probe is None else (*value.probe[:-1], state.part[1] - state.part[0])
        return new("StridedSlice", [value], {"slices": (slice(None), slice(*state.part))}, value, shape, probe)

    def _leftover(self, waiting: list[State]) -> None:
        """States that depend on no step before, such as what was written last."""
        for state in waiting:
            old = self.scan.loop.outputs[state.place]
            if not old.uses and not self.graph.is_output(old) and not _matters(state):
                continue
            if state.part is not None or self.mask is not None:
                raise self.reason or Miss("it depends on the step before in a way that no cell does", state.after.node)
            try:
                sequence = self.lifter.lift(state.after)
            except Miss as miss:
                raise self.reason or miss from None
            slices = (slice(None), -1)
            made = new("StridedSlice", [sequence], {"slices": slices}, old, old.shape, old.probe)
            self.final[state.place] = [(0, made)]

    def _written(self, place: int, value: Value) -> Value:
        """The sequence [batch, steps, ...] of what the loop writes, as it is for steps that don't count too."""
        sequence = self.lifter.lift(value)
        if self.mask is None:
            return sequence
        layer = self.layers.get(id(value))
        if layer is not None:
            args, kwargs = layer.attrs["config"]
            zero = place in self.scan.zeros
            if kwargs.get("zero_output_for_mask", zero) != zero:
                raise Miss("one output is 0 where its mask is off, and one is what it was last", layer)
            if zero:
                layer.attrs["config"] = (args, {**kwargs, "zero_output_for_mask": True})
            return sequence
        if place not in self.scan.zeros:
            raise Miss(
                "what was written last stands where the mask is off, and it is not what a layer gives", value.node
            )
        mask = self.mask
        for axis in range(2, sequence.rank or 2):
            mask = new("ExpandDims", [mask], {"axis": axis}, mask, (*mask.shape, 1), None)  # type: ignore[misc]
        zeros = Node(f"{value.node.name}/zeros", "ZerosLike", [sequence], {}, origin=value.node.origin)
        zeros.outputs = [Value(zeros, 0, sequence.shape, sequence.probe, sequence.dtype)]
        return new("SelectV2", [mask, sequence, zeros.out], {}, sequence, sequence.shape, sequence.probe)


def _matters(state: State) -> bool:
    """True unless nothing but the state itself needs the state."""
    return bool(state.before.uses)


def _states(step: Step, waiting: list[State]) -> list[State] | None:
    """The loop's states that are the step's, if they are all there."""
    found = []
    for before, after in step.states:
        state = next((each for each in waiting if each.before is before and each.after is after), None)
        if state is None:
            return None
        found.append(state)
    return found


def _replace_array(graph: Graph, old: Value, sequence: Value) -> None:
    """Let what uses the array [steps, batch, ...] use `sequence` [batch, steps, ...]."""
    perm = (1, 0, *range(2, sequence.rank or 2))
    for user, _ in list(old.uses):
        if user.op == "Transpose" and user.attrs.get("perm") == perm:
            graph.replace(user.out, sequence)
            graph.remove(user)
    if old.uses or graph.is_output(old):
        made = transposed(sequence)
        made.node.name, made.node.origin = old.node.name, old.node.origin
        graph.add(made.node)
        graph.replace(old, made)
