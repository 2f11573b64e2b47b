"""`tf.map_fn` over pictures that resizes each to a size of its own resizes all of them at once.

The pictures of one batch have one size, so what is computed from the size of each is the same for all. Nothing but the
shape of what comes out tells how large an array the loop would have to fill; as one operation on the batch it needs none.
Loops that do anything else to the pictures than cast, scale and shift them stay loops, and so do those over pictures of
a known size, in which the numbers that follow from it would have to be worked out here.
Source: object_detection/core/preprocessor.py, function resize_to_range, and meta_architectures, method preprocess.
"""

from __future__ import annotations

import numpy as np

from porter.canonical.growing_arrays import counts
from porter.canonical.names import constant
from porter.graph import Graph, Node, Value

RESIZING = {"ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea"}
SHIFTING = {"Add", "Sub", "Mul", "RealDiv"}

# How a value inside of the loop is to be had outside: alike for all samples; as a batch, of which it is one sample; or as
# a batch, of which it is one sample with an axis of size 1 in front.
ALIKE, SAMPLE, LIFTED = "alike", "sample", "lifted"


class _Other(Exception):
    """The loop does something else."""


def mapped_pictures(graph: Graph) -> None:
    """Take such loops out of `graph`."""
    for node in graph.ordered():
        if node.op == "While" and any(
            each.op in RESIZING and each.inputs[1].node.op != "Const" for each in node.attrs["body"]
        ):
            try:
                found = _Batch(graph, node).outputs()
            except _Other:
                continue
            for place, value in found.items():
                graph.replace(node.outputs[place], value)


class _Batch:
    """What the body of `loop` does, on all samples at once."""

    def __init__(self, graph: Graph, loop: Node):
        self.graph, self.loop, self.body = graph, loop, loop.attrs["body"]
        self.known: dict[int, tuple[Value, str]] = {}
        count = loop.attrs["count"]
        self.counters = [place for place in range(count) if counts(loop, place)]
        for place, value in enumerate(self.body.inputs):
            if place >= count:
                self.known[id(value)] = (loop.inputs[place], ALIKE)

    def outputs(self) -> dict[int, Value]:
        """The arrays that the loop fills, by their place. Raises `_Other`."""
        found = {}
        for place, value in enumerate(self.loop.outputs):
            if not value.uses and not self.graph.is_output(value):
                continue
            write, made = self.body.outputs[place].node, self.loop.inputs[place].node
            fills = write.op == "ArrayWrite" and write.inputs[0] is self.body.inputs[place] and made.op == "ArrayNew"
            if not fills or not self._is_step(write.inputs[1]):
                raise _Other
            made_of, kind = self._outside(write.inputs[2])
            if kind == LIFTED:
                raise _Other
            found[place] = made_of if kind == SAMPLE else self._repeated(made_of, made.inputs[0])
        return found

    def _is_step(self, value: Value) -> bool:
        return any(value is self.body.inputs[place] for place in self.counters)

    def _outside(self, wanted: Value) -> tuple[Value, str]:
        """The value outside of the loop, and what it is there."""
        for node in self.body.ancestors([wanted.node]):
            if node.outputs and id(node.out) not in self.known:
                self._take(node)
        return self.known[id(wanted)]

    def _take(self, node: Node) -> None:
        if node.op == "Placeholder":
            return  # a counter, or an array that is filled; what else needs it is found out below
        if node.op == "ArrayRead":
            array, _ = self._of(node.inputs[0])
            free = array.shape is not None and None in array.shape[1:]
            if not free or not self._is_step(node.inputs[1]) or not self._has_as_many(array):
                raise _Other
            self.known[id(node.out)] = (array, SAMPLE)
            return
        if node.op == "ArrayWrite":
            return
        inputs = [self._of(value) for value in node.inputs]
        kinds = [kind for _, kind in inputs]
        first, rest = kinds[0] if kinds else ALIKE, set(kinds[1:])
        if set(kinds) <= {ALIKE}:
            self._copy(node, [value for value, _ in inputs], ALIKE)
        elif rest - {ALIKE}:
            raise _Other
        elif node.op == "Shape" and first == SAMPLE:
            self._sizes(node, inputs[0][0])
        elif node.op == "ExpandDims" and first == SAMPLE and _number(node.inputs[1]) == 0:
            self.known[id(node.out)] = (inputs[0][0], LIFTED)
        elif node.op == "Squeeze" and first == LIFTED and node.attrs.get("squeeze_dims") == (0,):
            self.known[id(node.out)] = (inputs[0][0], SAMPLE)
        elif node.op in RESIZING and first == LIFTED and inputs[0][0].rank == 4:
            x = inputs[0][0]
            self._copy(node, [x, inputs[1][0]], LIFTED, (x.shape[0], None, None, x.shape[3]))  # type: ignore[index]
        elif node.op == "Cast" or (node.op in SHIFTING and _rank(node.inputs[1]) <= 1):
            self._copy(node, [value for value, _ in inputs], first, inputs[0][0].shape)
        else:
            raise _Other

    def _of(self, value: Value) -> tuple[Value, str]:
        if id(value) not in self.known:
            raise _Other
        return self.known[id(value)]

    def _copy(self, node: Node, inputs: list[Value], kind: str, shape: tuple[int | None, ...] | None = None) -> None:
        new = Node(f"{node.name}/all", node.op, inputs, dict(node.attrs), origin=node.origin)
        for value in node.outputs:
            alike = kind == ALIKE
            new.outputs.append(Value(new, value.index, value.shape if alike else shape, None, value.dtype))
        self.graph.add(new)
        for value, outer in zip(node.outputs, new.outputs, strict=True):
            self.known[id(value)] = (outer, kind)

    def _sizes(self, node: Node, batch: Value) -> None:
        """The shape of one sample: that of the batch, without the first size."""
        rank = batch.rank
        shape = self._add(f"{node.name}/all", "Shape", [batch], {}, (rank,), node.out.dtype)
        ends = [constant(self.graph, f"{node.name}/end_{end}", np.array([end], np.int32)) for end in (1, 0, 1)]
        size = None if rank is None else rank - 1
        own = self._add(f"{node.name}/own", "StridedSlice", [shape, *ends], {"end_mask": 1}, (size,), node.out.dtype)
        self.known[id(node.out)] = (own, ALIKE)

    def _repeated(self, value: Value, times: Value) -> Value:
        """`value` once for each sample."""
        if value.shape is None:
            raise _Other
        name, rank = self.loop.name, len(value.shape)
        axis = constant(self.graph, f"{name}/axis", np.int32(0))
        row = self._add(f"{name}/row", "ExpandDims", [value, axis], {}, (1, *value.shape), value.dtype)
        once = constant(self.graph, f"{name}/once", np.int32(1))
        counted = self._add(f"{name}/times", "Stack", [times, *[once] * rank], {"axis": 0}, (rank + 1,), "int32")
        return self._add(f"{name}/repeated", "Tile", [row, counted], {}, (None, *value.shape), value.dtype)

    def _has_as_many(self, array: Value) -> bool:
        """Whether the loop makes one step for each sample of `array`: it counts up to the size of its first axis."""
        made = [self.loop.inputs[place].node for place in range(self.loop.attrs["count"])]
        return all(_is_first_size(each.inputs[0], array) for each in made if each.op == "ArrayNew")

    def _add(self, name: str, op: str, inputs: list[Value], attrs: dict, shape: tuple, dtype: str) -> Value:
        node = Node(name, op, inputs, attrs, origin=self.loop.origin)
        node.outputs = [Value(node, 0, shape, None if None in shape else shape, dtype)]
        return self.graph.add(node).out


def _is_first_size(size: Value, array: Value) -> bool:
    if size.node.op == "Const":
        return array.shape is not None and array.shape[0] == _number(size)
    if size.node.op != "StridedSlice" or _number(size.node.inputs[1]) != 0:
        return False
    shape = size.node.inputs[0].node
    return shape.op == "Shape" and shape.inputs[0] is array


def _number(value: Value) -> int | None:
    held = value.node.attrs.get("value") if value.node.op == "Const" else None
    return int(held.reshape(-1)[0]) if held is not None and held.size == 1 else None


def _rank(value: Value) -> int:
    return 9 if value.shape is None else len(value.shape)
