"""What a loop computes step by step, computed for all steps at once: [batch, ...] becomes [batch, steps, ...]."""

from __future__ import annotations

from typing import Any

from porter.graph import Graph, Node, Value
from porter.graph.operations import BROADCASTING, UNARY
from porter.pattern import Matcher, Miss

ELEMENTWISE_CALLS = {"layers.Dropout", "layers.GaussianNoise", "layers.GaussianDropout", "layers.AlphaDropout"}
REDUCTIONS = {"Sum", "Mean", "Max", "Min", "Prod", "Any", "All"}


def inserted(items: tuple[Any, ...], item: Any) -> tuple[Any, ...]:
    """`items` with `item` in the second place."""
    return (*items[:1], item, *items[1:])


def new(op: str, inputs: list[Value], attrs: dict[str, Any], like: Value, shape: Any, probe: Any) -> Value:
    """The value of a node that is in no graph yet; named and typed like `like`."""
    node = Node(like.node.name, op, inputs, attrs, origin=like.node.origin)
    node.outputs = [Value(node, 0, shape, probe, like.dtype)]
    return node.out


def transposed(value: Value) -> Value:
    """`value` with its first two axes changed places; a transpose that did just that is undone."""
    node = value.node
    rank = value.rank
    if rank is None:
        raise Miss("the rank of a sequence is not known", node)
    if rank < 2:
        raise Miss("a sequence of single numbers, with no place for a batch", node)
    perm = (1, 0, *range(2, rank))
    if node.op == "Transpose" and node.attrs.get("perm") == perm:
        return node.inputs[0]
    shape = tuple(value.shape[axis] for axis in perm)  # type: ignore[index]
    probe = tuple(value.probe[axis] for axis in perm) if value.probe else None
    made = new("Transpose", [value], {"perm": perm}, value, shape, probe)
    made.tensor = value.transposed(perm)
    return made


class Lifter:
    """Gives for values of a step what holds them for all steps, and for what does not change the value itself.

    known: sequences [batch, steps, ...] by value of the step. outside: what comes in unchanging, by value of the step.
    graph: where what is made will be. steps: size and probe of the number of steps.
    """

    def __init__(
        self, graph: Graph, step: Graph, known: dict[int, Value], outside: dict[int, Value], steps: tuple[Any, Any]
    ):
        self.graph, self.known, self.outside, self.steps = graph, known, outside, steps
        self.sources = set(known)  # of what is known, that which was not computed here
        self._constants: dict[int, Value] = {}
        self._matcher = Matcher(step)

    def lift(self, value: Value) -> Value:
        """The sequence of a value that changes from step to step. Raises `Miss` where it can't be had."""
        found = self._try(value)
        if found is None:
            raise Miss("it does not change from step to step", value.node)
        return found

    def _try(self, value: Value) -> Value | None:
        """As `lift`, but None for what is the same in every step."""
        if id(value) in self.known:
            return self.known[id(value)]
        if id(value) in self.outside or self._matcher.is_static(value):
            return None
        node = value.node
        if not node.inputs:
            raise Miss("it depends on the step before", node)
        inputs = [self._try(each) for each in node.inputs]
        if all(each is None for each in inputs):
            raise Miss("it is computed in every step anew, though it does not change", node)
        lifted = self._node(node, inputs, value)
        for place, made in enumerate(lifted):
            self.known[id(node.outputs[place])] = made
        return self.known[id(value)]

    def unchanging(self, value: Value) -> Value:
        """What a value that does not change is outside."""
        if id(value) in self.outside:
            return self.outside[id(value)]
        if id(value) not in self._constants:
            self._constants[id(value)] = self._constant(value.node, value.index)
        return self._constants[id(value)]

    def _constant(self, node: Node, index: int) -> Value:
        present = self.graph.nodes.get(node.name)
        if present is not None and present.op == node.op and len(present.outputs) > index:
            return present.outputs[index]
        made = Node(node.name, node.op, [self.unchanging(each) for each in node.inputs], dict(node.attrs))
        made.origin = node.origin
        made.outputs = [Value(made, v.index, v.shape, v.probe, v.dtype, v.tensor) for v in node.outputs]
        return made.outputs[index]

    # One operation

    def _node(self, node: Node, lifted: list[Value | None], value: Value) -> list[Value]:
        op = node.op
        attrs = dict(node.attrs)
        if op in ("Softmax", "LogSoftmax") and (node.out.rank or 0) < 2:
            raise Miss("its last axis is the batch's place", node)
        if op in UNARY or op in ELEMENTWISE_CALLS or op in ("Softmax", "LogSoftmax"):
            return self._same_rank(node, op, lifted, attrs)
        if op == "Select" and node.inputs[0].rank == node.out.rank:
            return self._same_rank(node, "SelectV2", lifted, attrs)
        if op in BROADCASTING or op == "BiasAdd":
            return self._same_rank(node, "Add" if op == "BiasAdd" and lifted[0] is None else op, lifted, attrs)
        rank = node.inputs[0].rank
        if (
            op == "MatMul"
            and lifted[1] is None
            and not attrs.get("transpose_a")
            and self._matcher.is_static(node.inputs[1])
        ):
            name = {"adj_y": True} if attrs.get("transpose_b") else {}
            return [self._made(value, "BatchMatMul", [lifted[0], self.unchanging(node.inputs[1])], name)]  # type: ignore[list-item]
        if op == "ConcatV2" and attrs.get("axis", 0) >= 1 and None not in lifted:
            return [self._made(value, op, lifted, {**attrs, "axis": attrs["axis"] + 1})]  # type: ignore[arg-type]
        if (
            op == "StridedSlice"
            and rank
            and attrs.get("slices", (0,))[0] == slice(None)
            and Ellipsis not in attrs["slices"]
        ):
            slices = inserted(attrs["slices"], slice(None))
            return [self._made(value, op, [lifted[0]], {**attrs, "slices": slices})]  # type: ignore[list-item]
        if op in REDUCTIONS and rank and attrs.get("axes") and 0 not in attrs["axes"]:
            axes = tuple(axis + 1 for axis in attrs["axes"])
            return [self._made(value, op, [lifted[0]], {**attrs, "axes": axes})]  # type: ignore[list-item]
        if op in ("Split", "SplitV") and attrs.get("axis", 0) >= 1:
            made = self._made(value, op, [each for each in lifted if each], {**attrs, "axis": attrs["axis"] + 1})
            made.node.outputs = [
                Value(made.node, each.index, *self._dimensions(each), each.dtype) for each in node.outputs
            ]
            return made.node.outputs
        if (
            op in ("ExpandDims", "Stack", "Unstack", "ArgMax", "ArgMin")
            and attrs.get("axis", 0) >= 1
            and None not in lifted
        ):
            if op == "Unstack":
                raise Miss("it takes a tensor apart", node)
            return [self._made(value, op, lifted, {**attrs, "axis": attrs["axis"] + 1})]  # type: ignore[arg-type]
        if op == "Squeeze" and attrs.get("axes") and 0 not in attrs["axes"]:
            axes = tuple(axis + 1 for axis in attrs["axes"])
            return [self._made(value, op, [lifted[0]], {"axes": axes})]  # type: ignore[list-item]
        if op == "GatherV2" and attrs.get("axis", 0) == 0 and lifted[0] is None and not attrs.get("batch_dims"):
            return [self._made(value, op, [self.unchanging(node.inputs[0]), lifted[1]], attrs)]  # type: ignore[list-item]
        if op == "OneHot" and attrs.get("axis", -1) == -1 and lifted[1:] == [None] * (len(lifted) - 1):
            inputs = [lifted[0], *map(self.unchanging, node.inputs[1:])]
            return [self._made(value, op, inputs, attrs)]  # type: ignore[arg-type]
        raise Miss(f"{op} is not one that is computed for all steps at once", node)

    def _dimensions(self, like: Value) -> tuple[Any, Any]:
        shape = None if like.shape is None else inserted(like.shape, self.steps[0])
        probe = None if like.probe is None or self.steps[1] is None else inserted(like.probe, self.steps[1])
        return shape, probe

    def _made(self, like: Value, op: str, inputs: list[Value], attrs: dict[str, Any]) -> Value:
        return new(op, inputs, attrs, like, *self._dimensions(like))

    def _same_rank(self, node: Node, op: str, lifted: list[Value | None], attrs: dict[str, Any]) -> list[Value]:
        """An elementwise operation. What changes has the result's rank; what does not is broadcast along the steps."""
        rank = node.out.rank
        if not rank:
            raise Miss("a number for each step, not a tensor of the batch", node)
        inputs = []
        for before, made in zip(node.inputs, lifted, strict=True):
            if made is None:
                inputs.append(self._along_steps(before, rank, op))
            elif before.rank != rank:
                raise Miss("tensors of several ranks that change from step to step", node)
            else:
                inputs.append(made)
        return [self._made(node.out, op, inputs, attrs)]

    def _along_steps(self, value: Value, rank: int, op: str) -> Value:
        outside = self.unchanging(value)
        if value.rank is None or (op == "BiasAdd" and value.rank == 1) or value.rank < rank:
            if value.rank is None:
                raise Miss("the rank of what is broadcast is not known", value.node)
            return outside
        if rank == 1:
            return new("ExpandDims", [outside], {"axis": 1}, outside, (*outside.shape, 1), _one(outside.probe))  # type: ignore[misc]
        shape = inserted(outside.shape, 1)  # type: ignore[arg-type]
        return new(
            "ExpandDims", [outside], {"axis": 1}, outside, shape, inserted(outside.probe, 1) if outside.probe else None
        )


def _one(probe: tuple[int, ...] | None) -> tuple[int, ...] | None:
    return None if probe is None else (*probe, 1)


def add_all(graph: Graph, values: list[Value], rule: str) -> None:
    """Add the nodes that `values` come from and that are not in `graph` yet. rule: who is told to have made calls."""
    done: set[int] = set()
    stack: list[tuple[Node, bool]] = [(value.node, False) for value in reversed(values)]
    while stack:
        node, leaving = stack.pop()
        if leaving:
            if node.is_call:
                node.attrs.setdefault("rule", rule)
            graph.add(node)
        elif id(node) not in done and graph.nodes.get(node.name) is not node:
            done.add(id(node))
            stack.append((node, True))
            stack.extend((value.node, False) for value in reversed(node.inputs))
