"""Brings reductions that keep their axes as 1 into one form, however they were written.

People wrote `reduce_min(x, [1, 2], keepdims=True)` also as a reduction whose axes come back by a reshape or expand_dims, as
one reduction after another, or of a flattened x; and `reduce_std` has a mean of its own beside that of `x - reduce_mean(x)`.
"""

from __future__ import annotations

from collections.abc import Iterator

from porter.graph import Graph, Node, Value

IDEMPOTENT = {"Max", "Min"}  # after one another they are one over all the axes
REDUCTIONS = IDEMPOTENT | {"Mean", "Sum", "Prod"}
RESHAPES = {"Reshape", "ExpandDims", "Squeeze"}
BROADCASTING = {"Add", "Maximum", "Minimum", "Mul", "RealDiv", "SquaredDifference", "Sub"}


def kept_reductions(graph: Graph) -> None:
    """Let what stands for a reduction that keeps its axes be just that."""
    for node in graph.ordered():
        if node.op in REDUCTIONS and len(node.inputs) == 1 and node.attrs.get("axes") and node.inputs[0].probe:
            _join(graph, node)
            for source, axes in _unreduced(node):
                _keep(graph, node, source, axes)
    _share(graph)


def _join(graph: Graph, node: Node) -> None:
    """Let a maximum of maxima be one maximum."""
    inner = node.inputs[0].node
    axes = inner.attrs.get("axes")
    if node.op not in IDEMPOTENT or inner.op != node.op or not axes or inner.inputs[0].rank is None:
        return
    rank, keeps = inner.inputs[0].rank, inner.attrs.get("keepdims", False)
    if keeps != node.attrs.get("keepdims", False):
        return
    places = range(rank) if keeps else [axis for axis in range(rank) if axis not in axes]
    node.attrs["axes"] = tuple(sorted({*axes, *(places[axis] for axis in node.attrs["axes"])}))
    node.origin = tuple(dict.fromkeys((*inner.origin, *node.origin)))
    graph.set_inputs(node, inner.inputs)


def _unreduced(node: Node) -> Iterator[tuple[Value, tuple[int, ...]]]:
    """What a reduction is taken of, and over which axes; then what that is a flattened form of."""
    x, axes = node.inputs[0], node.attrs["axes"]
    yield x, axes
    source = x.node.inputs[0] if x.node.op == "Reshape" else None
    if source is not None and source.probe and x.probe and len(source.probe) > len(x.probe):
        groups = _groups(source.probe, x.probe)
        if groups is not None:
            yield source, tuple(each for axis in axes for each in groups[axis])


def _groups(before: tuple[int, ...], after: tuple[int, ...]) -> list[list[int]] | None:
    """For each axis of the shape `after` those of `before` that it puts together; None where it cuts one."""
    groups: list[list[int]] = []
    place = 0
    for size in after:
        group, product = [place], before[place] if place < len(before) else 0
        while product < size and place + 1 < len(before):
            place += 1
            group.append(place)
            product *= before[place]
        if product != size:
            return None
        groups.append(group)
        place += 1
    return groups if place == len(before) else None


def _keep(graph: Graph, node: Node, x: Value, axes: tuple[int, ...]) -> None:
    """Let each reshape of the result to the rank of x, with axes of size 1 where it was reduced, be a reduction of x."""
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(x.probe or ()))
    if node.attrs.get("keepdims", False) and x is node.inputs[0]:
        return
    stack = [node.out]
    while stack:
        value = stack.pop()
        if value is not node.out and value.probe == kept:
            origin = tuple(dict.fromkeys((*node.origin, *value.node.origin)))
            made = Node(f"{value.node.name}/kept", node.op, [x], {"axes": axes, "keepdims": True}, origin=origin)
            made.outputs = [Value(made, 0, value.shape, kept, value.dtype, value.tensor)]
            graph.add(made)
            graph.replace(value, made.out)
        else:
            stack += [user.out for user, slot in value.uses if user.op in RESHAPES and slot == 0]


def _share(graph: Graph) -> None:
    """Let `x - mean` use the mean that keeps its axes where there is one, and broadcasting makes it the same."""
    known: dict[tuple[str, int, tuple[int, ...]], Node] = {}
    for node in graph.ordered():
        if node.op in REDUCTIONS and len(node.inputs) == 1 and node.attrs.get("axes") and node.attrs.get("keepdims"):
            known.setdefault((node.op, id(node.inputs[0]), tuple(node.attrs["axes"])), node)
    for node in graph.ordered():
        axes = tuple(node.attrs.get("axes") or ()) if node.op in REDUCTIONS and len(node.inputs) == 1 else ()
        kept = known.get((node.op, id(node.inputs[0]), axes)) if axes else None
        if kept is None or node.attrs.get("keepdims") or axes != tuple(range(len(axes))):
            continue
        rank = node.inputs[0].rank or 0
        for user, slot in list(node.out.uses):
            if user.op in BROADCASTING and len(user.inputs) == 2 and (user.inputs[1 - slot].rank or 0) >= rank:
                graph.set_inputs(user, [kept.out if at == slot else each for at, each in enumerate(user.inputs)])
