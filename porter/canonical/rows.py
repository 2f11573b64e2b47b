"""Keeps axes apart that a reshape puts together for a product of matrices.

TensorFlow 1 multiplied matrices only, so people wrote `reshape(x, [-1, inputs])`, multiplied, and put the axes back when
they needed them, perhaps many layers later. Here such a reshape moves behind everything that treats each row by itself,
until it meets the one that undoes it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from porter.graph import Graph, Node, Value
from porter.graph.operations import BROADCASTING, DRAWN, UNARY
from porter.pattern import Matcher

# Of a row by itself, rather than of each element.
ROW_BY_ROW = UNARY | BROADCASTING | {"BiasAdd", "Cond", "Identity", "LogSoftmax", "Softmax"}
REDUCTIONS = {"Sum", "Mean", "Max", "Min", "Prod", "Any", "All"}
LARGEST = 5  # axes of what is put together


def rows(graph: Graph) -> None:
    """Move reshapes that put leading axes together behind what treats each row by itself."""
    if any(_is_merge(node) for node in graph):
        _Rows(graph).run()


def _is_merge(node: Node) -> bool:
    """True for a reshape that puts two or more leading axes together; if it makes a matrix, perhaps the others too."""
    return _leading(node) > 1


def _leading(node: Node) -> int:
    """How many leading axes a reshape puts together while what it makes of the others is known, 0 if it does not."""
    if node.op != "Reshape" or not node.inputs:
        return 0
    before, after = node.inputs[0].shape, node.out.shape
    if before is None or not after or len(before) > LARGEST or None in after[1:]:
        return 0
    kept = len(after) - 1
    if len(after) < len(before) and before[len(before) - kept :] == after[1:]:
        # axes of one number each are dropped, not put together with others
        return 0 if set(before[1 : len(before) - kept]) == {1} else len(before) - kept
    if len(after) != 2 or len(before) < 4:
        return 0
    for place in range(len(before) - 2, 1, -1):
        if before[1:place].count(None) < 2 and None not in before[place:] and prod(before[place:]) == after[1]:  # type: ignore[arg-type]
            return place
    return 0


class _Rows:
    """full: by value [rows, ...], the value that holds the same with the axes of the rows apart."""

    def __init__(self, graph: Graph):
        self.graph, self.full = graph, {}  # type: Graph, dict[int, Value]
        self.matcher = Matcher(graph)

    def run(self) -> None:
        for node in self.graph.ordered():
            if self.graph.nodes.get(node.name) is not node or not node.inputs:
                continue
            if node.op == "Reshape" and id(node.inputs[0]) in self.full:
                self._reshaped(node)
            elif any(id(value) in self.full for value in node.inputs) or node.op in DRAWN:
                self._moved(node)
            if not _is_merge(node) or self.matcher.is_static(node.out):  # weight arithmetic stays as rules know it
                continue
            if self.graph.nodes.get(node.name) is node and not self._is_coupled(node.out):
                self.full[id(node.out)] = self._whole(node)

    def _is_coupled(self, value: Value) -> bool:
        """True if rows meet: rules for that know the reshape, so it stays."""
        return any(
            user.op in REDUCTIONS and (not user.attrs.get("axes") or 0 in user.attrs["axes"]) for user, _ in value.uses
        )

    def _whole(self, node: Node) -> Value:
        """What `node` puts together, with the axes that it keeps as they are behind it."""
        before, count, out = node.inputs[0], _leading(node), node.out
        if (out.rank or 0) - 1 == (before.rank or 0) - count:
            return _unexpanded(node)
        shape = (*before.shape[:count], *out.shape[1:])  # type: ignore[index]
        made = Node(f"{node.name}/apart", "Reshape", [before], origin=node.origin)
        made.attrs["shape"] = (None, *(-1 if size is None else size for size in shape[1:]))
        probe = None if before.probe is None else (*before.probe[:count], *out.shape[1:])  # type: ignore[index]
        made.outputs = [Value(made, 0, shape, probe, out.dtype)]
        made.out.tensor = _apart(out, made.out)
        self.graph.add(made)
        self.graph.set_inputs(node, [made.out])
        return made.out

    def _reshaped(self, node: Node) -> None:
        """A reshape of rows takes what has the axes apart; one that only puts them apart is left out."""
        whole, out = self.full[id(node.inputs[0])], node.out
        if _same(whole, out, (out.rank or 0) if out.rank == whole.rank else -1):
            self.graph.replace(out, whole)
            self.graph.remove(node)
            return
        shape = node.attrs.get("shape")
        if shape is not None and None in shape:
            if shape.count(None) > 1 or -1 in shape:
                return
            node.attrs["shape"] = tuple(-1 if size is None else size for size in shape)
        sizes = tuple(-1 if size is None else size for size in (out.shape or ())[1:])
        if shape is None and out.shape and sizes.count(-1) < 2 and _same(whole, out, 1):
            node.attrs["shape"] = (None, *sizes)
            self.graph.set_inputs(node, [whole])
        else:
            self.graph.set_inputs(node, [whole, *node.inputs[1:]])

    def _moved(self, node: Node) -> None:
        """Put what `node` does before the reshape, where it treats each row by itself."""
        make = self._way(node)
        if make is None or any(map(self._is_coupled, node.outputs)):
            return
        made = make()
        if made is None:
            return
        self.graph.add(made)
        for old, new in zip(node.outputs, made.outputs, strict=True):
            new.dtype, new.tensor = old.dtype, _apart(old, new)
            back = Node(
                f"{node.name}/rows", "Reshape", [new], {"shape": (-1, *(old.shape or ())[1:])}, origin=node.origin
            )
            back.outputs = [Value(back, 0, old.shape, old.probe, old.dtype, old.tensor)]
            self.graph.add(back)
            self.graph.replace(old, back.out)
            self.full[id(back.out)] = new
        self.graph.remove(node)

    def _way(self, node: Node) -> Callable[[], Node | None] | None:
        if any(value.shape is None or not value.shape or None in value.shape[1:] for value in node.outputs):
            return None
        if node.op in ROW_BY_ROW:
            return lambda: self._elementwise(node)
        if node.op == "MatMul" and id(node.inputs[0]) in self.full and not node.attrs.get("transpose_a"):
            return lambda: self._product(node)
        if node.op in ("GatherV2", "OneHot"):
            return lambda: self._looked_up(node)
        if node.op in REDUCTIONS and node.attrs.get("axes"):
            return lambda: self._reduced(node)
        if node.op in DRAWN:
            return lambda: self._random(node)
        return None

    def _like(self, node: Node, op: str, inputs: list[Value], attrs: dict, lead: Value, count: int) -> Node:
        """The node that does what `node` does with the first `count` axes of `lead` in the place of the rows."""
        made = Node(node.name, op, inputs, attrs, origin=node.origin)
        for value in node.outputs:
            assert value.shape is not None
            assert lead.shape is not None
            probe = None if lead.probe is None else (*lead.probe[:count], *value.shape[1:])
            made.outputs.append(Value(made, value.index, (*lead.shape[:count], *value.shape[1:]), probe))  # type: ignore[arg-type]
        return made

    def _elementwise(self, node: Node) -> Node | None:
        rank = node.out.rank or 0
        if node.op in ("Softmax", "LogSoftmax") and rank < 2:
            return None
        wholes = [(value, self.full.get(id(value))) for value in node.inputs]
        lead = next((whole for value, whole in wholes if whole is not None and value.rank == rank), None)
        if lead is None or all(value.dtype.startswith("int") for value in node.inputs):
            return None  # arithmetic on ids belongs to rules for lookups
        count = (lead.rank or 0) - rank + 1
        inputs = []
        for value, whole in wholes:
            if whole is not None and value.rank == rank:
                if not _same(whole, lead, count) or whole.rank != lead.rank:
                    return None
                inputs.append(whole)
            elif value.rank is None or value.rank > rank or value.rank == rank and value.shape[0] != 1:  # type: ignore[index]
                return None
            else:
                inputs.append(value)
        return self._like(node, node.op, inputs, dict(node.attrs), lead, count)

    def _product(self, node: Node) -> Node | None:
        whole, kernel = self.full[id(node.inputs[0])], node.inputs[1]
        if not self.matcher.is_static(kernel):
            return None
        attrs = {"adj_y": True} if node.attrs.get("transpose_b") else {}
        return self._like(node, "BatchMatMul", [whole, kernel], attrs, whole, (whole.rank or 0) - 1)

    def _looked_up(self, node: Node) -> Node | None:
        place = 1 if node.op == "GatherV2" else 0
        whole = self.full.get(id(node.inputs[place]))
        others = [value for slot, value in enumerate(node.inputs) if slot != place]
        usual = (
            node.attrs.get("axis", 0 if place else -1) == (0 if place else -1) or not place and node.attrs["axis"] == 1
        )
        if whole is None or node.inputs[place].rank != 1 or not usual or node.attrs.get("batch_dims"):
            return None
        if any(id(value) in self.full for value in others):
            return None
        inputs = [whole if slot == place else value for slot, value in enumerate(node.inputs)]
        attrs = dict(node.attrs) if place else {key: value for key, value in node.attrs.items() if key != "axis"}
        return self._like(node, node.op, inputs, attrs, whole, whole.rank or 0)

    def _reduced(self, node: Node) -> Node | None:
        before, axes = node.inputs[0], node.attrs["axes"]
        whole = self.full.get(id(before))
        if whole is None or any(axis < 1 for axis in axes):
            return None
        more = (whole.rank or 0) - (before.rank or 0)
        attrs = {**node.attrs, "axes": tuple(axis + more for axis in axes)}
        return self._like(node, node.op, [whole], attrs, whole, more + 1)

    def _random(self, node: Node) -> Node | None:
        """Numbers of the shape of rows, as dropout draws them."""
        shape = node.inputs[0].node
        whole = self.full.get(id(shape.inputs[0])) if shape.op == "Shape" else None
        if whole is None or len(node.inputs) != 1:
            return None
        size = Node(shape.name, "Shape", [whole], dict(shape.attrs), origin=shape.origin)
        size.outputs = [Value(size, 0, (whole.rank,), (whole.rank,), shape.out.dtype)]  # type: ignore[arg-type]
        self.graph.add(size)
        return self._like(
            node, node.op, [size.out], dict(node.attrs), whole, (whole.rank or 0) - (node.out.rank or 0) + 1
        )


def _unexpanded(node: Node) -> Value:
    """What a reshape puts together, without axes of size one that were added for it."""
    value, kept = node.inputs[0], (node.out.rank or 1) - 1
    while value.node.op == "ExpandDims" and (value.rank or 0) > kept + 2:
        axis = value.node.attrs.get("axis")
        axis = axis[0] if isinstance(axis, tuple) else axis
        if not isinstance(axis, int) or not 0 <= axis < (value.rank or 0) - kept:
            break
        value = value.node.inputs[0]
    return value


def _same(one: Value, other: Value, count: int) -> bool:
    """True if the first `count` axes of two tensors are known to have the same sizes."""
    if count < 0 or one.shape is None or other.shape is None:
        return False
    if one is other:
        return True
    for axis in range(count):
        sizes = (one.shape[axis], other.shape[axis])
        probes = (one.probe[axis], other.probe[axis]) if one.probe and other.probe else (0, 1)
        if sizes[0] != sizes[1] or None in sizes and probes[0] != probes[1]:
            return False
    return True


def _apart(old: Value, new: Value) -> str:
    """How verification gets at `new` from the original's tensor."""
    if not old.tensor or new.shape is None or new.shape.count(None) > 1:
        return ""
    return f"{old.tensor}, reshaped {tuple(-1 if size is None else size for size in new.shape)}"
