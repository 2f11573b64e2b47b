"""A graph that was written for one batch size, made to take any.

Where the size stands as a number, what is computed from the shape of an input takes its place. Which numbers mean the
batch is decided by where they stand and checked by TensorFlow's own shape inference, for a size that occurs nowhere
else; that the result computes the same is then the proof's to show, which compares it with the graph as it was.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from porter.errors import Unsupported, UsageError
from porter.read.model import Lift, Original

PROBE = 1009  # a batch size that no graph has as a number of its own
ATTEMPTS = 40  # reshapes in which the size may mean something else that are decided one by one
# Operations that take the size of what they make, with the slot that says it.
SIZED = {
    "Fill": 0, "BroadcastTo": 1, "RandomStandardNormal": 0, "RandomUniform": 0, "TruncatedNormal": 0, "Tile": 1,
    "Conv2DBackpropInput": 0, "Conv3DBackpropInputV2": 0,
}  # fmt: skip
LOOPS = {"Enter", "Exit", "Merge", "Switch", "NextIteration", "LoopCond", "RefSwitch"}
MEETING = {"Concat", "ConcatV2", "Enter", "Pack"}  # they do not stretch an axis of 1
NAME = "lift_batch"


def lift_batch(original: Original) -> None:
    """Let the inputs of `original` that share a fixed batch size have any; `original.lift` keeps what was.

    The size is that of most inputs of two or more axes. Raises UsageError where no input has one, Unsupported with the
    node that needs the size.
    """
    _Lifter(original).lift()


class _Lifter:
    def __init__(self, original: Original):
        import tensorflow as tf

        self.tf, self.original = tf, original
        self.fixed = original.graph_def
        self.graph_def = tf.compat.v1.GraphDef()
        self.graph_def.CopyFrom(self.fixed)
        self.nodes = {node.name: node for node in self.graph_def.node}
        self.size, self.inputs = self._choose()
        self.data = self._reached()
        self.added: list[Any] = []
        self.doubtful: dict[
            str, str
        ] = {}  # reshapes in which the size may mean something else -> what they go to if not

    def lift(self) -> None:
        for name in self.inputs:
            self._placeholder(name).attr["shape"].shape.dim[0].size = -1
        was = self._import(self.fixed)
        static = self._without_checks()
        self.numbers = self._numbers(was)
        for node in list(self.graph_def.node):
            self._rewrite(node, static, was)
        self.graph_def.node.extend(self.added)
        self._check()
        self.original.lift = Lift(self.size, tuple(self.inputs), self.fixed, self._axes())
        self.original.graph_def = self.graph_def

    def _choose(self) -> tuple[int, list[str]]:
        """The batch size, and the inputs that have it."""
        sizes: dict[str, int] = {}
        ranks: dict[str, int] = {}
        for name in self.original.inputs:
            dims = self._placeholder(name).attr["shape"].shape.dim
            if dims and dims[0].size > 0:
                sizes[name], ranks[name] = dims[0].size, len(dims)
        if not sizes and (size := self._fixed_inside()):
            for name in self.original.inputs:
                dims = self._placeholder(name).attr["shape"].shape.dim
                if dims and dims[0].size < 0:
                    sizes[name], ranks[name] = size, len(dims)
                    for node in self.fixed.node:
                        if node.name == self._placeholder(name).name:
                            node.attr["shape"].shape.dim[0].size = size
        if not sizes:
            raise UsageError(
                "No input has a fixed batch size.",
                where=", ".join(self.original.inputs),
                why="nor do all outputs have one that they share",
                todo="leave out --lift-batch",
            )
        wide = [size for name, size in sizes.items() if ranks[name] > 1] or list(sizes.values())
        size = max(wide, key=wide.count)
        return size, [name for name, each in sizes.items() if each == size]

    def _fixed_inside(self) -> int:
        """The number of samples that every output has although no input does: the graph holds it as a number. 0 if none."""
        graph = self._import(self.fixed)
        shapes = [graph.get_tensor_by_name(self.original.stands_for(name)).shape for name in self.original.outputs]
        firsts = {shape.as_list()[0] if shape.rank else None for shape in shapes}
        return (firsts.pop() or 0) if len(firsts) == 1 else 0

    def _numbers(self, graph: Any) -> dict[str, np.ndarray]:
        """The integers that size vectors are made of and that follow from constants alone, by the name of a tensor."""
        slots = {**SIZED, "Reshape": 1, "Slice": 2, "Range": 1}
        wanted = {node.input[slots[node.op]] for node in self.graph_def.node if node.op in slots}
        wanted |= {
            name for each in wanted if self.nodes[_node(each)].op == "Pack" for name in self.nodes[_node(each)].input
        }
        hard: dict[str, bool] = {}
        for name in wanted:
            self._settle(_node(name), hard, graph)
        names = sorted(name for name in wanted if hard[_node(name)])
        tensors = [graph.get_tensor_by_name(name if ":" in name else f"{name}:0") for name in names]
        with self.tf.compat.v1.Session(graph=graph) as session:
            return dict(zip(names, session.run(tensors), strict=True))

    def _settle(self, first: str, hard: dict[str, bool], graph: Any) -> None:
        """Note for a node, and all that it is made of, whether they follow from constants alone."""
        stack = [first]
        while stack:
            name = stack[-1]
            inputs = [_node(each) for each in self.nodes[name].input]
            waiting = [each for each in inputs if each not in hard]
            if name in hard or not waiting:
                pure = self.nodes[name].op not in LOOPS and not graph.get_operation_by_name(name).op_def.is_stateful
                settled = pure and all(hard[each] for each in inputs) and self.nodes[name].op != "Placeholder"
                hard.setdefault(name, settled)
                stack.pop()
            else:
                hard.update(dict.fromkeys((each for each in waiting if self.nodes[each].op in LOOPS), False))
                stack += [each for each in waiting if each not in hard]

    def _placeholder(self, tensor: str) -> Any:
        return self.nodes[self.original.stands_for(tensor).split(":")[0]]

    def _reached(self) -> set[str]:
        """The nodes that depend on a lifted input, other than by way of a shape."""
        users: dict[str, list[str]] = {}
        for node in self.graph_def.node:
            for name in node.input:
                users.setdefault(_node(name), []).append(node.name)
        stack = [self._placeholder(name).name for name in self.inputs]
        reached = set(stack)
        while stack:
            for user in users.get(stack.pop(), []):
                if user not in reached and self.nodes[user].op not in ("Shape", "Size", "Rank"):
                    reached.add(user)
                    stack.append(user)
        return reached

    def _import(self, graph_def: Any) -> Any:
        with self.tf.Graph().as_default() as graph:
            self.tf.import_graph_def(graph_def, name="")
        return graph

    def _without_checks(self) -> Any:
        """The lifted graph while its numbers still contradict it: for what follows from numbers alone."""
        try:
            return self._import(self.graph_def)
        except ValueError:
            return self._import(self.fixed)

    # What is written where the size stood

    def _rewrite(self, node: Any, static: Any, was: Any) -> None:
        op = node.op
        if op == "Reshape" and node.name in self.data:
            self._reshape(node, static, was)
        elif op in SIZED:
            self._sized(node, static, was)
        elif op == "Slice" and node.name in self.data:
            begin, size = self._vector(static, node.input[1]), self._vector(static, node.input[2])
            if self.size > 1 and begin and size and begin[0] == 0 and size[0] == self.size:
                node.input[2] = self._joined(node, size, -1, node.input[2])
        elif op == "StridedSlice" and node.name in self.data and self.size > 1:
            self._slice(node, static)
        elif op == "Range" and self.size > 1:
            operation = static.get_operation_by_name(node.name)
            limit = self.tf.get_static_value(operation.inputs[1])
            if limit is not None and limit == self.size and limit.dtype.kind == "i":
                node.input[1] = self._batch(limit.dtype)
        elif op.startswith("TensorArray") and "element_shape" in node.attr:
            dims = node.attr["element_shape"].shape.dim
            if dims and dims[0].size == self.size:
                dims[0].size = -1
        for slot, name in enumerate(node.input):
            constant = self.nodes.get(_node(name))
            if constant is not None and constant.op == "Const":
                self._constant(node, slot, constant)

    def _reshape(self, node: Any, static: Any, was: Any) -> None:
        """[n * m, rest] becomes [-1, rest], which holds for a batch that was merged with other axes too."""
        vector = self._vector(static, node.input[1])
        if not vector or vector[0] is None or vector[0] < 1 or vector[0] % self.size:
            return
        operation = was.get_operation_by_name(node.name)
        shape, before = operation.outputs[0].shape, operation.inputs[0].shape
        follows = -1 in vector or None in vector[1:]  # it holds for any batch already, in one sense or another
        target = self._target(node, vector, shape, static)
        if follows and before.rank and before[0] != vector[0]:
            self.doubtful[node.name] = target
        else:
            node.input[1] = target

    def _target(self, node: Any, vector: list[int | None], shape: Any, static: Any) -> str:
        """What a reshape that names the batch size, or a multiple of it, goes to instead."""
        rest = shape.as_list()[1:] if shape.rank else [None]
        if None not in rest:
            return self._const(node, np.array([-1, *rest], self._type(static, node.input[1])))
        if None not in vector and -1 not in vector:
            return self._joined(node, vector, -1, node.input[1])
        return self._joined(node, vector, (vector[0] or 0) // self.size, node.input[1])

    def _slice(self, node: Any, static: Any) -> None:
        """x[:size] takes all samples."""
        begin, end, strides = (self._vector(static, name) for name in node.input[1:4])
        special = sum(node.attr[f"{name}_mask"].i & 1 for name in ("ellipsis", "new_axis", "shrink_axis"))
        if not begin or not end or not strides or special or end[0] != self.size or strides[0] != 1:
            return
        if begin[0] == 0 or node.attr["begin_mask"].i & 1:
            node.attr["end_mask"].i |= 1

    def _sized(self, node: Any, static: Any, was: Any) -> None:
        slot = SIZED[node.op]
        vector = self._vector(static, node.input[slot])
        if not vector or vector[0] != self.size:
            return
        operation = was.get_operation_by_name(node.name)
        if node.op == "Fill" and len(vector) == 1 and (operation.outputs[0].dtype.is_floating or self.size == 1):
            return  # so does a vector of channels look
        if node.op in ("Tile", "BroadcastTo"):
            shape = operation.inputs[0].shape
            if not shape.rank or shape.as_list()[0] != 1 or (self.size == 1 and node.name in self.data):
                return
        node.input[slot] = self._joined(node, vector, 1, node.input[slot])

    def _constant(self, node: Any, slot: int, constant: Any) -> None:
        """A constant with a row per sample, all alike, becomes as many rows as there are samples."""
        proto = constant.attr["value"].tensor
        dims = [dim.size for dim in proto.tensor_shape.dim]
        if len(dims) < 2 or dims[0] != self.size or (self.size == 1 and node.op not in MEETING):
            return
        if constant.attr["dtype"].type not in (1, 2, 19, 14):
            return
        array = self.tf.make_ndarray(proto)
        if not (array == array[:1]).all():
            return
        row = self._const(node, array[:1], f"row_{slot}")
        times = self._joined(node, [1] * len(dims), 1, "", f"times_{slot}")
        tile = self._add(f"{node.name}/{NAME}_rows_{slot}", "Tile", [row, times])
        tile.attr["T"].type, tile.attr["Tmultiples"].type = constant.attr["dtype"].type, 3
        node.input[slot] = tile.name

    # Pieces

    def _vector(self, graph: Any, name: str) -> list[int | None] | None:
        """The numbers of a vector, None for those that are not numbers; None where nothing is known."""
        from tensorflow.python.framework import tensor_util

        if name in self.numbers:
            return [int(each) for each in self.numbers[name].ravel().tolist()]
        made = self.nodes[_node(name)]
        if made.op == "Pack":
            return [int(self.numbers[each]) if each in self.numbers else None for each in made.input]
        tensor = graph.get_tensor_by_name(name if ":" in name else f"{name}:0")
        value = self.tf.get_static_value(tensor, partial=True)
        if value is not None:
            return [None if each is None else int(each) for each in np.asarray(value).ravel().tolist()]
        if tensor.shape.rank != 1 or tensor.shape[0] is None:
            return None
        shape = tensor_util.constant_value_as_shape(tensor)
        return None if shape.rank is None else shape.as_list()

    def _type(self, graph: Any, name: str) -> Any:
        return graph.get_tensor_by_name(name if ":" in name else f"{name}:0").dtype.as_numpy_dtype

    def _add(self, name: str, op: str, inputs: list[str]) -> Any:
        node = self.tf.compat.v1.NodeDef(name=name, op=op, input=inputs)
        self.added.append(node)
        self.nodes[name] = node
        return node

    def _const(self, node: Any, array: Any, what: str = "size") -> str:
        made = self._add(f"{node.name}/{NAME}_{what}", "Const", [])
        made.attr["value"].tensor.CopyFrom(self.tf.make_tensor_proto(array))
        made.attr["dtype"].type = made.attr["value"].tensor.dtype
        return made.name

    def _batch(self, dtype: Any = np.int32) -> str:
        """The number of samples, out of the shape of the first lifted input."""
        kind = self.tf.as_dtype(dtype).as_datatype_enum
        name = f"{NAME}/samples_{self.tf.as_dtype(dtype).name}"
        if name in self.nodes:
            return name
        shape = self._add(f"{name}/shape", "Shape", [self._placeholder(self.inputs[0]).name])
        shape.attr["T"].type = self._placeholder(self.inputs[0]).attr["dtype"].type
        shape.attr["out_type"].type = kind
        ends = [self._const(shape, np.array([at], np.int32), what) for at, what in ((0, "from"), (1, "to"), (1, "by"))]
        taken = self._add(name, "StridedSlice", [shape.name, *ends])
        taken.attr["T"].type, taken.attr["Index"].type, taken.attr["shrink_axis_mask"].i = kind, 3, 1
        return name

    def _joined(self, node: Any, vector: list[int | None], times: int, was: str, what: str = "sizes") -> str:
        """`vector` with, in its first place, the number of samples `times` over; -1 as it is."""
        made = self.nodes.get(_node(was))
        parts = list(made.input) if made is not None and made.op == "Pack" else None
        if None in vector[1:] and parts is None:
            raise Unsupported(
                f"The batch size of {self.size} cannot be lifted.",
                where=f"{node.name} ({node.op})",
                why=f"it takes the size beside others that are only known when the model runs: {vector}",
                todo="convert without --lift-batch",
            )
        if times == -1 and None not in vector:
            return self._const(node, np.array([-1, *(n or 0 for n in vector[1:])], np.int32), what)
        kind = made.attr["T"].type if parts and made is not None else 3
        dtype = np.int64 if kind == 9 else np.int32
        first = self._const(node, dtype(-1), "all") if times == -1 else self._batch(dtype)
        if times > 1:
            product = self._add(f"{node.name}/{NAME}_rows", "Mul", [first, self._const(node, dtype(times), "times")])
            product.attr["T"].type = kind
            first = product.name
        rest = parts[1:] if parts else [
            self._const(node, dtype(size or 0), f"{what}_{at}") for at, size in enumerate(vector[1:], 1)
        ]  # fmt: skip
        pack = self._add(f"{node.name}/{NAME}_{what}", "Pack", [first, *rest])
        pack.attr["N"].i, pack.attr["T"].type = len(vector), kind
        if kind == 9:
            return pack.name
        for slot_type in ("Tshape", "index_type", "Tmultiples", "Tidx", "Index"):
            if slot_type in node.attr and node.attr[slot_type].type == 9:
                node.attr[slot_type].type = 3
        return pack.name

    # Whether it holds

    def _probed(self) -> Any:
        probe = self.tf.compat.v1.GraphDef()
        probe.CopyFrom(self.graph_def)
        lifted = {self._placeholder(name).name for name in self.inputs}
        for node in probe.node:
            if node.name in lifted:
                node.attr["shape"].shape.dim[0].size = PROBE
        return self._import(probe)

    def _check(self) -> None:
        """Shape inference for another batch size. Raises Unsupported with the node that contradicts it.

        A doubtful reshape that contradicts it did mean the batch.
        """
        for attempt in range(ATTEMPTS):
            try:
                self.probe = self._probed()
                break
            except ValueError as problem:
                text = str(problem).splitlines()[0]
                where = text.partition("{{node ")[2].partition("}}")[0]
                if where not in self.doubtful or attempt == ATTEMPTS - 1:
                    raise Unsupported(
                        f"The batch size of {self.size} cannot be lifted.",
                        where=where or "the graph",
                        why=f"for a batch of {PROBE} TensorFlow says: {text[:300]}",
                        todo="convert without --lift-batch",
                    ) from problem
                self.nodes[where].input[1] = self.doubtful.pop(where)
        for name in self.original.outputs:
            shape = self.probe.get_tensor_by_name(self.original.stands_for(name)).shape
            if shape.is_fully_defined() and not any(size % PROBE == 0 for size in shape.as_list() if size):
                raise Unsupported(
                    f"The batch size of {self.size} cannot be lifted.",
                    where=name,
                    why=f"its shape is {shape.as_list()}, however many samples there are",
                    todo="convert without --lift-batch, or leave this output out with --outputs",
                )

    def _axes(self) -> dict[str, int]:
        """For each tensor whose shape tells it the axis along which its samples lie."""
        axes = {}
        for operation in self.probe.get_operations():
            for tensor in operation.outputs:
                sizes = tensor.shape.as_list() if tensor.shape.rank else []
                along = [axis for axis, size in enumerate(sizes) if size and size % PROBE == 0]
                if not along and None in sizes:
                    along = [0] if sizes[0] is None else []
                if len(along) == 1:
                    axes[tensor.name] = along[0]
        return axes


def _node(name: str) -> str:
    return name.removeprefix("^").partition(":")[0]
