"""Test inputs: seeded arrays for a list of inputs, within what the original admits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any
from zlib import crc32

import numpy as np

from porter.verify import words

KINDS = ("normal", "uniform", "constant", "large", "small")

# Sizes for unknown rows and columns (or time): uneven ones first, as they show what is swapped, odd ones next, as they
# show what holds at even sizes alone, then those that people train with, since a Flatten in front of a Dense layer admits
# only one.
SIZES = (
    (20, 24),
    (21, 27),
    (64, 96),
    (28, 28),
    (32, 32),
    (224, 224),
    (256, 256),
    (1, 1),
    (8, 8),
    (84, 84),
    (128, 128),
    (299, 299),
)
INTEGERS = (10, 2, 1)  # below which integers are drawn where nothing in the graph says
CHANNELS = (3, 1)

# Operations that hand numbers on as they are; indices are followed through them.
CARRIERS = {
    "Cast",
    "Concat",
    "ConcatV2",
    "Enter",
    "Exit",
    "ExpandDims",
    "GatherNd",
    "Identity",
    "Maximum",
    "Merge",
    "Minimum",
    "NextIteration",
    "Pack",
    "Pad",
    "Reshape",
    "Reverse",
    "ReverseSequence",
    "ReverseV2",
    "Slice",
    "Split",
    "SplitV",
    "Squeeze",
    "StridedSlice",
    "Switch",
    "TensorArrayGatherV3",
    "TensorArrayReadV3",
    "TensorArrayScatterV3",
    "TensorArraySplitV3",
    "TensorArrayWriteV3",
    "Tile",
    "Transpose",
    "Unpack",
}
REDUCTIONS = {"All", "Any", "Max", "Mean", "Min", "Prod", "Sum"}
LOOKUPS = {"Gather": 0, "GatherV2": 0, "ResourceGather": 0, "OneHot": 1}  # to the input that holds the rows


@dataclass(frozen=True)
class Input:
    """One input of the model.

    bound: whole numbers below it are drawn, where the graph looks them up in a table; of floats too, which Keras'
    Embedding used to cast. features: the size of the last axis, where only its consumers say. fixed: what is drawn always,
    where an operation admits little else: the shape that it is to give, or axes, which differ from each other. keys: words,
    or whole numbers, that it is looked up by.
    """

    tensor: str
    shape: tuple[int | None, ...]
    dtype: str
    bound: int | None = None
    features: int | None = None
    fixed: tuple[int, ...] | None = None
    keys: tuple[Any, ...] = ()

    @property
    def is_integer(self) -> bool:
        return self.dtype.startswith(("int", "uint"))


@dataclass(frozen=True)
class Setting:
    """How unknown sizes are filled.

    batch_axis: the axis that holds the batch (1: time comes first). sizes: for the other unknown axes, in order.
    channels: for the last axis of pictures. integers: where the graph says nothing, draw below this.
    """

    batch_axis: int = 0
    sizes: tuple[int, ...] = SIZES[0]
    channels: int = CHANNELS[0]
    integers: int = INTEGERS[0]

    def axis_of(self, given: Input) -> int | None:
        """The axis of `given` that holds the batch, None where its size is fixed.

        With [time, batch] go lengths [batch].
        """
        unknown = [axis for axis, size in enumerate(given.shape) if size is None]
        if self.batch_axis in unknown:
            return self.batch_axis
        return 0 if unknown[:1] == [0] else None

    def shape(self, given: Input, batch: int) -> tuple[int, ...]:
        """The shape of the array for an input, unknown sizes filled in."""
        batch_axis, free, shape = self.axis_of(given), 0, []
        for axis, size in enumerate(given.shape):
            if size is not None:
                shape.append(size)
            elif axis == batch_axis:
                shape.append(batch)
            elif axis == len(given.shape) - 1 and given.features:
                shape.append(given.features)
            elif axis == len(given.shape) - 1 and len(given.shape) >= 4:
                shape.append(self.channels)
            else:
                shape.append(self.sizes[min(free, len(self.sizes) - 1)])
                free += 1
        return tuple(shape)


def read_inputs(report: Mapping[str, Any], graph: Any = None, stands_for: Any = None) -> list[Input]:
    """The report's inputs, with bounds and features found in `graph` (a tf.Graph), where there is one.

    stands_for: from a tensor's name to the tensor in `graph`, or None.
    """
    inputs = [
        Input(
            item["tensor"],
            tuple(item["shape"]),
            item["dtype"] if isinstance(item["dtype"], str) else str(item["dtype"]),
        )
        for item in report["inputs"]
    ]
    if graph is None:
        return inputs
    found = []
    for given in inputs:
        tensor = stands_for(given.tensor)
        if tensor is None:
            found.append(given)
        else:
            found.append(
                replace(
                    given, bound=_bound(tensor), features=_features(tensor), fixed=_fixed(tensor),
                    keys=words.keys_of(tensor),
                )
            )  # fmt: skip
    return found


def draw(inputs: Sequence[Input], setting: Setting, kind: str, batch: int, seed: int) -> dict[str, np.ndarray]:
    """Arrays by tensor name. The same arguments give the same arrays; sample 0 of a batch differs from sample 1.

    Kinds: standard normal, uniform in [0, 1), one constant everywhere, normal times 100, normal times 1e-3. Integers:
    below their bound; for "constant" all alike, for "large" the largest, for "small" 0. Text: see `words.draw`.
    """
    return {
        given.tensor: _array(
            given,
            setting.shape(given, batch),
            kind,
            setting,
            np.random.default_rng([seed, crc32(given.tensor.encode()), batch]),
        )
        for given in inputs
    }


def settings(inputs: Sequence[Input]) -> Iterator[Setting]:
    """Settings to try, the likeliest first; those that give no new shapes or bounds are left out."""
    first = any(given.shape[:1] == (None,) for given in inputs)
    second = any(given.shape[1:2] == (None,) for given in inputs)
    axes = ((0, 1) if first else (1, 0)) if second else (0,)
    seen = set()
    # lists that go together, such as features and their values, are as long as the one whose length is known
    listed = {given.features for given in inputs if given.features and len(given.shape) == 2}
    lengths = [(size, size) for size in sorted(listed)] if _has_free_list(inputs) else []
    for integers, channels, sizes, axis in product(INTEGERS, CHANNELS, (SIZES[0], *lengths, *SIZES[1:]), axes):
        setting = Setting(axis, sizes, channels, integers)
        free = any(given.is_integer and given.bound is None for given in inputs)
        key = (tuple(setting.shape(given, 3) for given in inputs), integers if free else 0)
        if key not in seen:
            seen.add(key)
            yield setting


def _has_free_list(inputs: Sequence[Input]) -> bool:
    return any(len(given.shape) == 2 and given.shape[1] is None and not given.features for given in inputs)


def why_none(inputs: Sequence[Input]) -> str:
    """Why no arrays can be drawn for `inputs`; "" where they can."""
    for given in inputs:
        if given.dtype in ("object", "resource", "variant"):
            return f"input {given.tensor} holds {given.dtype}s, for which no test values can be made up"
    return ""


def _array(
    given: Input, shape: tuple[int, ...], kind: str, setting: Setting, random: np.random.Generator
) -> np.ndarray:
    if given.fixed:
        return np.array(given.fixed, given.dtype)
    if given.dtype == words.TEXT or given.keys:
        return words.draw(given.keys, shape, kind, given.dtype, random)
    if given.dtype == "bool":
        return np.full(shape, True) if kind == "constant" else random.random(shape) < 0.5
    if given.is_integer or given.bound:
        bound = given.bound or (256 if given.dtype == "uint8" else setting.integers)
        bound = min(bound, np.iinfo(given.dtype).max) if given.is_integer else bound
        if kind == "constant":
            return np.full(shape, random.integers(bound), given.dtype)
        if kind == "large":
            return np.full(shape, bound - 1, given.dtype)
        return (
            np.zeros(shape, given.dtype) if kind == "small" else random.integers(bound, size=shape).astype(given.dtype)
        )
    if kind == "uniform":
        values = random.random(shape)
    elif kind == "constant":
        values = np.full(shape, 0.7)
    else:
        values = random.standard_normal(shape) * {"normal": 1.0, "large": 100.0, "small": 1e-3}[kind]
    if given.dtype.startswith("complex"):
        values = values + 1j * random.standard_normal(shape)
    import ml_dtypes

    return values.astype(ml_dtypes.bfloat16 if given.dtype == "bfloat16" else given.dtype)


def _bound(tensor: Any) -> int | None:
    """The smallest number of rows among the tables that `tensor` is looked up in, None where it is in none."""
    bounds, seen, queue = [], {tensor.ref()}, deque([tensor])
    while queue:
        current = queue.popleft()
        for user in current.consumers():
            rows = _rows(user, current)
            if rows:
                bounds.append(rows)
            if user.type in CARRIERS or (user.type in LOOKUPS and user.inputs[0] is current):
                for output in user.outputs:
                    if output.ref() not in seen:
                        seen.add(output.ref())
                        queue.append(output)
    return min(bounds) if bounds else None


def _rows(operation: Any, index: Any) -> int | None:
    """How many rows the lookup `operation` has, if `index` is what it looks up."""
    if operation.type not in LOOKUPS:
        return None
    slot = 1 - LOOKUPS[operation.type]
    if operation.inputs[slot] is not index:
        return None
    import tensorflow as tf

    table = operation.inputs[LOOKUPS[operation.type]]
    if operation.type == "OneHot":
        depth = tf.get_static_value(table)
        return None if depth is None else int(depth)
    axis = tf.get_static_value(operation.inputs[2]) if operation.type == "GatherV2" else 0
    if axis is None or table.shape.rank is None:
        return None
    return table.shape[int(axis)]


def _features(tensor: Any) -> int | None:
    """What the operations that take `tensor` directly say of its last axis."""
    if tensor.shape.rank is not None and tensor.shape.rank and tensor.shape[-1] is not None:
        return None
    import tensorflow as tf

    for user in tensor.consumers():
        if user.type == "Reshape" and tensor.shape.rank == 2:
            target = tf.get_static_value(user.inputs[1])
            if target is not None and target.size > 1 and target[0] == -1 and (target[1:] > 0).all():
                return int(target[1:].prod())
        if user.type in ("MatMul", "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv2dNative") and user.inputs[0] is tensor:
            shape = user.inputs[1].shape
            if shape.rank is None:
                continue
            if user.type == "MatMul":
                return shape[1 if user.get_attr("transpose_b") else 0]
            return shape[-2]
    return None


def _fixed(tensor: Any) -> tuple[int, ...] | None:
    """The shape that a transposed convolution is to give, if `tensor` tells it: the largest that its input admits. Of the
    axes of a reduction, the first.
    """
    for user in tensor.consumers():
        if user.type in REDUCTIONS and user.inputs[1] is tensor and tensor.shape.rank == 1 and tensor.shape[0]:
            return tuple(range(tensor.shape[0]))
        if user.type in ("Conv2DBackpropInput", "Conv3DBackpropInputV2") and user.inputs[0] is tensor:
            kernel, x = user.inputs[1].shape, user.inputs[2].shape
            if kernel.is_fully_defined() and x.is_fully_defined():
                strides = user.get_attr("strides")[1:-1]
                same = user.get_attr("padding") == b"SAME"
                steps = zip(x.as_list()[1:-1], strides, kernel.as_list()[:-2], strict=True)
                own = [n * stride if same else n * stride + size - 1 for n, stride, size in steps]
                return (x.as_list()[0], *own, kernel.as_list()[-2])
    return None
