"""Operations that compute a whole recurrent layer at once, such as `BlockLSTM` of `tf.contrib.rnn.LSTMBlockFusedCell`."""

from __future__ import annotations

from collections.abc import Sequence

from porter.graph import Graph, Node, Value
from porter.pattern import Matcher
from porter.pattern.matcher import scalar
from porter.rewrite.recurrent.layers import over_sequence
from porter.rewrite.recurrent.lift import add_all, new, transposed
from porter.rewrite.recurrent.sizes import is_zero, same_size
from porter.rule import Cell, Step

CELLS, OUTPUTS = 1, 6  # what BlockLSTM gives of each step


def raise_fused(graph: Graph, cells: Sequence[Cell]) -> None:
    """Raise each BlockLSTM of which no more is used than its outputs and the last cells."""
    for node in graph.ordered():
        if node.op in ("BlockLSTM", "BlockLSTMV2") and len(node.inputs) == 9:
            _raise(graph, node, cells)
    graph.prune()


def _raise(graph: Graph, node: Node, cells: Sequence[Cell]) -> None:
    length, x, c, h, kernel, *peepholes, bias = node.inputs
    used = {value.index for value in node.outputs if value.uses or graph.is_output(value)}
    last = _last_cells(graph, node.outputs[CELLS])
    if not used <= {CELLS, OUTPUTS} or last is None or x.rank != 3 or graph.is_output(node.outputs[CELLS]):
        return
    steps = scalar(length)
    if not same_size(length, x) and not (steps is not None and x.shape[0] is not None and steps >= x.shape[0]):  # type: ignore[index]
        return
    found = _step(graph, node, [x, c, h, kernel, *peepholes, bias], cells)
    if found is None:
        return
    initial = None if is_zero(h) and is_zero(c) else [h, c]
    sequence, *finals = over_sequence(found.layer, transposed(x), initial, None, 2)
    out = node.outputs[OUTPUTS]
    made = sequence.node
    made.name, made.origin, made.attrs["rule"] = f"{node.name}~", node.origin, found.cell.name
    units = (out.shape or h.shape or (None,))[-1]
    sequence.shape, sequence.dtype = (x.shape[1], x.shape[0], units), out.dtype  # type: ignore[index]
    sequence.probe = None if x.probe is None or units is None else (x.probe[1], x.probe[0], units)
    for value, state in zip(finals, (h, c), strict=True):
        value.shape, value.probe, value.dtype = state.shape, state.probe, state.dtype
    outputs = transposed(sequence)
    add_all(graph, [outputs, *finals], found.cell.name)
    graph.replace(out, outputs)
    for value in last:
        if value.rank == finals[1].rank:
            graph.replace(value, finals[1])
        else:  # the last step, with its axis
            kept = new("ExpandDims", [finals[1]], {"axis": 0}, value, value.shape, value.probe)
            graph.add(kept.node)
            graph.replace(value, kept)


def _last_cells(graph: Graph, cells: Value) -> list[Value] | None:
    """What takes the last cells out of the sequence; None where the sequence is used in another way."""
    found: list[Value] = []
    for user, slot in cells.uses:
        size = cells.shape[0] if cells.shape else None
        wanted = ((-1,), (size and size - 1,), (slice(-1, None),))
        if user.op != "StridedSlice" or slot or user.attrs.get("slices") not in wanted:
            return None if graph.is_used(user) else found
        found.append(user.out)
    return found


def _step(graph: Graph, node: Node, inputs: list[Value], cells: Sequence[Cell]) -> Step | None:
    """One step of the same kind, as the rule for the operation that computes a step finds it."""
    attrs = {key: value for key, value in node.attrs.items() if key in ("forget_bias", "cell_clip", "use_peephole")}
    if node.op == "BlockLSTMV2":
        attrs = {"gates": "ifco", "forget_bias": 0.0, "cell_clip": 0.0, **attrs}
    step = Node(node.name, "LSTMBlockCell", [], attrs, origin=node.origin)
    step.inputs = inputs
    step.outputs = [Value(step, place, dtype=inputs[0].dtype) for place in range(7)]
    matcher = Matcher(graph)
    for cell in cells:
        if "LSTMBlockCell" in cell.roots:
            for found in cell.steps(matcher, step.outputs[OUTPUTS]):
                return found
    return None
