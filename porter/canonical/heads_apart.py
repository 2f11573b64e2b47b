"""Gives the heads of attention an axis of their own, where they were put beside each other on the batch's axis.

`tf.concat(tf.split(q, heads, axis=2), axis=0)` lets one product of matrices do for all heads. What the heads see is taken
apart again by `tf.concat(tf.split(seen, heads, axis=0), axis=2)`. In between, the first axis holds heads and samples; here
it becomes two, [batch, heads, ...], so that samples stay apart and the rules see attention as others write it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from porter.graph import Graph, Node, Value
from porter.graph.operations import BROADCASTING, DRAWN, UNARY
from porter.pattern import Matcher

ROW_BY_ROW = UNARY | BROADCASTING | {"BiasAdd", "Cond", "Identity", "LogSoftmax", "Select", "Softmax"}
REDUCTIONS = {"Sum", "Mean", "Max", "Min", "Prod", "Any", "All"}
SIZES = {"Stack", "FloorDiv", "Cast", "Mul"}  # arithmetic on the number of rows, which only a Tile may need

Way = tuple[Callable[[], None], "list[_Lifted | None]"]


@dataclass(frozen=True)
class _Lifted:
    """What a value is whose first axis holds heads and samples, or their number.

    kind: "rows" for a tensor, "parts" for one head's share of it, "shape" for its shape, "size" for a number of rows.
    batch: size and probe of the batch. samples, apart: whether the numbers differ between samples and between heads, or
    the axis has size one there.
    """

    kind: str
    heads: int
    batch: tuple[int | None, int]
    samples: bool = True
    apart: bool = True


def heads_apart(graph: Graph) -> None:
    """Give heads that stand on the batch's axis an axis of their own, from where they are put there to where they leave it.

    Left as they are: heads between which something happens that is not done row by row, or whose rows something else uses.
    """
    if any(_parts(node, "ConcatV2", 0) for node in graph):
        _Heads(graph).run()


def _parts(node: Node, op: str, axis: int) -> Node | None:
    """The Split all of whose parts a concatenation along `axis` puts together in their order."""
    if node.op != op or node.attrs.get("axis") != axis or len(node.inputs) < 2:
        return None
    split = node.inputs[0].node
    whole = split.op == "Split" and len(split.outputs) == len(node.inputs) and split.attrs.get("axis") is not None
    if not whole or any(value is not part for value, part in zip(node.inputs, split.outputs, strict=True)):
        return None
    return split


class _Heads:
    """lifted: by value, what is known of it. ways: by node, how it is written anew."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.lifted: dict[int, _Lifted] = {}
        self.ways: dict[Node, Callable[[], None]] = {}
        self.counts: set[int] = set()
        self.matcher = Matcher(graph)  # weight arithmetic stays as it is: its numbers are the original's own

    def run(self) -> None:
        order = self.graph.ordered()
        self.counts = {len(node.inputs) for node in order if _parts(node, "ConcatV2", 0)}
        for node in order:
            found = self._way(node)
            if found is None:
                continue
            self.ways[node] = found[0]
            for value, lifted in zip(node.outputs, found[1], strict=True):
                if lifted is not None:
                    self.lifted[id(value)] = lifted
        self._keep_whole()
        for node in order:
            if node in self.ways:
                self.ways[node]()

    def _keep_whole(self) -> None:
        """Drop the ways of all nodes that have to do with one whose rows are used in another way."""
        bad = [
            node
            for node in self.ways
            for value in self._rows(node.outputs)
            if self.graph.is_output(value) or any(user not in self.ways for user, _ in value.uses)
        ]
        while bad:
            node = bad.pop()
            if self.ways.pop(node, None) is None:
                continue
            bad += [value.node for value in self._rows(node.inputs)]
            bad += [user for value in self._rows(node.outputs) for user, _ in value.uses]

    def _rows(self, values: Iterable[Value]) -> list[Value]:
        return [value for value in values if id(value) in self.lifted]

    def _way(self, node: Node) -> Way | None:
        """How `node` is written with heads apart, and what its outputs are then; None if it is not, or cannot be."""
        given = [self.lifted.get(id(value)) for value in node.inputs]
        if node.op == "ConcatV2":
            return self._start(node) if not any(given) else self._end(node, given)
        if node.op == "Tile":
            return self._tiled(node, given)
        first = next((each for each in given if each is not None), None)
        if first is None or any(each is not None and each.heads != first.heads for each in given):
            return None
        kinds = {each.kind for each in given if each is not None}
        if kinds == {"rows"}:
            return self._by_rows(node, given, first)
        if kinds == {"shape"}:
            return self._by_shape(node, first)
        if kinds == {"size"} and node.op in SIZES:
            return _nothing, [first] * len(node.outputs)
        return None

    # Where heads come and go

    def _start(self, node: Node) -> Way | None:
        split = _parts(node, "ConcatV2", 0)
        if split is None:
            return None
        whole, axis, heads = split.inputs[-1], split.attrs["axis"], len(split.outputs)
        shape, probe = whole.shape, whole.probe
        if shape is None or probe is None or not 0 < axis < len(shape) or shape[1:].count(None) > 1:
            return None
        size = shape[axis]
        if size is None or self.matcher.is_static(whole):
            return None
        apart = (*shape[:axis], heads, size // heads, *shape[axis + 1 :])

        def way() -> None:
            made = Node(f"{node.name}/apart", "Reshape", [whole], origin=node.origin)
            made.attrs["shape"] = (None, *(-1 if each is None else each for each in apart[1:]))
            probes = (*probe[:axis], heads, size // heads, *probe[axis + 1 :])
            made.outputs = [Value(made, 0, apart, probes, whole.dtype)]
            self.graph.add(made)
            node.op, node.attrs = "Transpose", {"perm": (0, axis, *range(1, axis), *range(axis + 1, len(apart)))}
            self.graph.set_inputs(node, [made.out])
            self._settle(node)

        return way, [_Lifted("rows", heads, (shape[0], probe[0]))]

    def _end(self, node: Node, given: list[_Lifted | None]) -> Way | None:
        split = _parts(node, "ConcatV2", node.attrs.get("axis", 0))
        out, axis = node.out, node.attrs.get("axis", 0)
        parts = split is not None and all(each is not None and each.kind == "parts" for each in given)
        if split is None or not parts or axis < 1 or out.shape is None or out.shape[1:].count(None) > 1:
            return None

        def way() -> None:
            whole = split.inputs[-1]
            order = (0, *range(2, axis + 1), 1, *range(axis + 1, whole.rank or 0))
            turned = Node(f"{node.name}/together", "Transpose", [whole], {"perm": order}, origin=node.origin)
            shape = tuple((whole.shape or ())[each] for each in order)
            probe = tuple((whole.probe or ())[each] for each in order)
            turned.outputs = [Value(turned, 0, shape, probe, whole.dtype)]
            self.graph.add(turned)
            node.op = "Reshape"
            node.attrs = {"shape": (None, *(-1 if size is None else size for size in out.shape[1:]))}  # type: ignore[index]
            self.graph.set_inputs(node, [turned.out])

        return way, [None]

    # What stands between

    def _by_rows(self, node: Node, given: list[_Lifted | None], first: _Lifted) -> Way | None:
        attrs = node.attrs
        samples = any(each.samples for each in given if each is not None)
        apart = any(each.apart for each in given if each is not None)
        made = replace(first, samples=samples, apart=apart)
        if node.op in ROW_BY_ROW and self._fits(node, given):
            op = "SelectV2" if node.op == "Select" else node.op
            return self._as(node, attrs, op), [made]
        if node.op == "BatchMatMul":
            alike = all(each is not None for each in given) and node.inputs[0].rank == node.inputs[1].rank
            if alike or given[0] is not None and given[1] is None and node.inputs[1].rank == 2:
                return self._as(node, attrs), [made]
        if node.op == "Transpose" and attrs.get("perm", (1,))[0] == 0:
            perm = (0, 1, *(axis + 1 for axis in attrs["perm"][1:]))
            return lambda: self._turned(node, perm), [made]
        if node.op in ("ExpandDims", "Squeeze", *REDUCTIONS):
            name = "axis" if node.op == "ExpandDims" else "axes"
            axes = attrs.get(name)
            several = axes if isinstance(axes, tuple) else (axes,)
            if all(isinstance(axis, int) and axis > 0 for axis in several):
                more = tuple(axis + 1 for axis in several)
                return self._as(node, {**attrs, name: more if isinstance(axes, tuple) else more[0]}), [made]
        if node.op == "StridedSlice" and len(node.inputs) == 1 and attrs.get("slices"):
            head, *others = attrs["slices"]
            if head == slice(None):
                return self._as(node, {"slices": (head, head, *others)}), [made]
            if head == 0 and not isinstance(head, bool):  # the first sample's first head
                return self._kept(node, {"slices": (0, 0, *others)}), [None]
        if node.op == "Shape":
            return lambda: self._settle(node, rank=True), [replace(made, kind="shape")]
        if node.op == "Split" and attrs.get("axis") == 0 and samples and apart and len(node.outputs) == first.heads:
            return _nothing, [replace(made, kind="parts")] * len(node.outputs)
        return None

    def _fits(self, node: Node, given: list[_Lifted | None]) -> bool:
        """True if an elementwise operation finds rows among rows, or what is the same for all of them."""
        rank = node.out.rank
        if node.op == "Cond" and (given[0] is not None or node.inputs[0].rank != 0):
            return False
        for value, lifted in zip(node.inputs, given, strict=True):
            if value.rank is None or value.shape is None or rank is None:
                return False
            if lifted is not None and value.rank != rank:
                return False
            if lifted is None and value.rank == rank and value.shape[0] != 1:
                return False
            if node.op == "Select" and value.rank != rank:  # a vector there chooses rows
                return False
        return True

    def _by_shape(self, node: Node, shape: _Lifted) -> Way | None:
        if node.op == "StridedSlice" and len(node.inputs) == 1:
            slices = node.attrs.get("slices", ())
            if slices == (0,):
                return _nothing, [replace(shape, kind="size")]
            if len(slices) == 1 and isinstance(slices[0], int) and slices[0] > 0:
                return self._kept(node, {"slices": (slices[0] + 1,)}), [None]
        if node.op == "Fill" or node.op in DRAWN and shape.samples and shape.apart:
            return self._as(node, node.attrs), [replace(shape, kind="rows")]
        return None

    def _tiled(self, node: Node, given: list[_Lifted | None]) -> Way | None:
        """Rows that repeat what all heads, or all heads and samples, have in common; or axes behind them."""
        value, out = node.inputs[0], node.out
        if given[0] is not None:
            return self._tiled_behind(node, given)
        if value.probe is None or out.probe is None or value.shape is None or not value.rank:
            return None
        if any(each is not None and each.kind != "size" for each in given[1:]) or value.probe[1:] != out.probe[1:]:
            return None
        if len(given) > 1 and given[1] is not None:
            return self._for_each_sample(node, given[1]) if value.shape[0] == 1 else self._for_each_head(node)
        return None if value.shape[0] == 1 else self._for_each_head(node)

    def _for_each_head(self, node: Node) -> Way | None:
        """Rows that are the same for all heads: an axis of size one does."""
        value = node.inputs[0]
        heads = next((each for each in self.counts if node.out.probe[0] == each * value.probe[0]), None)  # type: ignore[index]
        if heads is None or self.matcher.is_static(value):
            return None

        def way() -> None:
            node.op, node.attrs = "ExpandDims", {"axis": 1}
            self.graph.set_inputs(node, [value])
            self._settle(node)

        return way, [_Lifted("rows", heads, (value.shape[0], value.probe[0]), True, False)]  # type: ignore[index]

    def _for_each_sample(self, node: Node, size: _Lifted) -> Way | None:
        """What is repeated for all heads of all samples is repeated for the samples: their number is the first size now."""
        sizes, out = node.inputs[1].node, node.out
        if sizes.op != "Stack" or sizes.inputs[0].node.op != "StridedSlice":
            return None

        def way() -> None:
            tiled = Node(f"{node.name}/samples", "Tile", list(node.inputs), dict(node.attrs), origin=node.origin)
            shape = None if out.shape is None else (size.batch[0], *out.shape[1:])
            probe = None if out.probe is None else (size.batch[1], *out.probe[1:])
            tiled.outputs = [Value(tiled, 0, shape, probe, out.dtype)]
            self.graph.add(tiled)
            node.op, node.attrs = "ExpandDims", {"axis": 1}
            self.graph.set_inputs(node, [tiled.out])
            self._settle(node)

        return way, [replace(size, kind="rows", samples=True, apart=False)]

    def _tiled_behind(self, node: Node, given: list[_Lifted | None]) -> Way | None:
        first, multiples = given[0], node.attrs.get("multiples")
        assert first is not None
        if multiples is not None:
            return (self._as(node, {"multiples": (1, *multiples)}), [first]) if multiples[0] == 1 else None
        sizes = node.inputs[1].node
        if any(each is not None for each in given[1:]) or sizes.op != "Stack":
            return None
        one = sizes.inputs[0]
        if one.node.op != "Const" or np.any(one.node.attrs["value"] != 1):
            return None

        def way() -> None:
            made = Node(f"{sizes.name}/apart", "Stack", [one, *sizes.inputs], dict(sizes.attrs), origin=sizes.origin)
            count = len(made.inputs)
            made.outputs = [Value(made, 0, (count,), (count,), sizes.out.dtype)]
            self.graph.add(made)
            self.graph.set_inputs(node, [node.inputs[0], made.out])
            self._settle(node)

        return way, [first]

    # Writing

    def _as(self, node: Node, attrs: dict, op: str = "") -> Callable[[], None]:
        def way() -> None:
            node.op, node.attrs = op or node.op, dict(attrs)
            self._settle(node)

        return way

    def _kept(self, node: Node, attrs: dict) -> Callable[[], None]:
        def way() -> None:
            node.attrs = attrs

        return way

    def _turned(self, node: Node, perm: tuple[int, ...]) -> None:
        """A transpose of one that is used for nothing else is one transpose."""
        before = node.inputs[0].node
        if before.op == "Transpose" and len(before.out.uses) == 1:
            perm = tuple(before.attrs["perm"][axis] for axis in perm)
            self.graph.set_inputs(node, before.inputs)
        node.attrs = {"perm": perm}
        self._settle(node)

    def _settle(self, node: Node, rank: bool = False) -> None:
        """Say what shape the outputs have now. rank: they hold a shape, which has one number more."""
        for value in node.outputs:
            lifted = self.lifted.get(id(value))
            if lifted is None:
                continue
            if rank:
                value.shape = value.probe = ((value.shape or (0,))[0] + 1,)  # type: ignore[operator]
                continue
            (size, probe), heads = lifted.batch if lifted.samples else (1, 1), lifted.heads if lifted.apart else 1
            value.shape = None if value.shape is None else (size, heads, *value.shape[1:])
            value.probe = None if value.probe is None else (probe, heads, *value.probe[1:])
            value.tensor = ""


def _nothing() -> None:
    """What is left as it is: nobody asks for it any more."""
