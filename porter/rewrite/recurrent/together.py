"""Values of one step each, found to be the steps of one sequence [batch, steps, ...]."""

from __future__ import annotations

from collections.abc import Sequence

from porter.graph import Graph, Node, Value
from porter.pattern import Matcher, Miss
from porter.rewrite.recurrent.lift import Lifter, new, transposed
from porter.rule import ops

DEEP = 12  # operations between what a sequence is taken apart to and what a layer takes


class Together:
    """Puts values together that belong to steps. Nothing is added to the graph: the nodes it makes are in none yet."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self._matcher = Matcher(graph)
        self._found: dict[tuple[int, ...], Value] = {}

    def sequence(self, values: Sequence[Value]) -> Value:
        """The sequence that `values` are the steps of, as it is or computed for all of them at once. Raises `Miss`."""
        return self._sequence(list(values), DEEP)

    def stacked(self, values: Sequence[Value]) -> Value:
        """The same, but values that are the steps of nothing else are stacked."""
        try:
            return self.sequence(values)
        except Miss:
            first = values[0]
            if first.rank is None:
                raise
            shape = None if first.shape is None else (*first.shape[:1], len(values), *first.shape[1:])
            probe = None if first.probe is None else (*first.probe[:1], len(values), *first.probe[1:])
            if all(map(self._matcher.is_static, values)):
                # a call: what is made of weights alone is otherwise computed by the original, which has no such tensor
                made = ops.expand_dims(first, 1) if len(values) == 1 else ops.stack(list(values), axis=1)
                made.shape, made.probe, made.dtype = shape, probe, first.dtype
                made.node.name, made.node.origin = first.node.name, first.node.origin
                return made
            if len(values) == 1:
                return new("ExpandDims", [first], {"axis": 1}, first, shape, probe)
            return new("Stack", list(values), {"axis": 1}, first, shape, probe)

    def _sequence(self, values: list[Value], deep: int) -> Value:
        key = tuple(map(id, values))
        if key not in self._found:
            found = _taken_apart(values)
            if found is None and len(values) > 1:
                backwards = _taken_apart(values[::-1])
                found = None if backwards is None else _reversed(backwards)
            self._found[key] = self._computed(values, deep) if found is None else found
        return self._found[key]

    def _computed(self, values: list[Value], deep: int) -> Value:
        """The sequence of what one operation gives for each step."""
        first, nodes = values[0], [value.node for value in values]
        alike = all(
            _alike(node, first.node) and value.index == first.index for node, value in zip(nodes, values, strict=True)
        )
        if not deep or not alike or not first.node.inputs or len({id(node) for node in nodes}) < len(nodes):
            raise Miss("these are not the steps of one sequence", first.node)
        known, outside = {}, {}
        for place, value in enumerate(first.node.inputs):
            column = [node.inputs[place] for node in nodes]
            if all(each is value for each in column) or self._equal(column):
                outside[id(value)] = value
            else:
                known[id(value)] = self._sequence(column, deep - 1)
        lifter = Lifter(self.graph, self.graph, known, outside, (len(values), len(values)))
        return lifter.lift(first)

    def _equal(self, values: list[Value]) -> bool:
        """True for constants that hold the same."""
        if any(value.node.op != "Const" for value in values):
            return False
        arrays = [value.node.attrs["value"] for value in values]
        return all(array.shape == arrays[0].shape and (array == arrays[0]).all() for array in arrays)


def _alike(node: Node, other: Node) -> bool:
    if node.op != other.op or len(node.inputs) != len(other.inputs) or node.attrs.keys() != other.attrs.keys():
        return False
    return repr([node.attrs[key] for key in node.attrs if key != "rule"]) == repr(
        [other.attrs[key] for key in node.attrs if key != "rule"]
    )


def _reversed(sequence: Value) -> Value:
    return new("ReverseV2", [sequence], {"axes": (1,)}, sequence, sequence.shape, sequence.probe)


# What takes a sequence apart


def _taken_apart(values: list[Value]) -> Value | None:
    """The sequence [batch, steps, ...] whose steps, all of them and in order, are `values`."""
    first, node = values[0], values[0].node
    if node.op in ("Unstack", "ops.unstack") and all(v.node is node and v.index == i for i, v in enumerate(values)):
        if len(node.outputs) != len(values):
            return None
        axis = node.attrs.get("axis", 0)
        return node.inputs[0] if axis == 1 else transposed(node.inputs[0]) if axis == 0 else None
    if node.op == "StridedSlice":
        return _sliced(values)
    if node.op in ("Squeeze", "Reshape") and _steps_of_one(values):
        inner = [value.node.inputs[0] for value in values]
        split = inner[0].node
        axis = split.attrs.get("axis")
        if axis not in (0, 1) or not _is_split(inner) or not inner[0].shape or inner[0].shape[axis] != 1:
            return None
        if _drops(first, inner[0], axis):
            source = split.inputs[-1] if split.op == "Split" else split.inputs[0]
            return source if axis == 1 else transposed(source)
        return None
    if _is_split(values) and node.attrs.get("axis") == 0:
        return _split_rows(node.inputs[-1] if node.op == "Split" else node.inputs[0], first, len(values))
    return None


def _steps_of_one(values: list[Value]) -> bool:
    return all(value.node.op == values[0].node.op and len(value.node.inputs) == 1 for value in values)


def _is_split(values: list[Value]) -> bool:
    """True for all that a Split into equal parts gives, in order."""
    node = values[0].node
    if node.op not in ("Split", "SplitV") or len(node.outputs) != len(values) or "axis" not in node.attrs:
        return False
    if node.op == "SplitV" and len(set(node.attrs.get("sizes", (0, 1)))) != 1:
        return False
    return all(value.node is node and value.index == place for place, value in enumerate(values))


def _drops(after: Value, before: Value, axis: int) -> bool:
    """True if `after` is `before` without `axis`, which has size one."""
    if after.shape is None or before.shape is None or len(after.shape) != len(before.shape) - 1:
        return False
    left = (*before.shape[:axis], *before.shape[axis + 1 :])
    probes = before.probe and after.probe and (*before.probe[:axis], *before.probe[axis + 1 :]) == after.probe
    return bool(probes) or (left == after.shape and left.count(None) <= 1)


def _sliced(values: list[Value]) -> Value | None:
    """x[:, 0], x[:, 1] and so on."""
    source = values[0].node.inputs[0]
    axis = None
    for place, value in enumerate(values):
        node = value.node
        slices = node.attrs.get("slices")
        if node.op != "StridedSlice" or node.inputs[0] is not source or slices is None or source.shape is None:
            return None
        picked = [at for at, each in enumerate(slices) if not isinstance(each, slice) or each != slice(None)]
        if len(picked) != 1 or slices[picked[0]] != place or picked[0] > 1 or isinstance(slices[picked[0]], bool):
            return None
        axis = picked[0] if axis in (None, picked[0]) else -1
    if axis not in (0, 1) or source.shape[axis] != len(values):  # type: ignore[index]
        return None
    return source if axis == 1 else transposed(source)


def _split_rows(source: Value, part: Value, count: int) -> Value | None:
    """A matrix [steps times batch, inputs], in which one step's rows stand together."""
    before = source.node.inputs[0] if source.node.op == "Reshape" and len(source.node.inputs) == 1 else None
    if part.shape is None or None in part.shape[1:]:
        return None
    stands = before is not None and before.shape and (before.shape[0], *before.shape[2:]) == (count, *part.shape[1:])
    if before is not None and stands and part.rank == source.rank:
        return transposed(before)
    shape = (count, part.shape[0], *part.shape[1:])
    probe = None if part.probe is None else (count, *part.probe)
    wanted = (count, -1 if part.shape[0] is None else part.shape[0], *part.shape[1:])
    made = new("Reshape", [source], {"shape": wanted}, source, shape, probe)
    return transposed(made)
