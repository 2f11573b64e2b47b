"""Makes each sample's answer its own: statistics over the whole batch become statistics of each sample.

What is computed from `min(x)` has one number for the batch. Here it gets one for each sample, [batch, 1, ..., 1], and so
does all that follows from it alone, until it meets x again: there broadcasting does the rest, and what comes out has the
shape it had. Rows and columns that a reshape folded into the batch axis get an axis of their own on the way.
The result is what the original gives for each sample by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from porter.graph import Graph, Node, Value
from porter.rewrite.batch_coupling import Coupling, bearing_couplings, behind, inference_order
from porter.rewrite.batch_plan import Plan, Planner


def keep_samples_apart(graph: Graph, batch: int | None, *, exact: bool = False) -> list[Coupling]:
    """Undo, in place, what couples the samples of a batch; returns all couplings that bear on a sample's answer.

    All on the way to an output are undone, or none: half of it would compare with nothing. exact: whether all stays as
    it is.
    """
    if batch is None:
        return []
    order = inference_order(graph)
    found = bearing_couplings(graph, order, batch)
    if exact or not found:
        return found
    ways = [behind([value]) for value in graph.outputs]
    for each in found:
        each.outputs = [place for place, way in enumerate(ways) if id(each.node) in way]
    failed: dict[Coupling, str] = {}
    while True:
        plan = Planner(graph, order, batch, [each for each in found if each not in failed]).plan()
        new = {each: why for each, why in plan.failed.items() if each not in failed}
        if not new:
            break
        failed.update(new)
        for each, other in _companions(found, list(failed)):
            failed.setdefault(each, f"it is undone with {other.node.name} or not at all")
    for each in found:
        each.why = failed.get(each, "")
        each.undone = each not in failed
    if any(each.undone for each in found):
        _carry_out(graph, plan)
    return found


def _companions(found: Sequence[Coupling], failed: Iterable[Coupling]) -> Iterator[tuple[Coupling, Coupling]]:
    """Couplings that lie on the way to an output together with one that failed, or with such a one, and that one."""
    waiting = list(failed)
    seen = {id(each) for each in waiting}
    while waiting:
        bad = waiting.pop()
        for each in found:
            if id(each) not in seen and set(each.outputs) & set(bad.outputs):
                seen.add(id(each))
                waiting.append(each)
                yield each, bad


def _carry_out(graph: Graph, plan: Plan) -> None:
    names = {id(node): node.name for node in plan.made}
    for node in plan.made:
        graph.add(node)
    for node, inputs, attrs, causes in plan.rewired.values():
        node.attrs.update(attrs)
        graph.set_inputs(node, inputs)
        for cause in causes:
            cause.meets.append(node.out)
    for node in list(graph):
        for old in node.outputs:
            apart = plan.apart.get(id(old))
            if apart is None or not apart.folded or not apart.causes:
                continue
            for cause in apart.causes:
                cause.meets.append(old)
            kept = graph.outputs
            if old.uses:
                graph.replace(old, _folded_again(graph, old, apart.value))
            if any(value is old for value in kept):
                apart.value.tensor = old.tensor
                for cause in apart.causes:
                    cause.unfolds = True
            graph.outputs = [apart.value if value is old else value for value in kept]
    graph.prune()
    for node in plan.made:  # what stood there before is gone
        if node.name in graph.nodes and names[id(node)] not in graph.nodes:
            del graph.nodes[node.name]
            node.name = names[id(node)]
            graph.nodes[node.name] = node


def _folded_again(graph: Graph, old: Value, value: Value) -> Value:
    """`value` [batch, rows, ...] in the shape it had: [batch * rows, ...]."""
    tail = tuple(-1 if size is None else size for size in (old.shape or ())[1:])
    node = Node(f"{old.node.name}/folded", "Reshape", [value], {"shape": (-1, *tail)}, origin=old.node.origin)
    node.outputs = [Value(node, 0, old.shape, old.probe, old.dtype, old.tensor)]
    return graph.add(node).out
