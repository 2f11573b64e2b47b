"""Constant arguments such as axes, permutations and paddings become attributes, in one normal form.

Axes count from the front where the rank is known. An operation of which one such argument is not constant keeps all of
them as inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from porter.canonical.fold_integers import fold
from porter.canonical.known_sizes import KnownSizes
from porter.graph import Graph, Node, Value

REDUCTIONS = ("Sum", "Mean", "Max", "Min", "Prod", "All", "Any", "EuclideanNorm")

# Operation: the slots of its static arguments with the attributes they become. -1 is the last input.
ARGUMENTS: dict[str, dict[int, str]] = {
    **{op: {1: "axes"} for op in REDUCTIONS},
    "ArgMax": {1: "axis"},
    "ArgMin": {1: "axis"},
    "BatchToSpace": {1: "crops"},
    "BatchToSpaceND": {1: "block_shape", 2: "crops"},
    "BroadcastTo": {1: "shape"},
    "ConcatV2": {-1: "axis"},
    "CropAndResize": {3: "crop_size"},
    "Cumprod": {1: "axis"},
    "CumulativeLogsumexp": {1: "axis"},
    "Cumsum": {1: "axis"},
    "ExpandDims": {1: "axis"},
    "Fill": {0: "dims"},
    "GatherV2": {2: "axis"},
    "ImageProjectiveTransformV2": {2: "output_shape"},
    "ImageProjectiveTransformV3": {2: "output_shape", 3: "fill_value"},
    "InTopKV2": {2: "k"},
    "IRFFT": {1: "fft_length"},
    "IRFFT2D": {1: "fft_length"},
    "IRFFT3D": {1: "fft_length"},
    "LinSpace": {2: "num"},
    "MatrixBandPart": {1: "num_lower", 2: "num_upper"},
    "MirrorPad": {1: "paddings"},
    "OneHot": {1: "depth"},
    "Pad": {1: "paddings"},
    "PadV2": {1: "paddings"},
    "RandomStandardNormal": {0: "shape"},
    "RandomUniform": {0: "shape"},
    "RandomUniformInt": {0: "shape"},
    "RFFT": {1: "fft_length"},
    "RFFT2D": {1: "fft_length"},
    "RFFT3D": {1: "fft_length"},
    "SpaceToBatch": {1: "paddings"},
    "SparseSegmentMeanWithNumSegments": {3: "num_segments"},
    "SparseSegmentSqrtNWithNumSegments": {3: "num_segments"},
    "SparseSegmentSumWithNumSegments": {3: "num_segments"},
    "TruncatedNormal": {0: "shape"},
    "ResizeArea": {1: "size"},
    "ResizeBicubic": {1: "size"},
    "ResizeBilinear": {1: "size"},
    "ResizeNearestNeighbor": {1: "size"},
    "ReverseV2": {1: "axes"},
    "Roll": {1: "shift", 2: "axis"},
    "ScatterNd": {2: "shape"},
    "Slice": {1: "begin", 2: "size"},
    "SpaceToBatchND": {1: "block_shape", 2: "paddings"},
    "Split": {0: "axis"},
    "SplitV": {1: "sizes", 2: "axis"},
    "StridedSlice": {1: "begin", 2: "end", 3: "strides"},
    "Tile": {1: "multiples"},
    "TopKV2": {1: "k"},
    "Transpose": {1: "perm"},
    "UnravelIndex": {1: "dims"},
    "UnsortedSegmentMax": {2: "num_segments"},
    "UnsortedSegmentMin": {2: "num_segments"},
    "UnsortedSegmentProd": {2: "num_segments"},
    "UnsortedSegmentSum": {2: "num_segments"},
}


def static_arguments(graph: Graph) -> None:
    """Move static arguments from inputs to attributes, and normalise them."""
    known = KnownSizes()
    for node in graph.ordered():
        if fold(graph, node):
            continue
        if node.op == "Reshape":
            if len(node.inputs) > 1:
                _refine(node.out, known.of(node.inputs[1]))
            _resolve_reshape(graph, node)
        elif node.op in ARGUMENTS and _take(graph, node, ARGUMENTS[node.op]):
            NORMALISE.get(node.op, _normalise_axes)(node)
        elif node.op in ("Stack", "Unstack", "Squeeze"):
            _normalise_axes(node)
        known.settle(graph, node)


def _take(graph: Graph, node: Node, slots: dict[int, str]) -> bool:
    """Move the arguments in `slots` if all of them are constants."""
    slots = {slot % len(node.inputs): name for slot, name in slots.items() if slot < len(node.inputs)}
    if any(node.inputs[slot].node.op != "Const" for slot in slots):
        return False
    for slot, name in slots.items():
        node.attrs[name] = node.inputs[slot].node.attrs["value"].tolist()
        if isinstance(node.attrs[name], list):
            node.attrs[name] = _tuples(node.attrs[name])
    graph.set_inputs(node, [value for slot, value in enumerate(node.inputs) if slot not in slots])
    return True


def _tuples(item: Any) -> Any:
    return tuple(map(_tuples, item)) if isinstance(item, list) else item


def _normalise_axes(node: Node) -> None:
    """Axes count from the front."""
    rank = node.inputs[0].rank if node.inputs else None
    if node.op == "Squeeze":
        dims = node.attrs.pop("squeeze_dims", ())
        if rank is not None:
            shape = node.inputs[0].shape or ()
            node.attrs["axes"] = tuple(sorted(a % rank for a in dims)) or tuple(
                a for a, d in enumerate(shape) if d == 1
            )
            if not dims and None in shape:
                node.attrs["perhaps_more"] = True
        elif dims:
            node.attrs["axes"] = dims
        return
    if node.op in ("ExpandDims", "OneHot", "Stack"):
        rank = None if rank is None else rank + 1
    if node.op in ("Stack", "Unstack"):
        node.attrs.setdefault("axis", 0)
        if node.op == "Unstack":
            node.attrs.pop("num", None)
    if rank is not None and isinstance(node.attrs.get("axis"), int):
        node.attrs["axis"] %= max(rank, 1)


def _normalise_reduction(node: Node) -> None:
    axes, rank = node.attrs["axes"], node.inputs[0].rank
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    node.attrs["axes"] = axes if rank is None else tuple(sorted({axis % rank for axis in axes})) if rank else ()
    if node.op in REDUCTIONS:
        node.attrs["keepdims"] = bool(node.attrs.pop("keep_dims", False))
        if not node.attrs["keepdims"]:
            del node.attrs["keepdims"]


def _normalise_strided_slice(node: Node) -> None:
    """begin, end, strides and the masks become `slices`: what stands between the brackets in x[...]."""
    begin, end, strides = (node.attrs.pop(name) for name in ("begin", "end", "strides"))
    begin_mask, end_mask, ellipsis, new_axis, shrink = (
        node.attrs.pop(f"{name}_mask", 0) for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    )
    slices: list[Any] = []
    for i in range(len(begin)):
        bit = 1 << i
        if ellipsis & bit:
            slices.append(Ellipsis)
        elif new_axis & bit:
            slices.append(None)
        elif shrink & bit:
            slices.append(begin[i])
        else:
            slices.append(
                slice(
                    None if begin_mask & bit else begin[i],
                    None if end_mask & bit else end[i],
                    None if strides[i] == 1 else strides[i],
                )
            )
    node.attrs["slices"] = tuple(slices)


def _resolve_reshape(graph: Graph, node: Node) -> None:
    """The target shape as attribute `shape`: sizes, at most one -1, and None first for "the batch stays".

    Left as an input where only running the graph tells the shape. Rows that follow from a fixed batch are left open: the
    model then takes other batches too.
    """
    value, target = node.inputs[0], node.out
    wanted = node.inputs[1].node
    if wanted.op == "Const":  # of sizes that TensorFlow did not follow through
        sizes = wanted.attrs["value"].tolist()
        known = target.shape or (None,) * len(sizes)
        target.shape = tuple(k if size < 0 else size for size, k in zip(sizes, known, strict=True))
    if target.shape is None:
        return
    shape: list[int | None] = [-1 if size is None else size for size in target.shape]
    keeps_first = bool(shape) and bool(value.rank) and _same_dimension(value, 0, target, 0)
    if keeps_first:
        shape[0] = None
    if shape.count(-1) > 1:
        return
    if keeps_first and -1 in shape and value.shape is not None and None not in value.shape[1:]:
        rest = prod(size for size in shape[1:] if size != -1)  # type: ignore[misc]
        if rest:
            shape[shape.index(-1)] = prod(value.shape[1:]) // rest  # type: ignore[arg-type]
            target.shape = (target.shape[0], *shape[1:])
    elif not keeps_first and shape and not {0, -1} & set(shape) and _are_rows_of_batch(graph, value, shape[0]):
        shape[0] = -1
    if shape.count(-1) == 1 and 0 in shape:
        return
    node.attrs["shape"] = tuple(shape)
    graph.set_inputs(node, [value])


def _are_rows_of_batch(graph: Graph, value: Value, rows: int | None) -> bool:
    """True for several rows of each sample, one after the other, where the inputs fix how many samples there are."""
    fixed = {each.shape[0] for each in graph.inputs if each.shape}
    size = fixed.pop() if len(fixed) == 1 else None
    return bool(
        size and size > 1 and value.shape and value.shape[0] == size and rows and rows > size and rows % size == 0
    )


def _refine(value: Value, sizes: Any) -> None:
    """Fill in dimensions of `value` that are known from the sizes it was reshaped to."""
    if isinstance(sizes, tuple) and value.shape is not None and len(sizes) == len(value.shape):
        known = (size if size is not None and size >= 0 else None for size in sizes)
        value.shape = tuple(b if a is None else a for a, b in zip(value.shape, known, strict=True))


def _same_dimension(value: Value, axis: int, other: Value, other_axis: int) -> bool:
    """True if two dimensions are known to have the same size."""
    sizes = [v.shape[a] if v.shape else None for v, a in ((value, axis), (other, other_axis))]
    if None not in sizes:
        return sizes[0] == sizes[1]
    return bool(value.probe and other.probe and value.probe[axis] == other.probe[other_axis])


NORMALISE: dict[str, Callable[[Node], None]] = {
    **dict.fromkeys((*REDUCTIONS, "ReverseV2"), _normalise_reduction),
    "StridedSlice": _normalise_strided_slice,
}
