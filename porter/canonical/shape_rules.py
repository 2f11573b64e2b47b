"""The shapes of operations' results, of those that TensorFlow's import may leave open."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from porter.canonical.dimensions import Dims, constant, dims_of, size_of, sizes_of
from porter.graph import Node
from porter.graph.operations import BROADCASTING, DRAWN, UNARY

# The first tensor's shape is the result's.
DERIVATIVES = {
    f"{name}Grad" for name in (
        "Elu", "Inv", "LeakyRelu", "MaxPool", "Reciprocal", "Relu", "Relu6", "Rsqrt", "Selu", "Sigmoid", "Softplus", "Softsign",
        "Sqrt", "Tanh",
    )
}  # fmt: skip
SHAPED_LIKE_FIRST = (
    UNARY | DERIVATIVES | {"BiasAdd", "Cumsum", "Identity", "LogSoftmax", "ReverseSequence", "ReverseV2", "Softmax"}
)


def _broadcast(node: Node) -> Dims | None:
    shapes = [dims_of(value) for value in node.inputs]
    rank = max(map(len, shapes))
    padded = [[(1, 1)] * (rank - len(dims)) + dims for dims in shapes]
    result: Dims = []
    for column in zip(*padded, strict=True):
        wide = [dim for dim in column if dim != (1, 1)]
        known = [dim for dim in wide if dim[0] is not None]
        result.append(known[0] if known else wide[0] if wide else (1, 1))
    return result


def _transpose(node: Node) -> Dims | None:
    dims, perm = dims_of(node.inputs[0]), constant(node, 1)
    if perm is None or perm.size != len(dims):
        return None
    return [dims[axis] for axis in np.ravel(perm)]


def _reshape(node: Node) -> Dims | None:
    target = sizes_of(node.inputs[1])
    if target is None or (-1, -1) not in target:
        return target
    place = target.index((-1, -1))
    left, taken = dims_of(node.inputs[0]), [*target[:place], *target[place + 1 :]]
    for dim in [dim for dim in taken if dim[0] is None and dim[1] is not None and dim in left]:
        if dim in left and dim in taken:  # sizes that are not known, but are the same, such as the batch's
            left.remove(dim)
            taken.remove(dim)
    size, probe = (_quotient([dim[side] for dim in left], [dim[side] for dim in taken]) for side in (0, 1))
    return [*target[:place], (size, probe if size is None else size), *target[place + 1 :]]


def _quotient(sizes: list[int | None], divisors: list[int | None]) -> int | None:
    """How often the divisors' product goes into that of the sizes; None where that is not known, or no whole number."""
    if None in sizes or None in divisors:
        return None
    whole, rest = prod(sizes), prod(divisors)  # type: ignore[arg-type]
    return whole // rest if rest and whole % rest == 0 else None


def _matmul(node: Node) -> Dims | None:
    left, right = (dims_of(value) for value in node.inputs)
    if len(left) != 2 or len(right) != 2:
        return None
    return [left[1 if node.attrs.get("transpose_a") else 0], right[0 if node.attrs.get("transpose_b") else 1]]


def _concat(node: Node) -> Dims | None:
    axis = constant(node, -1)
    parts = [dims_of(value) for value in node.inputs[:-1]]
    if axis is None or len({len(part) for part in parts}) != 1:
        return None
    place = int(axis) % len(parts[0])
    result = [next((d for d in column if d[0] is not None), column[0]) for column in zip(*parts, strict=True)]
    sides = [[part[place][side] for part in parts] for side in (0, 1)]
    size, probe = (None if None in side else sum(side) for side in sides)  # type: ignore[arg-type]
    result[place] = (size, probe)
    return result


def _split(node: Node) -> Dims | None:
    axis, dims = constant(node, 0), dims_of(node.inputs[1])
    if axis is None:
        return None
    place, count = int(axis) % len(dims), len(node.outputs)
    size, probe = dims[place]
    dims[place] = (size // count if size is not None else None, probe // count if probe is not None else None)
    return dims


def _read(node: Node) -> Dims | None:
    return dims_of(node.inputs[0])[1:]


def _same(node: Node) -> Dims | None:
    return dims_of(node.inputs[0])


def _state(node: Node) -> Dims | None:
    """Everything that a recurrent cell gives is shaped as its state, the second input."""
    return dims_of(node.inputs[1])


def _expand_dims(node: Node) -> Dims | None:
    axis, dims = constant(node, 1), dims_of(node.inputs[0])
    if axis is None:
        return None
    place = int(axis.reshape(())) % (len(dims) + 1)
    return [*dims[:place], (1, 1), *dims[place:]]


def _reduce(node: Node) -> Dims | None:
    axes, dims = constant(node, 1), dims_of(node.inputs[0])
    if axes is None:
        return None
    gone = {int(axis) % max(len(dims), 1) for axis in np.ravel(axes)}
    if node.attrs.get("keep_dims"):
        return [(1, 1) if place in gone else dim for place, dim in enumerate(dims)]
    return [dim for place, dim in enumerate(dims) if place not in gone]


def _tile(node: Node) -> Dims | None:
    times, dims = sizes_of(node.inputs[1]), dims_of(node.inputs[0])
    if times is None or len(times) != len(dims):
        return None
    return [
        (None if a is None or c is None else a * c, None if b is None or d is None else b * d)
        for (a, b), (c, d) in zip(dims, times, strict=True)
    ]


def _strided_slice(node: Node) -> Dims | None:
    """Plain slices only: single places and ranges over whole dimensions."""
    begin, end, strides = (constant(node, slot) for slot in (1, 2, 3))
    masks = {
        name: node.attrs.get(f"{name}_mask", 0) for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    dims = dims_of(node.inputs[0])
    if (
        begin is None
        or end is None
        or strides is None
        or masks["ellipsis"]
        or masks["new_axis"]
        or len(begin) > len(dims)
    ):
        return None
    result: Dims = []
    for place in range(len(begin)):
        bit = 1 << place
        if masks["shrink_axis"] & bit:
            continue
        whole = masks["begin"] & bit and masks["end"] & bit and abs(strides[place]) == 1
        size = dims[place][0]
        if size is not None:
            bounds = slice(
                None if masks["begin"] & bit else begin[place],
                None if masks["end"] & bit else end[place],
                strides[place],
            )
            count = len(range(*bounds.indices(size)))
            result.append((count, count))
        else:
            result.append(dims[place] if whole else (None, None))
    return [*result, *dims[len(begin) :]]


def _gather(node: Node) -> Dims | None:
    axis = constant(node, 2)
    if axis is None or node.attrs.get("batch_dims"):
        return None
    dims, places = dims_of(node.inputs[0]), dims_of(node.inputs[1])
    at = int(axis) % max(len(dims), 1)
    return [*dims[:at], *places, *dims[at + 1 :]]


def _filled(node: Node) -> Dims | None:
    return sizes_of(node.inputs[0])


def _of_sizes(node: Node) -> Dims | None:
    return sizes_of(node.inputs[1])


def _select(node: Node) -> Dims | None:
    """Two tensors of one shape."""
    one, other = (dims_of(value) for value in node.inputs[1:3])
    if len(one) != len(other):
        return None
    return [b if a[0] is None and b[0] is not None else a for a, b in zip(one, other, strict=True)]


def _cond(node: Node) -> Dims | None:
    """One of two tensors."""
    one, other = (dims_of(value) for value in node.inputs[1:3])
    if len(one) != len(other):
        return None
    return [(a if a == c else None, b if b == d else None) for (a, b), (c, d) in zip(one, other, strict=True)]


def _shape(node: Node) -> Dims | None:
    rank = len(node.inputs[0].shape or ())
    return [(rank, rank)]


def _slice(node: Node) -> Dims | None:
    begins, sizes = sizes_of(node.inputs[1]), sizes_of(node.inputs[2])
    dims = dims_of(node.inputs[0])
    if sizes is None or len(sizes) != len(dims):
        return None
    result: Dims = []
    for place, (dim, size) in enumerate(zip(dims, sizes, strict=True)):
        begin = (None, None) if begins is None else begins[place]
        if size[0] != -1:
            result.append(size)
        else:
            left = (None if None in ends else ends[0] - ends[1] for ends in zip(dim, begin, strict=True))  # type: ignore[operator]
            result.append(tuple(left))  # type: ignore[arg-type]
    return result


def _squeeze(node: Node) -> Dims | None:
    dims = dims_of(node.inputs[0])
    axes = [axis % max(len(dims), 1) for axis in node.attrs.get("squeeze_dims", ())]
    if not axes and None in (node.inputs[0].shape or ()):
        return None
    return [dim for place, dim in enumerate(dims) if (place not in axes if axes else dim[0] != 1)]


def _stack(node: Node) -> Dims | None:
    dims = dims_of(node.inputs[0])
    place = node.attrs.get("axis", 0) % (len(dims) + 1)
    return [*dims[:place], (len(node.inputs), len(node.inputs)), *dims[place:]]


def _unstack(node: Node) -> Dims | None:
    dims = dims_of(node.inputs[0])
    place = node.attrs.get("axis", 0) % max(len(dims), 1)
    return [*dims[:place], *dims[place + 1 :]]


def _one_hot(node: Node) -> Dims | None:
    dims = dims_of(node.inputs[0])
    place = node.attrs.get("axis", -1) % (len(dims) + 1)
    return [*dims[:place], size_of(node.inputs[1]), *dims[place:]]


def _pick(node: Node) -> Dims | None:
    axis, dims = constant(node, 1), dims_of(node.inputs[0])
    if axis is None:
        return None
    place = int(axis.reshape(())) % max(len(dims), 1)
    return [*dims[:place], *dims[place + 1 :]]


def _batch_matmul(node: Node) -> Dims | None:
    left, right = (dims_of(value) for value in node.inputs)
    if len(left) < 2 or len(right) < 2:
        return None
    batch = left[:-2] if len(left) >= len(right) else right[:-2]
    return [*batch, left[-1 if node.attrs.get("adj_x") else -2], right[-2 if node.attrs.get("adj_y") else -1]]


def _conv2d(node: Node) -> Dims | None:
    """Of images in channels_last: the kernel tells the channels; rows and columns stay with the same padding alone."""
    dims, kernel = dims_of(node.inputs[0]), dims_of(node.inputs[1])
    if node.attrs.get("data_format", "NHWC") != "NHWC":
        return None
    same = node.attrs.get("padding") == "SAME" and set(node.attrs.get("strides", (1,))) == {1}
    return [*(dims[:-1] if same else _only_batch(dims)), kernel[-1]]


def _conv2d_transpose(node: Node) -> Dims | None:
    if node.attrs.get("data_format", "NHWC") != "NHWC":
        return None
    return [*_only_batch(dims_of(node.inputs[0])), dims_of(node.inputs[1])[-2]]


def _window(node: Node) -> Dims | None:
    """Of images in channels_last whose rows and columns change: batch and channels stay."""
    dims = dims_of(node.inputs[0])
    steps = [node.attrs[each] for each in ("ksize", "strides") if each in node.attrs]
    apart = all(each[0] == each[-1] == 1 for each in steps) and node.attrs.get("data_format", "NHWC") == "NHWC"
    return [*_only_batch(dims), dims[-1]] if apart else None


def _only_batch(dims: Dims) -> Dims:
    return [dims[0], *[(None, None)] * (len(dims) - 2)]


RULES: dict[str, Callable[[Node], Dims | None]] = {
    **dict.fromkeys(SHAPED_LIKE_FIRST, _same),
    **dict.fromkeys(BROADCASTING, _broadcast),
    **dict.fromkeys(("Sum", "Mean", "Max", "Min", "Prod", "All", "Any"), _reduce),
    "Tile": _tile,
    "StridedSlice": _strided_slice,
    "GatherV2": _gather,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "MatMul": _matmul,
    "ConcatV2": _concat,
    "Split": _split,
    "ExpandDims": _expand_dims,
    "ArrayRead": _read,
    "ArrayWrite": _same,
    "Shape": _shape,
    "Select": _select,
    "Cond": _cond,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Stack": _stack,
    "Unstack": _unstack,
    "OneHot": _one_hot,
    "ArgMax": _pick,
    "ArgMin": _pick,
    "BatchMatMul": _batch_matmul,
    "Conv2D": _conv2d,
    "Conv2DTranspose": _conv2d_transpose,
    **dict.fromkeys(("MaxPool", "AvgPool", "ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic"), _window),
    "BroadcastTo": _of_sizes,
    **dict.fromkeys({"Fill", *DRAWN}, _filled),
    "LSTMBlockCell": _state,
    "GRUBlockCell": _state,
}
