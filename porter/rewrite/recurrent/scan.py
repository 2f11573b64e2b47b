"""A loop that goes once over sequences, step by step: what `tf.nn.dynamic_rnn`, `tf.scan` and Keras' own loop are.

The step is a copy of the loop's body, brought into a plain form: masks are taken off what they copy through, and a state
that holds several tensors side by side is taken apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from porter.graph import Graph, Node, Value
from porter.pattern import Miss
from porter.pattern.matcher import scalar


@dataclass
class State:
    """What a step hands on to the next: its value `before` and `after` the step, and where the loop keeps it.

    place: the loop variable's. start, stop: the part of its last axis, None for all of it.
    """

    before: Value
    after: Value
    place: int
    start: int | None = None
    stop: int | None = None


@dataclass
class Mask:
    """Which steps count: those before `lengths` (a value outside of the loop), or those where `array` holds True.

    zero: whether what is written is 0 where the mask is off; it is the last that was written otherwise.
    """

    lengths: Value | None = None
    array: Value | None = None
    zero: bool = False


@dataclass
class Scan:
    """A loop over sequences.

    step: its body. counters: the places of loop variables that count the steps; `counter` is what arrays are read at.
    sequences: for values that a step reads, the array outside. writes: for the place of each array that the loop fills,
    what a step writes. repeated: places of states that hold what was written last.
    """

    loop: Node
    step: Graph
    counter: Value
    counters: set[int]
    sequences: dict[int, Value] = field(default_factory=dict)
    writes: dict[int, Value] = field(default_factory=dict)
    states: list[State] = field(default_factory=list)
    outside: dict[int, Value] = field(default_factory=dict)
    mask: Mask | None = None
    repeated: dict[int, int] = field(default_factory=dict)


def make_scan(loop: Node) -> Scan:
    """`loop` as a Scan. Raises `Miss` where it is none."""
    step = copied(loop.attrs["body"])
    count = loop.attrs["count"]
    counters = {place for place in range(count) if _counts(loop, step, place)}
    used = [step.inputs[place] for place in counters if any(u.op in ARRAYS and s == 1 for u, s in step.inputs[place].uses)]
    if len(used) != 1:
        raise Miss("no sequence is read step by step", loop)
    scan = Scan(loop, step, used[0], counters)
    scan.outside = {id(value): loop.inputs[place] for place, value in enumerate(step.inputs) if place >= count}
    for node in step:
        if node.op == "ArrayRead":
            if node.inputs[1] is not scan.counter or id(node.inputs[0]) not in scan.outside:
                raise Miss("an array is read at another place than the step's own", node)
            scan.sequences[id(node.out)] = scan.outside[id(node.inputs[0])]
    for place in range(count):
        before, after = step.inputs[place], step.outputs[place]
        if place in counters:
            continue
        if after.node.op == "ArrayWrite" and after.node.inputs[0] is before:
            if after.node.inputs[1] is not scan.counter or len(before.uses) != 1:
                raise Miss("an array is written at another place than the step's own", after.node)
            scan.writes[place] = after.node.inputs[2]
        else:
            scan.states.append(State(before, after, place))
    if not scan.sequences:
        raise Miss("no sequence is read step by step", loop)
    _take_off_masks(scan)
    _check_length(scan)
    scan.states = [part for state in scan.states for part in _parts(scan, state)]
    return scan


ARRAYS = ("ArrayRead", "ArrayWrite")


def copied(graph: Graph) -> Graph:
    """A copy of `graph` that can be changed; the graphs inside it stay shared."""
    result = Graph()
    result.sizes = graph.sizes
    twins: dict[int, Value] = {}
    for node in graph.ordered():
        twin = Node(node.name, node.op, [twins[id(value)] for value in node.inputs], dict(node.attrs), origin=node.origin)
        twin.outputs = [Value(twin, v.index, v.shape, v.probe, v.dtype, v.tensor) for v in node.outputs]
        result.add(twin)
        twins.update({id(value): made for value, made in zip(node.outputs, twin.outputs, strict=True)})
    result.inputs = [twins[id(value)] for value in graph.inputs]
    result.outputs = [twins[id(value)] for value in graph.outputs]
    return result


def _counts(loop: Node, step: Graph, place: int) -> bool:
    """True for an integer that starts at 0 and grows by 1."""
    value, after = step.inputs[place], step.outputs[place].node
    if value.shape != () or not value.dtype.startswith("int") or scalar(loop.inputs[place]) != 0:
        return False
    return after.op == "Add" and len(after.inputs) == 2 and value in after.inputs and 1 in map(scalar, after.inputs)


# Masks


def _take_off_masks(scan: Scan) -> None:
    """Let states and what is written be as if every step counted, and remember which do.

    Raises `Miss` where there are several masks, or where one is used in another way.
    """
    conditions: dict[int, Value] = {}
    kept: list[State] = []
    zeros, repeats = set(), set()
    for state in scan.states:
        select = _select(scan, state.after)
        if select is None:
            kept.append(state)
            continue
        condition, new, old = select
        if old is not state.before:
            kept.append(state)
            continue
        conditions[id(condition)] = condition
        state.after = new
    masked = [state for state in scan.states if state not in kept]
    for place, written in scan.writes.items():
        select = _select(scan, written)
        if select is None:
            same = [state for state in masked if scan.step.outputs[state.place] is written]
            if same:  # what was written last is a state's own value
                repeats.add(place)
                scan.writes[place] = same[0].after
            continue
        condition, new, old = select
        held = [state for state in masked if state.before is old]
        if held:
            repeats.add(place)
        elif is_zero(_outer(scan, old)):
            zeros.add(place)
        else:
            raise Miss("where its mask is off, a step writes something else than 0 or what it wrote last", loop_node(scan))
        conditions[id(condition)] = condition
        scan.writes[place] = new
    if not conditions:
        return
    if len(conditions) > 1:
        raise Miss("steps are masked in several ways", scan.loop)
    if kept or (scan.writes and len(zeros) + len(repeats) < len(scan.writes)) or (zeros and repeats):
        raise Miss("a mask holds for some of the states only", scan.loop)
    scan.mask = _mask(scan, next(iter(conditions.values())))
    scan.mask.zero = bool(zeros)
    for index, state in enumerate(scan.step.outputs):
        del index, state
    for state in masked:
        scan.step.outputs[state.place] = state.after
    repeated = [state for state in masked if not state.before.uses or _only_for_mask(scan, state)]
    for state in repeated:
        place = next((place for place, written in scan.writes.items() if written is state.after), None)
        if place is not None and is_zero(scan.loop.inputs[state.place]) and place in repeats:
            scan.repeated[state.place] = place
            scan.states.remove(state)
    scan.step.prune()


def loop_node(scan: Scan) -> Node:
    return scan.loop
