"""Plans how statistics over the batch become each sample's own; see `batch_safe`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from porter.graph import Graph, Node, Value
from porter.graph.graph import Shape
from porter.graph.operations import BROADCASTING, UNARY
from porter.rewrite.batch_coupling import REDUCTIONS, Coupling, at_inference, has_samples

ELEMENTWISE = UNARY | BROADCASTING
RESHAPING = ("Reshape", "Squeeze", "ExpandDims")
SPREADING = ("Tile", "BroadcastTo")


@dataclass(frozen=True)
class Apart:
    """A value with one part for each sample.

    value: [batch, ...]. own: the shape of one sample's part as the original gives it for a batch of one; it lies along
    the last axes of `value`. folded: whether the original has the samples' parts one after the other along its axis 0.
    causes: the couplings that were undone on the way.
    """

    value: Value
    own: Shape
    folded: bool
    causes: frozenset[Coupling]


class _Stuck(Exception):
    """A coupling cannot be undone, for this reason."""


@dataclass
class Plan:
    """What is to be done to the graph once it is known to work.

    made: new nodes, in order. rewired: nodes that take other inputs, with attributes that they get and what was undone.
    apart: what stands for values that are taken apart. failed: what cannot be undone, and why.
    """

    made: list[Node] = field(default_factory=list)
    rewired: dict[int, tuple[Node, list[Value], Mapping[str, object], frozenset[Coupling]]] = field(
        default_factory=dict
    )
    apart: dict[int, Apart] = field(default_factory=dict)
    failed: dict[Coupling, str] = field(default_factory=dict)


class Planner:
    """One attempt to undo `chosen`, on paper."""

    def __init__(self, graph: Graph, order: list[Node], batch: int, chosen: Iterable[Coupling]) -> None:
        self.graph, self.order, self.batch = graph, order, batch
        self.chosen = {id(each.node): each for each in chosen}
        self.result = Plan()
        self.touched: dict[int, frozenset[Coupling]] = {}  # samples kept apart by these
        # still the whole batch's, and why: harmless as long as no sample meets it
        self.lost: dict[int, tuple[frozenset[Coupling], str]] = {}
        self.unfolded: dict[int, Apart] = {}
        self.reshaped: set[int] = set()
        self.known: dict[object, Value] = {}  # what has been made, so that nothing is made twice
        self.counting: set[int] = set()  # sizes, and what is computed from sizes alone
        self.static = all(None not in (value.shape or (None,))[1:] for value in graph.inputs)

    def plan(self) -> Plan:
        """What becomes of each node, and which couplings cannot be undone, and why."""
        for node in self.order:
            if node.op not in ("Placeholder", "Const", "Variable", "Knob"):
                self._visit(node)
        for value in self.graph.outputs:
            if not has_samples(value, self.batch):
                self._fail(self.touched.get(id(value), frozenset()), f"{value.name} has no samples, and depends on it")
        return self.result

    def _fail(self, causes: Iterable[Coupling], why: str) -> None:
        for each in causes:
            self.result.failed.setdefault(each, why)

    def _visit(self, node: Node) -> None:
        inputs = at_inference(node)
        if node.op in ("Shape", "Size") or self._counts(inputs):
            self.counting.update(id(value) for value in node.outputs)
            return
        apart = [self.result.apart.get(id(value)) for value in inputs]
        causes = frozenset(cause for each in apart if each for cause in each.causes)
        behind_us = [self.lost[id(value)] for value in inputs if id(value) in self.lost]
        lost = frozenset(cause for waiting, _ in behind_us for cause in waiting)
        touched = frozenset(cause for value in inputs for cause in self.touched.get(id(value), ()))
        own = self.chosen.get(id(node))
        try:
            if lost:
                raise _Stuck(behind_us[0][1])
            if own is not None:
                causes |= {own}
                self._undo(node, own, causes)
                touched = frozenset() if id(node.out) in self.result.apart else touched | causes
            elif any(apart):
                self._follow(node, causes)
                found = self.result.apart.get(id(node.out))
                touched = touched | causes if found is None or found.folded else touched
        except _Stuck as problem:
            waiting = lost | causes
            if own is None and not lost and all(each.folded for each in apart if each is not None):
                touched |= causes  # it takes them folded again
            elif any(has_samples(value, self.batch) for value in node.outputs):
                self._fail(waiting, str(problem))
            else:
                for value in node.outputs:
                    self.lost[id(value)] = waiting, str(problem)
        for value in node.outputs:
            self.touched[id(value)] = touched

    def _counts(self, inputs: Sequence[Value]) -> bool:
        known = [id(value) in self.counting for value in inputs]
        return any(known) and all(known or value.node.op == "Const" for known, value in zip(known, inputs, strict=True))

    # One operation

    def _undo(self, node: Node, own: Coupling, causes: frozenset[Coupling]) -> None:
        """Let an operation that works across the batch work within each sample."""
        if node.op == "FusedBatchNorm":
            sizes = [
                size for axis, size in enumerate(node.inputs[0].probe or ()) if axis not in (0, self._channels(node))
            ]
            if not self._plain(node.inputs[0]) or prod(sizes) == 1:
                raise _Stuck("nothing of a sample's own is left")
            if any(value.uses for value in node.outputs[1:]):
                raise _Stuck("the batch's mean and variance are used themselves")
            self.result.rewired[id(node)] = (node, list(node.inputs), {"per_sample": True}, causes)
            return
        source = self._apart(node.inputs[0]) if node.op in ("Softmax", "LogSoftmax") and node.out.rank == 1 else None
        if source is not None and source.folded:  # over all numbers of the batch in a row
            value = self._new(node, [source.value], node.attrs)
            self.result.apart[id(node.out)] = Apart(value, source.own, True, causes)
            return
        if node.op not in REDUCTIONS:
            raise _Stuck(f"a {own.what} over the batch means nothing for one sample")
        self._reduce(node, causes)

    @staticmethod
    def _channels(node: Node) -> int:
        return 1 if node.attrs.get("data_format", "NHWC").startswith("NC") else len(node.inputs[0].probe or ()) - 1

    def _reduce(self, node: Node, causes: frozenset[Coupling]) -> None:
        """A reduction over one sample's own axes in the place of one over the batch too."""
        x, axes = node.inputs[0], tuple(node.attrs["axes"])
        before = x.node
        if (
            self._plain(x)
            and axes == (0,)
            and before.op == node.op
            and "axes" in before.attrs
            and self._plain(before.inputs[0])
        ):
            x, axes = before.inputs[0], (0, *before.attrs["axes"])  # max(max(x, 1), 0) is max(x, (0, 1))
        source = self._apart(x)
        if source is None or source.value.rank is None:
            raise _Stuck("it is not known where its samples lie")
        ahead = source.value.rank - len(source.own)
        own_axes = tuple(ahead + axis for axis in axes if source.folded or axis > 0 or not self._keeps_first(source))
        places = source.value.probe or ()
        if not own_axes or all(places[axis] == 1 for axis in own_axes):
            raise _Stuck("nothing of a sample's own is left")
        reduced = self._reduced(node, source.value, own_axes)
        gone, sizes = node.attrs["axes"], node.inputs[0].probe or ()
        if node.attrs.get("keepdims", False):
            own = tuple(1 if axis in gone else size for axis, size in enumerate(sizes))
        else:
            own = tuple(size for axis, size in enumerate(sizes) if axis not in gone)
        self.result.apart[id(node.out)] = self._placed(reduced, own, causes)

    def _reduced(self, node: Node, value: Value, axes: Shape) -> Value:
        """`value` reduced as `node` does it, over these axes, which are kept as 1."""
        shape, probe = (
            tuple(1 if axis in axes else size for axis, size in enumerate(sizes or ()))
            for sizes in (value.shape, value.probe)
        )
        return self._new(node, [value], {"axes": axes, "keepdims": True}, shape, probe)

    @staticmethod
    def _keeps_first(source: Apart) -> bool:
        """True if the first of a sample's own axes stands in the place of the batch."""
        return source.value.rank == len(source.own)

    def _follow(self, node: Node, causes: frozenset[Coupling]) -> None:
        """Carry on with what has been taken apart. Raises _Stuck."""
        first = self.result.apart.get(id(node.inputs[0]))
        if node.op in ELEMENTWISE or node.op == "Select" and len({value.probe for value in node.inputs}) == 1:
            self._elementwise(node, causes)
        elif first is None:
            raise _Stuck(f"{node.name} ({node.op}) has no form that keeps samples apart")
        elif node.op in REDUCTIONS and "axes" in node.attrs:
            self._reduce_apart(node, first, causes)
        elif node.op == "Reshape" and first.folded and self._plain(node.out) and None not in (node.out.shape or ())[1:]:
            attrs = {"shape": (None, *(node.out.shape or ())[1:])}
            self.result.rewired[id(node)] = (node, [first.value], attrs, causes)
        elif node.op in RESHAPING and not first.folded and node.out.probe is not None:
            self.result.apart[id(node.out)] = self._placed(first.value, node.out.probe, causes)
        elif node.op in SPREADING and not first.folded:
            self.result.apart[id(node.out)] = Apart(first.value, first.own, False, causes)
        else:
            raise _Stuck(f"{node.name} ({node.op}) has no form that keeps samples apart")

    def _reduce_apart(self, node: Node, source: Apart, causes: frozenset[Coupling]) -> None:
        """A reduction of what has been taken apart; its axes hold no batch, or all parts of a folded one."""
        ahead = (source.value.rank or 0) - len(source.own)
        if source.folded:
            raise _Stuck(f"{node.name} ({node.op}) has no form that keeps samples apart")
        if node.out.probe is None:
            raise _Stuck(f"the shape of {node.out.name} is not known")
        axes = tuple(ahead + axis for axis in node.attrs["axes"] if ahead + axis > 0)
        value = self._reduced(node, source.value, axes) if axes else source.value
        self.result.apart[id(node.out)] = self._placed(value, node.out.probe, causes)

    def _elementwise(self, node: Node, causes: frozenset[Coupling]) -> None:
        parts = [self.result.apart.get(id(value)) for value in node.inputs]
        folded = any(part is not None and part.folded for part in parts) or any(map(self._is_folded, node.inputs))
        if folded:
            rank = (node.out.rank or 0) + 1
            taken = [self._beside(value, rank, unfold=True) for value in node.inputs]
            value = self._new(node, taken, node.attrs, op=_broadcasting(node.op))
            own = tuple(node.out.probe or ())
            self.result.apart[id(node.out)] = Apart(value, (own[0] // self.batch, *own[1:]), True, causes)
        elif any(map(self._plain, node.inputs)):
            rank = node.out.rank or 0
            if not self._plain(node.out):
                raise _Stuck("samples meet the batch along another axis")
            taken = [self._beside(value, rank) for value in node.inputs]
            self.result.rewired[id(node)] = (node, taken, {}, causes)
        else:
            if node.out.probe is None:
                raise _Stuck(f"the shape of {node.out.name} is not known")
            rank = max(part.value.rank or 0 for part in parts if part)
            taken = [self._beside(value, rank) for value in node.inputs]
            value = self._new(node, taken, node.attrs, op=_broadcasting(node.op))
            self.result.apart[id(node.out)] = self._placed(value, node.out.probe, causes)

    # Values

    def _beside(self, value: Value, rank: int, unfold: bool = False) -> Value:
        """`value`, or what stands for it, so that it broadcasts against [batch, ...] of this rank. Raises _Stuck."""
        part = self.result.apart.get(id(value))
        if part is None and unfold and self._is_folded(value):
            part = self._apart(value)
        if part is not None:
            if part.value.rank == rank:
                return part.value
            if part.folded:
                raise _Stuck("rows folded into the batch meet a tensor of another rank")
            return self._of_rank(part, rank)
        if self._plain(value):
            if unfold or value.rank != rank:
                raise _Stuck("samples meet the batch along another axis")
            return value
        if has_samples(value, self.batch) or id(value) in self.counting:
            raise _Stuck(f"{value.name} counts samples, or has them along another axis")
        shape = value.shape
        if shape is None or len(shape) > rank or (len(shape) == rank and shape[0] != 1):
            raise _Stuck("a tensor without samples lies along the axis of the batch")
        return value

    def _of_rank(self, part: Apart, rank: int) -> Value:
        """The part with so many axes, by axes of 1 behind the batch's."""
        own = part.own[1:] if len(part.own) == rank and part.own[:1] == (1,) else part.own
        if len(own) >= rank:
            raise _Stuck("a tensor without samples lies along the axis of the batch")
        return self._reshaped(part.value, (1,) * (rank - 1 - len(own)) + own)

    def _reshaped(self, value: Value, own: Shape) -> Value:
        """`value` as [batch, *own]."""
        if any(size != 1 and size not in (value.shape or ())[1:] for size in own):
            raise _Stuck("the sizes of what is left are not known")
        batch, probe = (value.shape or (None,))[0], (value.probe or (self.batch,))[0]
        while id(value) in self.reshaped:
            value = value.node.inputs[0]
            if value.probe == (probe, *own):
                return value
        made = self._new(value.node, [value], {"shape": (None, *own)}, (batch, *own), (probe, *own), op="Reshape")
        self.reshaped.add(id(made))
        return made

    def _placed(self, value: Value, own: Shape, causes: frozenset[Coupling]) -> Apart:
        """`value` so that what one sample's part is, of shape `own`, lies along its last axes."""
        probe, rank = value.probe or (), value.rank or 0
        short = own[1:] if len(own) == rank and own[:1] == (1,) else own
        if len(short) < rank and probe[1:] == (1,) * (rank - 1 - len(short)) + short:
            return Apart(value, own, False, causes)
        rank = max(rank, len(own) + 1)
        return Apart(self._reshaped(value, (1,) * (rank - 1 - len(own)) + own), own, False, causes)

    def _plain(self, value: Value) -> bool:
        """True for [batch, ...], the batch being nothing but the batch, and nowhere else."""
        probe = value.probe
        if not probe or id(value) in self.result.apart:
            return False
        return probe[0] == self.batch and not any(size and size % self.batch == 0 for size in probe[1:])

    def _is_folded(self, value: Value) -> bool:
        """True for [batch * rows, ...]."""
        probe = value.probe
        if not probe or probe[0] == self.batch or probe[0] % self.batch or not probe[0]:
            return False
        return not any(size and size % self.batch == 0 for size in probe[1:])

    def _apart(self, value: Value) -> Apart | None:
        """`value` by samples: as it is, as it has been taken apart, or with folded rows on an axis of their own."""
        found = self.result.apart.get(id(value)) or self.unfolded.get(id(value))
        if found is None and self._plain(value):
            return Apart(value, (1, *(value.probe or ())[1:]), False, frozenset())
        if found is None and self._is_folded(value):
            found = self.unfolded[id(value)] = self._unfold(value)
        return found

    def _unfold(self, value: Value) -> Apart:
        """[batch * rows, ...] as [batch, rows, ...]."""
        tail, probe = (value.shape or ())[1:], value.probe or ()
        rows = probe[0] // self.batch
        if value.node.op in ELEMENTWISE:
            taken = [self._beside(each, len(probe) + 1, unfold=True) for each in value.node.inputs]
            return Apart(self._new(value.node, taken, value.node.attrs), (rows, *probe[1:]), True, frozenset())
        source = self._before_folding(value)
        at_once = value.node.op == "Reshape"
        known = None not in (source.shape or (None,))[1:] if at_once else self.static
        if None in tail or not (known or at_once):
            raise _Stuck("rows and columns of unknown sizes are folded into the batch")
        taken, first = ([source], None) if at_once else ([value], -1)
        shape = ((source.shape or (None,))[0], rows if known else None, *tail)
        attrs = {"shape": (first, rows if known else -1, *tail)}
        made = self._new(value.node, taken, attrs, shape, (self.batch, rows, *probe[1:]), op="Reshape")
        return Apart(made, (rows, *probe[1:]), True, frozenset())

    def _before_folding(self, value: Value) -> Value:
        """The tensor [batch, ...] whose rows were folded into the batch on the way to `value`, row by row."""
        rows = (value.probe or ())[0]
        while value.node.op != "Reshape" and value.node.inputs and (value.node.inputs[0].probe or (0,))[0] == rows:
            value = value.node.inputs[0]
        if value.node.op != "Reshape" or len(value.node.inputs) != 1 or not self._plain(value.node.inputs[0]):
            raise _Stuck(f"it is not known how the samples lie in {value.name}")
        return value.node.inputs[0]

    def _new(
        self,
        node: Node,
        inputs: list[Value],
        attrs: Mapping[str, object],
        shape: Shape | None = None,
        probe: Shape | None = None,
        op: str = "",
    ) -> Value:
        """The value of a new node that does what `node` does, or `op`."""
        op = op or node.op
        key = (op, *(id(value) for value in inputs), repr(sorted(attrs.items())))
        if key in self.known:
            return self.known[key]
        made = Node(node.name, op, inputs, dict(attrs), origin=node.origin)
        if shape is None:
            shape, probe = (_broadcast([sizes or () for sizes in side]) for side in _sizes(inputs))
        whole = tuple(size for size in probe or () if size is not None)
        made.outputs = [Value(made, 0, shape, whole, inputs[0].dtype if op == "Reshape" else node.out.dtype)]
        self.result.made.append(made)
        self.known[key] = made.out
        return made.out


def _broadcasting(op: str) -> str:
    """The operation, or its form that broadcasts."""
    return "SelectV2" if op == "Select" else op


def _sizes(values: Sequence[Value]) -> tuple[list[Shape | None], list[Shape | None]]:
    return [value.shape for value in values], [value.probe or value.shape for value in values]


def _broadcast(shapes: Sequence[Shape]) -> Shape:
    rank = max(map(len, shapes))
    columns = zip(*((1,) * (rank - len(shape)) + tuple(shape) for shape in shapes), strict=True)
    return tuple(next((size for size in column if size != 1), 1) for column in columns)
