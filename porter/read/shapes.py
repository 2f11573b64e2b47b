"""Shapes of placeholders that have none, from what consumes them."""

from __future__ import annotations

from collections.abc import Callable

from porter.read.operations import constant, shape_of
from porter.read.wiring import Tensor, Wiring

Shape = tuple[int | None, ...]
SAME = frozenset({
    "Identity", "StopGradient", "Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus",
    "Softsign", "Exp", "Log", "Log1p", "Neg", "Abs", "Square", "Sqrt", "Rsqrt", "Sign", "Round", "Floor", "Ceil",
    "Cast", "Sin", "Cos", "Erf", "Reciprocal", "ZerosLike", "OnesLike", "Dropout", "Softmax", "LogSoftmax",
    "BiasAdd", "Reverse", "ReverseV2", "Cumsum", "Cumprod", "LRN", "LRNGrad", "CheckNumerics",
    "LogicalNot", "IsNan", "IsFinite", "IsInf", "ClipByValue", "Enter", "Exit", "NextIteration", "RealDiv", "Div",
    "Sub", "Mul", "Add", "AddV2", "Maximum", "Minimum", "SquaredDifference", "FloorDiv", "FloorMod", "Pow", "Mod",
    "AddN", "Switch", "Merge", "Snapshot", "Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual",
    "LogicalAnd", "LogicalOr", "PlaceholderWithDefault", "ReverseSequence",
})  # fmt: skip
LOOKED_UP = {  # one number for each word
    ("LookupTableFind", 1), ("LookupTableFindV2", 1), ("StringToHashBucketFast", 0), ("StringToHashBucketStrong", 0),
}  # fmt: skip
REDUCTIONS = frozenset({
    "Mean", "Sum", "Max", "Min", "Prod", "All", "Any", "EuclideanNorm", "ArgMax", "ArgMin",
})  # fmt: skip
CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative", "Conv3D", "FusedPadConv2D", "FusedResizeAndPadConv2D")
# (operation, slot) -> rank of what goes in there
RANKS = {
    ("Range", 0): 0, ("Range", 1): 0, ("Range", 2): 0, ("OneHot", 1): 0, ("OneHot", 2): 0, ("OneHot", 3): 0,
    ("Fill", 0): 1, ("Fill", 1): 0, ("Tile", 1): 1, ("Reshape", 1): 1, ("TopKV2", 1): 0, ("LinSpace", 0): 0,
    ("LinSpace", 1): 0, ("LinSpace", 2): 0, ("ExpandDims", 1): 0, ("LoopCond", 0): 0, ("Slice", 1): 1,
    ("Slice", 2): 1, ("Transpose", 1): 1, ("Pad", 1): 2, ("ReverseSequence", 1): 1, ("SequenceMask", 0): 1,
    ("RandomUniform", 0): 1, ("TensorArrayV3", 0): 0, ("Switch", 1): 0, ("MaxPool", 0): 4, ("AvgPool", 0): 4,
    ("FusedBatchNorm", 0): 4, ("FusedBatchNormV2", 0): 4, ("FusedBatchNormV3", 0): 4, ("Conv2D", 0): 4,
    ("DepthwiseConv2dNative", 0): 4, ("Conv3D", 0): 5, ("MaxPool3D", 0): 5, ("AvgPool3D", 0): 5,
    ("ResizeBilinear", 0): 4, ("ResizeNearestNeighbor", 0): 4, ("ResizeBicubic", 0): 4, ("ResizeArea", 0): 4,
    ("ResizeBilinear", 1): 1, ("ResizeNearestNeighbor", 1): 1, ("SpaceToDepth", 0): 4, ("DepthToSpace", 0): 4,
    ("AudioSpectrogram", 0): 2, ("Mfcc", 0): 3, ("Mfcc", 1): 0,
    **{(f"NonMaxSuppressionV{version}", slot): 0 for version in (2, 3, 4, 5) for slot in (2, 3, 4, 5)},
    **{(f"NonMaxSuppression{version}", slot): 2 - slot for version in ("", "V2", "V3", "V4", "V5") for slot in (0, 1)},
    **{("CombinedNonMaxSuppression", slot): 0 for slot in (2, 3, 4, 5)}, ("NonMaxSuppression", 2): 0,
    ("CombinedNonMaxSuppression", 0): 4, ("CombinedNonMaxSuppression", 1): 3, ("CropAndResize", 0): 4,
    ("CropAndResize", 1): 2, ("CropAndResize", 2): 1, ("CropAndResize", 3): 1, ("SplitV", 1): 1, ("SplitV", 2): 0,
    ("ExtractImagePatches", 0): 4, ("MatMul", 0): 2, ("MatMul", 1): 2, ("DecodeRaw", 0): 0, ("Split", 0): 0,
}  # fmt: skip


class Shapes:
    """Infers shapes in a graph that was cut: variables are placeholders with shapes by now."""

    def __init__(self, wiring: Wiring):
        self.wiring = wiring

    def infer(self, tensor: Tensor) -> Shape | None:
        """The shape that the consumers of `tensor` ask of it, as far as they say; None if none says its rank."""
        return self._asked(tensor, set(), 0)

    def guess(self, tensor: Tensor) -> Shape | None:
        """The shape that is likely where nothing says it: a reduction's axes need so many, or else what is fed meets
        nothing but numbers of its own. None where neither is so."""
        reduced = self._reduced(tensor)
        return self._met(tensor) if reduced is None else reduced

    def _reduced(self, tensor: Tensor, depth: int = 0) -> Shape | None:
        """The rank that the axes of a reduction make likely: a batch of pictures for rows and columns, else no more
        axes than it takes, a batch's among them. None without a reduction over known axes, and where all of them count
        from the end, which fits any rank."""
        for user, slot, index in self.wiring.users[tensor[0]]:
            if index == tensor[1] and self.wiring.op(user) in SAME and depth < 10:
                guessed = self._reduced((user, 0), depth + 1)
                if guessed is not None:
                    return guessed
            if index != tensor[1] or slot or self.wiring.op(user) not in REDUCTIONS:
                continue
            axes = self.constant(self.wiring.inputs[user][1])
            if axes is not None and axes.size and axes.max() >= 0:
                least = max(axis + 1 if axis >= 0 else -axis for axis in axes.reshape(-1).tolist())
                return (None,) * (4 if set(axes.reshape(-1).tolist()) == {1, 2} else max(least, 2))
        return None

    def _met(self, tensor: Tensor) -> Shape | None:
        """The shape of what is calculated with weights and constants alone, such as `x * w + b`: samples of the widest
        of them. What meets other data is a number that sets something, a temperature perhaps. None where neither is."""
        own, widest = self.wiring.after([tensor[0]]), None  # type: set[str], Shape | None
        stack, seen = [tensor[0]], {tensor[0]}
        while stack:
            for user, _, _ in self.wiring.users[stack.pop()]:
                if self.wiring.op(user) not in SAME:
                    return None
                for other in self.wiring.inputs[user]:
                    if other[0] in own:
                        continue
                    shape = self.known(other)
                    if shape is None or shape[:1] == (None,):
                        return ()
                    widest = max(widest or (), shape, key=len)
                if user not in seen:
                    seen.add(user)
                    stack.append(user)
        if widest is None:
            return None
        return (None, *(widest if len(widest) == 1 and widest != (1,) else widest[1:]))

    def _asked(self, tensor: Tensor, seen: set[Tensor], depth: int) -> Shape | None:
        if tensor in seen or depth > 40:
            return None
        seen.add(tensor)
        best: Shape | None = None
        for user, slot, index in self.wiring.users[tensor[0]]:
            if index != tensor[1]:
                continue
            asked = self._by(user, slot, seen, depth + 1)
            if asked is not None and (best is None or len(asked) == len(best)):
                best = asked if best is None else tuple(b if a is None else a for a, b in zip(best, asked, strict=True))
                if None not in best[1:]:
                    break
        return best

    def _by(self, user: str, slot: int, seen: set[Tensor], depth: int) -> Shape | None:
        """What one consumer asks of its input number `slot`."""
        node = self.wiring.nodes[user]
        op, inputs = node.op, self.wiring.inputs[user]

        def after(index: int = 0) -> Shape | None:
            return self._asked((user, index), seen, depth)

        if op == "MatMul":
            return self._matmul(user, slot)
        if (
            op in ("Conv2D", "DepthwiseConv2dNative", "Conv3D", "FusedPadConv2D", "FusedResizeAndPadConv2D")
            and slot == 0
        ):
            return self._convolution(user)
        if op in ("BatchMatMul", "BatchMatMulV2"):
            return self._matmul(user, slot, "adj_x", "adj_y")
        if (op, slot) in RANKS:
            return (None,) * RANKS[op, slot]
        if op == "Reshape":
            target = self.constant(inputs[1])
            return None if target is None else tuple(None if n < 0 else int(n) for n in target.reshape(-1).tolist())
        if op in ("Gather", "GatherV2", "ResourceGather") and slot == 1:
            table, result = self.known(inputs[0]), after()
            return None if table is None or result is None else (None,) * (len(result) - len(table) + 1)
        if op in ("Concat", "ConcatV2"):
            others = [self.known(t) for n, t in enumerate(inputs) if n != slot]
            known = next((other for other in others if other is not None and len(other) > 0), None) or after()
            return None if known is None else (None,) * len(known)
        if op in REDUCTIONS and slot == 0:
            axes, rest = self.constant(inputs[1]), after()
            kept = op not in ("ArgMax", "ArgMin") and node.attr["keep_dims"].b
            return None if axes is None or rest is None else (None,) * (len(rest) + (0 if kept else axes.size))
        if op == "StridedSlice" and slot == 0:
            return self._sliced(user, after())
        if op == "Select" and slot == 0:
            return None
        if (op, slot) in LOOKED_UP:
            return after()
        if op in SAME:
            return self._elementwise(user, slot, after())
        if op in ("Pack", "OneHot"):
            return self._without_axis(user, after()) if op == "Pack" or slot == 0 else None
        handlers: dict[str, Callable[[str, Shape | None], Shape | None]] = {
            "Transpose": self._transposed,
            "ExpandDims": self._expanded,
            "Squeeze": self._squeezed,
            "Pad": self._padded,
            "PadV2": self._padded,
            "MirrorPad": self._padded,
            "Unpack": self._unpacked,
            "TensorArrayScatterV3": self._scattered,
        }
        return handlers[op](user, after()) if op in handlers and slot in (0, 2) else None

    def known(self, tensor: Tensor) -> Shape | None:
        """The shape of a constant or placeholder, looked through Identity."""
        name = self.wiring.through(tensor, ("Identity", "Enter", "Switch"))[0]
        node = self.wiring.nodes.get(name)
        if node is not None and node.op == "Const":
            return shape_of(node.attr["value"].tensor.tensor_shape)
        if node is not None and node.op == "Placeholder":
            return shape_of(node.attr["shape"].shape)
        return None

    def constant(self, tensor: Tensor):
        """A constant's array, None for anything else."""
        name = self.wiring.through(tensor, ("Identity", "Enter", "Switch"))[0]
        return constant(self.wiring.nodes[name]) if self.wiring.op(name) == "Const" else None

    def _matmul(self, user: str, slot: int, first: str = "transpose_a", second: str = "transpose_b") -> Shape | None:
        """Both sides of a product have the same rank, and one dimension in common."""
        node, other = self.wiring.nodes[user], self.known(self.wiring.inputs[user][1 - slot])
        if other is None and first == "adj_x":
            return None
        mine, its = (node.attr[first].b, node.attr[second].b)[:: -1 if slot else 1]
        other = (None, None) if other is None or len(other) < 2 else other
        shared = other[(-2 if slot == 0 else -1) if not its else (-1 if slot == 0 else -2)]
        last = (slot == 0) ^ bool(mine)
        return (*(None,) * (len(other) - 2), *((None, shared) if last else (shared, None)))

    def _convolution(self, user: str) -> Shape:
        node, kernel = self.wiring.nodes[user], self.known(self.wiring.inputs[user][-1])
        rank = 5 if node.op == "Conv3D" else 4
        channels = None if kernel is None else kernel[rank - 2]
        if "data_format" in node.attr and node.attr["data_format"].s.startswith(b"NC"):
            return (None, channels, *(None,) * (rank - 2))
        return (*(None,) * (rank - 1), channels)

    def _elementwise(self, user: str, slot: int, after: Shape | None) -> Shape | None:
        """Broadcasting hides which side has a dimension of 1: what comes out says no more than the rank."""
        others = [self.known(t) for n, t in enumerate(self.wiring.inputs[user]) if n != slot]
        rank = max((len(other) for other in others if other), default=0)
        if after is not None and (not any(others) or len(after) >= rank):
            return after
        wide = next((other for other in others if other and len(other) == rank and other[0] is None), None)
        return None if wide is None else (None,) * rank if rank != 1 else wide

    def _sliced(self, user: str, after: Shape | None) -> Shape | None:
        node = self.wiring.nodes[user]
        begin = self.constant(self.wiring.inputs[user][1])
        if begin is None:
            return None
        new, ellipsis, shrink = (int(node.attr[f"{part}_mask"].i) for part in ("new_axis", "ellipsis", "shrink_axis"))
        if after is not None:
            rank = len(after) + bin(shrink).count("1") - bin(new).count("1")
            return (None,) * rank
        return None if ellipsis else (None,) * (len(begin) - bin(new).count("1"))

    def _transposed(self, user: str, after: Shape | None) -> Shape | None:
        order = self.constant(self.wiring.inputs[user][1])
        if order is None:
            return after and (None,) * len(after)
        order = order.tolist()
        if after is None or len(after) != len(order):
            return (None,) * len(order)
        shape: list[int | None] = [None] * len(order)
        for to, source in enumerate(order):
            shape[source] = after[to]
        return tuple(shape)

    def _expanded(self, user: str, after: Shape | None) -> Shape | None:
        axis = self.constant(self.wiring.inputs[user][1])
        if axis is None or not after:
            return None
        at = int(axis) % len(after)
        return after[:at] + after[at + 1 :]

    def _squeezed(self, user: str, after: Shape | None) -> Shape | None:
        node = self.wiring.nodes[user]
        axes = list((node.attr["squeeze_dims"] if "squeeze_dims" in node.attr else node.attr["axis"]).list.i)
        if after is None or not axes:
            return None
        shape: list[int | None] = list(after)
        for axis in sorted(axis % (len(after) + len(axes)) for axis in axes):
            shape.insert(axis, 1)
        return tuple(shape)

    def _padded(self, user: str, after: Shape | None) -> Shape | None:
        pads = self.constant(self.wiring.inputs[user][1])
        if pads is None:
            return after and (None,) * len(after)
        after = after if after is not None and len(after) == len(pads) else (None,) * len(pads)
        return tuple(None if size is None else size - int(sum(pad)) for size, pad in zip(after, pads, strict=True))

    def _without_axis(self, user: str, after: Shape | None) -> Shape | None:
        """What goes into an operation that adds an axis."""
        if not after:
            return None
        axis = int(self.wiring.nodes[user].attr["axis"].i) % len(after)
        return after[:axis] + after[axis + 1 :]

    def _unpacked(self, user: str, after: Shape | None) -> Shape | None:
        node = self.wiring.nodes[user]
        if after is None:
            return None
        axis = int(node.attr["axis"].i) % (len(after) + 1)
        return (*after[:axis], int(node.attr["num"].i), *after[axis:])

    def _scattered(self, user: str, after: Shape | None) -> Shape | None:
        """What is read back from a TensorArray one step at a time has one axis less than what was written to it."""
        handle = self.wiring.inputs[user][0][0]
        for reader, _, _ in self.wiring.users.get(handle, []):
            for entered, _, _ in [(reader, 0, 0), *self.wiring.users.get(reader, [])]:
                if self.wiring.op(entered) == "TensorArrayReadV3":
                    step = self._asked((entered, 0), set(), 20)
                    return None if step is None else (None, *step)
        return None
