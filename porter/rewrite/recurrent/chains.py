"""Cells that were written out step by step, as `tf.nn.static_rnn` does, become one layer over a sequence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from porter.graph import Graph, Node, Value
from porter.pattern import Matcher, Miss
from porter.rewrite.recurrent.dropout import undropped
from porter.rewrite.recurrent.layers import over_sequence
from porter.rewrite.recurrent.lift import add_all, new, transposed
from porter.rewrite.recurrent.sizes import is_zero
from porter.rewrite.recurrent.together import Together
from porter.rule import Cell, Step

NEAR = 14  # operations from a product to what a cell gives
Holds = Callable[[str, Sequence[str]], bool]


def raise_chains(graph: Graph, cells: Sequence[Cell], holds: Holds) -> None:
    """Raise every chain of equal cells, each of which takes the states that the one before it gives.

    Layers on top of each other follow in turn: the second one's inputs are what the first one's layer gives. Where a
    step's input depends on the step before, as in a decoder that was written out, each step is a call of one layer.
    """
    now: dict[int, Value] = {}  # what stands for the outputs of cells that were raised
    for chain in _chains(_steps(graph, cells, holds)):
        if _feeds_back(graph, chain, now) or not _raise(graph, chain, now):
            for step in chain if chain[0].cell.alone else ():
                _raise(graph, [step], now)
    if now:
        _gather(graph)
        graph.prune()


def _steps(graph: Graph, cells: Sequence[Cell], holds: Holds) -> list[Step]:
    """The steps of cells whose weights are used by several of them."""
    candidates = _candidates(graph)
    if not candidates:
        return []
    matcher = Matcher(graph)
    found: list[Step] = []
    covered: set[int] = set()
    for cell in cells:
        for node in candidates:
            if node.op not in cell.roots:
                continue
            for value in node.outputs:
                if id(value) in covered:
                    continue
                for step in cell.steps(matcher, value):
                    if holds(cell.name, [name for each in step.nodes for name in each.origin]):
                        found.append(step)
                        covered.add(id(value))
                        break
    order = {id(node): place for place, node in enumerate(candidates)}
    return sorted(found, key=lambda step: order[id(step.out.node)])


def _candidates(graph: Graph) -> list[Node]:
    """The nodes, in order, that lie near behind products with weights which occur in several products."""
    matcher = Matcher(graph)
    products: dict[int, list[Node]] = defaultdict(list)
    for node in graph:
        if node.op in ("MatMul", "LSTMBlockCell", "GRUBlockCell", "Conv2D"):
            for value in node.inputs[1:]:
                if value.rank and value.rank > 1 and matcher.is_static(value):
                    products[_source(value)].append(node)
    near = {
        id(node): node
        for several in products.values()
        for node in several
        if len(several) > 1 or node.op.endswith("BlockCell") or node.inputs[0].node.op == "ConcatV2"
    }
    edge = list(near.values())
    for _ in range(NEAR):
        edge = [user for node in edge for value in node.outputs for user, _ in value.uses if id(user) not in near]
        near.update({id(node): node for node in edge})
        edge = list({id(node): node for node in edge}.values())
    return [node for node in graph.ordered() if id(node) in near] if near else []


def _source(value: Value) -> int:
    """What tells a weight from others, through the reading of it."""
    while value.node.op in ("Split", "StridedSlice", "Identity") and value.node.inputs:
        value = value.node.inputs[-1] if value.node.op == "Split" else value.node.inputs[0]
    return id(value)


def _chains(steps: list[Step]) -> Iterator[list[Step]]:
    """Steps of one layer, in order, the lower layers first."""
    groups: dict[object, list[Step]] = defaultdict(list)
    for step in steps:
        weights = tuple((name, ref.key) for name, ref in sorted(step.layer.weights.items()))
        groups[step.cell.name, repr((step.layer.args, step.layer.kwargs)), weights].append(step)
    chains = []
    for group in groups.values():
        begin = {tuple(id(undropped(before)) for before, _ in step.states): step for step in group}
        after = {tuple(id(new) for _, new in step.states) for step in group}
        for first, step in begin.items():
            if first in after:
                continue
            chain = [step]
            while (following := begin.get(tuple(id(new) for _, new in chain[-1].states))) is not None:
                chain.append(following)
            if len(chain) > 1 or step.cell.alone:
                chains.append(chain)
    place = {id(step): at for at, step in enumerate(steps)}
    yield from sorted(chains, key=lambda chain: place[id(chain[0])])


def _feeds_back(graph: Graph, chain: list[Step], now: dict[int, Value]) -> bool:
    """Whether what goes into a step depends on what another one of the chain gives."""
    given = {id(value.node) for step in chain for value in (step.out, *(after for _, after in step.states))}
    inputs = [now.get(id(step.x), step.x).node for step in chain[1:]]
    return any(id(node) in given for node in graph.ancestors(inputs))


def _raise(graph: Graph, chain: list[Step], now: dict[int, Value]) -> bool:
    """Put one layer in the place of a chain, unless what is inside of it is used elsewhere."""
    inside = {id(node) for step in chain for node in step.nodes}
    if any(graph.nodes.get(node.name) is not node for step in chain for node in step.nodes):
        return False  # another chain has taken some of it
    for step in chain[:-1]:
        for _, after in step.states:
            if after is not step.out and (graph.is_output(after) or any(id(u) not in inside for u, _ in after.uses)):
                return False
    try:
        x = Together(graph).stacked([now.get(id(step.x), step.x) for step in chain])
    except Miss:
        return False
    if x.rank is None or any(step.out.shape is None for step in chain):
        return False
    first, last = chain[0], chain[-1]
    before = [now.get(id(value), value) for value, _ in first.states]
    initial = None if all(map(is_zero, before)) else before
    sequence, *finals = over_sequence(first.layer, x, initial, None, len(before))
    _describe(sequence, finals, chain)
    used = [step for step in chain if _used_outside(graph, step.out, inside)]
    output_is_state = next((place for place, (_, after) in enumerate(last.states) if after is last.out), None)
    values = [sequence, *finals]
    if used and not (used == [last] and output_is_state is not None):
        values.append(_steps_apart(sequence, chain))
    add_all(graph, values, first.cell.name)
    for place, (_, after) in enumerate(last.states):
        if after is not last.out or len(values) == 1 + len(finals):
            graph.replace(after, finals[place])
            now[id(after)] = finals[place]
    if len(values) > 1 + len(finals):
        for step, value in zip(chain, values[-1].node.outputs, strict=True):
            graph.replace(step.out, value)
            now[id(step.out)] = value
    graph.prune()
    return True


def _used_outside(graph: Graph, value: Value, inside: set[int]) -> bool:
    return graph.is_output(value) or any(id(user) not in inside for user, _ in value.uses)


def _describe(sequence: Value, finals: list[Value], chain: list[Step]) -> None:
    first, last, out = chain[0], chain[-1], chain[-1].out
    node = sequence.node
    node.name = f"{first.out.node.name}~"
    node.attrs["rule"] = first.cell.name
    node.origin = tuple(dict.fromkeys(name for step in chain for each in step.nodes for name in each.origin))
    shape = out.shape or ()
    sequence.shape, sequence.dtype = (shape[0], len(chain), *shape[1:]), out.dtype
    sequence.probe = None if out.probe is None else (out.probe[0], len(chain), *out.probe[1:])
    for final, (_, after) in zip(finals, last.states, strict=True):
        final.shape, final.probe, final.dtype, final.tensor = after.shape, after.probe, after.dtype, after.tensor


def _steps_apart(sequence: Value, chain: list[Step]) -> Value:
    node = Node(f"{sequence.node.name}/steps", "Unstack", [sequence], {"axis": 1}, origin=sequence.node.origin)
    node.outputs = [
        Value(node, place, step.out.shape, step.out.probe, step.out.dtype, step.out.tensor)
        for place, step in enumerate(chain)
    ]
    return node.outputs[0]


# What puts the steps together again


def _gather(graph: Graph) -> None:
    """Let what stacks or concatenates all steps of a sequence take the sequence, as far as it can be computed at once."""
    for node in graph.ordered():
        if graph.nodes.get(node.name) is not node or len(node.inputs) < 2 or not graph.is_used(node):
            continue
        axis = node.attrs.get("axis", 0)
        if node.op not in ("Stack", "ConcatV2") or axis not in (0, 1):
            continue
        try:
            sequence = Together(graph).sequence(node.inputs)
        except Miss:
            continue
        made = _as_stack(sequence, axis) if node.op == "Stack" else _as_concatenation(node, sequence, axis)
        if made is not None and made.node is not node:
            add_all(graph, [made], "")
            graph.replace(node.out, made)


def _as_stack(sequence: Value, axis: int) -> Value:
    return sequence if axis == 1 else transposed(sequence)


def _as_concatenation(node: Node, sequence: Value, axis: int) -> Value | None:
    """[batch, steps, units] as [batch, steps times units], or step after step as [steps times batch, units]."""
    out = node.out
    if sequence.shape is None or len(sequence.shape) != 3 or out.shape is None:
        return None
    _, steps, units = sequence.shape
    if units is None or (axis == 1 and steps is None):
        return None
    if axis != 1 or steps is None:
        return new("Reshape", [transposed(sequence)], {"shape": (-1, units)}, out, out.shape, out.probe)
    shape = (None, steps * units)
    return new("Reshape", [sequence], {"shape": shape}, out, out.shape, out.probe)
