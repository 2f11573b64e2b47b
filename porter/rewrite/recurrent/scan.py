"""A loop that goes once over sequences, step by step: what `tf.nn.dynamic_rnn`, `tf.map_fn` and Keras' own loop are.

The step is a copy of the loop's body in which masks are taken off what they copy through, and in which a state that
holds several tensors side by side is taken apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from porter.graph import Graph, Node, Value
from porter.pattern import Miss
from porter.pattern.matcher import scalar
from porter.rewrite.recurrent.sizes import is_zero, same_size


@dataclass
class State:
    """What a step hands on to the next: its value `before` and `after` a step.

    place: the loop variable that it is, or the part of its last axis that it is.
    """

    before: Value
    after: Value
    place: int
    part: tuple[int, int] | None = None


@dataclass(frozen=True)
class Mask:
    """Which steps count: those before `lengths`, or those where `array` [steps, batch, ...] holds True. Values outside."""

    lengths: Value | None = None
    array: Value | None = None

    @property
    def source(self) -> Value:
        return self.lengths or self.array  # type: ignore[return-value]


@dataclass
class Scan:
    """A loop over sequences.

    step: its body. outside: for what comes in unchanging, the value outside. counter: what arrays are read at.
    sequences: for each value that a step reads, the array outside. writes: for the place of each array that the loop
    fills, what a step writes. mask: which steps count; `zeros` are the places of arrays that hold 0 for the others, in
    the rest stands what was written last.
    """

    loop: Node
    step: Graph
    counter: Value
    outside: dict[int, Value]
    sequences: dict[int, Value] = field(default_factory=dict)
    writes: dict[int, Value] = field(default_factory=dict)
    states: list[State] = field(default_factory=list)
    mask: Mask | None = None
    zeros: set[int] = field(default_factory=set)

    @property
    def sequence(self) -> Value:
        """One of the arrays that are read; its first axis is the steps."""
        return next(iter(self.sequences.values()))


def make_scan(loop: Node) -> Scan:
    """`loop` as a Scan. Raises `Miss` where it is none."""
    step = copied(loop.attrs["body"])
    count = loop.attrs["count"]
    counters = [place for place in range(count) if _counts(loop, step, place)]
    used = [
        step.inputs[place] for place in counters if any(u.op in ARRAYS and s == 1 for u, s in step.inputs[place].uses)
    ]
    if len(used) != 1:
        raise Miss("no sequence is read step by step", loop)
    outside = {id(value): loop.inputs[place] for place, value in enumerate(step.inputs) if place >= count}
    scan = Scan(loop, step, used[0], outside)
    for node in step:
        if node.op == "ArrayRead" and id(node.inputs[0]) in outside:
            if node.inputs[1] is not scan.counter:
                raise Miss("a sequence is read at another place than the step's own", node)
            scan.sequences[id(node.out)] = outside[id(node.inputs[0])]
    if not scan.sequences:
        raise Miss("no sequence is read step by step", loop)
    for place in range(count):
        before, after = step.inputs[place], step.outputs[place]
        if after.node.op == "ArrayWrite" and after.node.inputs[0] is before:
            _check_written(scan, place)
            scan.writes[place] = after.node.inputs[2]
        elif place not in counters:
            scan.states.append(State(before, after, place))
    _take_off_masks(scan)
    _check_length(scan, counters)
    scan.states = [part for state in scan.states for part in _parts(scan, state)]
    return scan


ARRAYS = ("ArrayRead", "ArrayWrite")


def copied(graph: Graph) -> Graph:
    """A copy of `graph` that can be changed; the graphs inside it stay shared."""
    result = Graph()
    result.sizes = graph.sizes
    twins: dict[int, Value] = {}
    for node in graph.ordered():
        inputs = [twins[id(value)] for value in node.inputs]
        twin = Node(node.name, node.op, inputs, dict(node.attrs), origin=node.origin)
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
    return after.op == "Add" and any(each is value for each in after.inputs) and 1 in map(scalar, after.inputs)


def _check_written(scan: Scan, place: int) -> None:
    """Raise `Miss` unless the array at `place` is new and is filled from its start to its end."""
    made, write = scan.loop.inputs[place].node, scan.step.outputs[place].node
    if write.inputs[1] is not scan.counter or len(scan.step.inputs[place].uses) != 1:
        raise Miss("an array is written at another place than the step's own", write)
    if made.op != "ArrayNew" or not same_size(made.inputs[0], scan.sequence):
        raise Miss("an array is filled that has another size than the sequence", write)


# Masks


def _take_off_masks(scan: Scan) -> None:
    """Let states and what is written be as if every step counted, and remember which steps do.

    Raises `Miss` where some are masked and others are not, or in another way.
    """
    masks: list[Mask] = []
    total = len(scan.states) + len(scan.writes)
    states = {id(state.after): state for state in scan.states}
    for place, written in scan.writes.items():
        found = _masked(scan, written)
        if found is None:
            continue
        mask, new, old = found
        held = states.get(id(written)) or next((state for state in scan.states if state.before is old), None)
        if is_zero(_outer(scan, old)):
            scan.zeros.add(place)
        elif held is None or not is_zero(scan.loop.inputs[held.place]):
            raise Miss("where its mask is off, a step writes something else than 0 or what it wrote last", written.node)
        masks.append(mask)
        scan.writes[place] = new
    for state in scan.states:
        found = _masked(scan, state.after)
        if found is not None and found[2] is state.before:
            masks.append(found[0])
            state.after = found[1]
    if masks and (len(masks) < total or any(mask != masks[0] for mask in masks)):
        raise Miss("some of what a step gives is masked, and some is not, or in another way", scan.loop)
    scan.mask = masks[0] if masks else None


def _outer(scan: Scan, value: Value) -> Value:
    """What `value` is outside of the loop, if it comes in unchanging."""
    return scan.outside.get(id(value), value)


def _masked(scan: Scan, value: Value) -> tuple[Mask, Value, Value] | None:
    """The mask that decides over `value`, what it is where the mask is on, and where it is off."""
    node = value.node
    if node.op not in ("Select", "SelectV2"):
        return None
    condition, then, otherwise = node.inputs
    mask = _array_mask(scan, condition)
    if mask is not None:
        return mask, then, otherwise
    test = condition.node
    while test.op in RESHAPING and len(test.inputs) == 1:
        test = test.inputs[0].node
    if test.op not in COMPARISONS:
        return None
    left, right = test.inputs
    op = test.op
    if _through(right) is scan.counter:
        left, right, op = right, left, COMPARISONS[op]
    lengths = _through(right)
    if _through(left) is not scan.counter or _outer(scan, lengths) is lengths and lengths.node.op != "Const":
        return None
    mask = Mask(lengths=_outer(scan, lengths))
    if op == "GreaterEqual":  # the step is past the end
        return mask, otherwise, then
    return (mask, then, otherwise) if op == "Less" else None


RESHAPING = ("Tile", "ExpandDims", "Squeeze", "Reshape", "Identity", "Cast", "BroadcastTo")
COMPARISONS = {"GreaterEqual": "LessEqual", "LessEqual": "GreaterEqual", "Less": "Greater", "Greater": "Less"}


def _through(value: Value) -> Value:
    """`value` before its axes of size one were added, or before it was repeated."""
    while value.node.op in RESHAPING and len(value.node.inputs) == 1:
        value = value.node.inputs[0]
    return value


def _array_mask(scan: Scan, condition: Value) -> Mask | None:
    """A mask that is read as a sequence: one number or bool for each sample of the step."""
    value = _through(condition)
    if value.node.op == "NotEqual" and 0 in map(scalar, value.node.inputs):
        value = _through(next(each for each in value.node.inputs if scalar(each) != 0))
    array = scan.sequences.get(id(value))
    if array is None or array.shape is None or any(size != 1 for size in array.shape[2:]):
        return None
    return Mask(array=array)


# The number of steps


def _check_length(scan: Scan, counters: list[int]) -> None:
    """Raise `Miss` unless the loop makes a step for each element of the sequences that counts."""
    cond: Graph = scan.loop.attrs["cond"]
    sequences = list(scan.sequences.values())
    if any(not same_size(sequence, sequences[0]) for sequence in sequences):
        raise Miss("sequences of several lengths", scan.loop)
    bounds, stack = [], [cond.outputs[0]]
    while stack:
        test = stack.pop().node
        if test.op == "LogicalAnd":
            stack += test.inputs
        elif test.op == "Less" and any(test.inputs[0] is cond.inputs[place] for place in counters):
            bound = test.inputs[1]
            places = [place for place, value in enumerate(cond.inputs) if value is bound]
            bounds.append(scan.loop.inputs[places[0]] if places else bound)
        elif not (test.op == "Const" and test.attrs["value"].all()):
            raise Miss("how many steps are made depends on more than their number", scan.loop)
    if not bounds or not all(same_size(bound, sequences[0]) or _ends_with_mask(scan, bound) for bound in bounds):
        raise Miss("the number of steps is not the length of the sequence", scan.loop)


def _ends_with_mask(scan: Scan, bound: Value) -> bool:
    """True for the greatest of the mask's lengths, or more."""
    lengths = scan.mask.lengths if scan.mask else None
    if lengths is None or scan.zeros != set(scan.writes):
        return False
    if bound.node.op == "Const" and lengths.node.op == "Const":
        return bool(np.max(lengths.node.attrs["value"]) <= bound.node.attrs["value"])
    if bound.node.op == "Minimum":
        return all(same_size(each, scan.sequence) or _ends_with_mask(scan, each) for each in bound.node.inputs)
    if bound.node.op == "Maximum":
        return any(_ends_with_mask(scan, each) for each in bound.node.inputs)
    return bound.node.op == "Max" and bound.node.inputs[0] is lengths and bound.shape == ()


# States side by side


def _parts(scan: Scan, state: State) -> list[State]:
    """The states that lie side by side in one, which a step puts together by ConcatV2 and takes apart by slices."""
    ends = [0]
    leaves: list[Value] = []
    for leaf in _leaves(state.after):
        if leaf.shape is None or len(leaf.shape) != 2 or leaf.shape[1] is None:
            return [state]
        leaves.append(leaf)
        ends.append(ends[-1] + leaf.shape[1])
    if len(leaves) < 2:
        return [state]
    pieces = _pieces(state.before, 0, ends[-1])
    if pieces is None or not all({start, stop} <= set(ends) for _, start, stop in pieces):
        return [state]
    states = []
    for leaf, start, stop in zip(leaves, ends, ends[1:], strict=False):
        node = Node(f"{state.before.node.name}_{start}", "Placeholder")
        node.outputs = [Value(node, 0, leaf.shape, leaf.probe, leaf.dtype)]
        scan.step.add(node)
        states.append(State(node.out, leaf, state.place, (start, stop)))
    for value, start, stop in pieces:
        inside = [each.before for each in states if start <= each.part[0] and each.part[1] <= stop]  # type: ignore[index]
        if len(inside) == 1:
            scan.step.replace(value, inside[0])
        elif value is not state.before:
            joined = Node(f"{value.node.name}_joined", "ConcatV2", inside, {"axis": 1}, origin=value.node.origin)
            joined.outputs = [Value(joined, 0, value.shape, value.probe, value.dtype)]
            scan.step.add(joined)
            scan.step.replace(value, joined.out)
    for each in states:
        each.after = next((other.before for other in states if each.after is other.before), each.after)
    return states


def _leaves(value: Value) -> list[Value]:
    """What ConcatV2 on the last axis puts together, through any number of these."""
    node = value.node
    if node.op != "ConcatV2" or node.attrs.get("axis") != 1 or value.rank not in (2, None):
        return [value]
    return [leaf for each in node.inputs for leaf in _leaves(each)]


def _pieces(value: Value, start: int, stop: int) -> list[tuple[Value, int, int]] | None:
    """The smallest parts of a matrix' last axis that its users take, with where they lie; None for unknown users."""
    found: list[tuple[Value, int, int]] = []
    whole = False
    for user, slot in value.uses:
        taken = _taken(user, slot, stop - start)
        if taken is None:
            whole = True
        for piece, first, last in taken or ():
            inner = _pieces(piece, start + first, start + last)
            found += inner or []
    return [*found, (value, start, stop)] if whole or not found else found


def _taken(user: Node, slot: int, size: int) -> list[tuple[Value, int, int]] | None:
    """The parts of the last axis, of this size, that `user` takes; None if it takes all."""
    if user.op == "Split" and user.attrs.get("axis") == 1 and slot == len(user.inputs) - 1:
        width = size // len(user.outputs)
        return [(value, value.index * width, (value.index + 1) * width) for value in user.outputs]
    if user.op == "SplitV" and user.attrs.get("axis") == 1 and -1 not in user.attrs.get("sizes", (-1,)):
        ends = np.cumsum([0, *user.attrs["sizes"]]).tolist()
        return [(value, ends[value.index], ends[value.index + 1]) for value in user.outputs]
    if user.op == "Slice" and user.attrs.get("begin", (1,))[0] == 0 and user.attrs["size"][0] == -1:
        begin, length = user.attrs["begin"][1], user.attrs["size"][1]
        return [(user.out, begin, size if length == -1 else begin + length)]
    if user.op == "StridedSlice" and len(user.attrs.get("slices", ())) == 2 and user.attrs["slices"][0] == slice(None):
        columns = user.attrs["slices"][1]
        if isinstance(columns, slice) and columns.step is None:
            begin, end, _ = columns.indices(size)
            return [(user.out, begin, end)]
    return None
