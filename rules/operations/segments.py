"""Sums and the like over segments of rows, counts, and what makes segments."""

import numpy as np

from porter.rule import at_run_time, call, constant, is_size, many, op, ops, porter_layers, require, warn

BY_VALUE = (
    "the size of the output depends on the values: it runs eagerly on every backend, compiled on TensorFlow alone"
)


def _flat(x, segments):
    """Rows and their segments, one axis each."""
    require(x.rank is not None and segments.rank is not None, "the ranks must be known", segments)
    if segments.rank == 1:
        return x, segments
    rest = x.shape[segments.rank :]
    require(None not in rest, "sizes behind the segments must be known", x)
    return ops.reshape(x, (-1, *rest)), ops.reshape(segments, (-1,))


def _unsorted(reduction, x, segments, count, empty=0):
    """`ops.segment_...`, or a layer where that knows less: it takes no constant rows, and PyTorch has no integer limits."""
    if is_size(x) or (empty and not x.dtype.startswith("float")):
        return porter_layers.SegmentReduction(reduction, count, empty=empty)(*_flat(x, segments))
    return getattr(ops, f"segment_{reduction}")(*_flat(x, segments), count)


@op("UnsortedSegmentSum")
def unsorted_segment_sum(x, segments, *, num_segments):
    return _unsorted("sum", x, segments, num_segments)


@op("UnsortedSegmentProd")
def unsorted_segment_prod(x, segments, *, num_segments):
    return _unsorted("prod", x, segments, num_segments)


@op("UnsortedSegmentMax")
def unsorted_segment_max(x, segments, *, num_segments):
    """An empty segment holds the lowest number there is, not minus infinity."""
    lowest = _limits(x)[0]
    found = _unsorted("max", x, segments, num_segments, lowest)
    return ops.maximum(found, lowest) if found.node.op.startswith("ops.") else found


@op("UnsortedSegmentMin")
def unsorted_segment_min(x, segments, *, num_segments):
    highest = _limits(x)[1]
    found = _unsorted("min", x, segments, num_segments, highest)
    return ops.minimum(found, highest) if found.node.op.startswith("ops.") else found


def _limits(x):
    """The lowest and the highest number of a type."""
    limits = np.finfo(x.dtype) if x.dtype.startswith("float") else np.iinfo(x.dtype)
    number = float if x.dtype.startswith("float") else int
    return number(limits.min), number(limits.max)


def _register_by_input(name, reduction, limit=None):
    @op(name)
    def unsorted_segments_by_input(x, segments, count, *, node):
        """As many segments as a tensor says, or another tensor's size."""
        require(x.dtype.startswith("float") or limit is None, "PyTorch has no limits of integers", x)
        found = getattr(ops, f"segment_{reduction}")(*_flat(x, segments), count)
        found.shape, found.dtype = node.out.shape, node.out.dtype
        found = found if is_size(count) else at_run_time(found)
        return found if limit is None else getattr(ops, f"{reduction}imum")(found, _limits(x)[limit])


for _name, _reduction, _limit in (("Sum", "sum", None), ("Prod", "prod", None), ("Max", "max", 0), ("Min", "min", 1)):
    _register_by_input(f"UnsortedSegment{_name}", _reduction, _limit)


SORTED = {
    "SegmentSum": "sum",
    "SegmentMean": "mean",
    "SegmentMax": "max",
    "SegmentMin": "min",
    "SegmentProd": "prod",
}
SPARSE = {"SparseSegmentSum": "sum", "SparseSegmentMean": "mean", "SparseSegmentSqrtN": "sqrt_n"}


def _reduce(x, segments, reduction):
    """Segments that start with 0 and never go down; as many as the last one says."""
    known = constant(segments)
    if known is None or not known.size:
        warn(BY_VALUE)
        return porter_layers.SegmentReduction(reduction)(x, segments)
    count = int(known[-1]) + 1
    if reduction in ("mean", "sqrt_n") or len(np.unique(known)) < count:
        return porter_layers.SegmentReduction(reduction, num_segments=count)(x, segments)
    return getattr(ops, f"segment_{reduction}")(x, segments, count)


def _register_sorted(name, reduction):
    @op(name)
    def _(x, segments):
        return _reduce(x, segments, reduction)


def _register_sparse(name, reduction):
    @op(name)
    def _(x, indices, segments, *, sparse_gradient=False):
        return _reduce(ops.take(x, indices, axis=0), segments, reduction)

    @op(f"{name}WithNumSegments")
    def _(x, indices, segments, *, num_segments, sparse_gradient=False):
        taken = ops.take(x, indices, axis=0)
        return porter_layers.SegmentReduction(reduction, num_segments=num_segments)(taken, segments)


for _name, _reduction in SORTED.items():
    _register_sorted(_name, _reduction)
for _name, _reduction in SPARSE.items():
    _register_sparse(_name, _reduction)


@op("Bincount", "DenseBincount")
def bincount(x, size, weights, *, node, binary_output=False):
    require(not binary_output, "whether it occurs, not how often")
    require(x.rank is not None and (node.op == "Bincount" or x.rank == 1), "a count per row", x)
    known = constant(size)
    given = () if weights.shape == (0,) else (weights,)
    if known is not None:
        return porter_layers.Bincount(int(known), dtype=node.out.dtype)(x, *given)
    warn(BY_VALUE)
    return porter_layers.Bincount(dtype=node.out.dtype)(x, size, *given)


@op("HistogramFixedWidth")
def histogram(values, limits, count, *, node, dtype=None):
    """How many numbers lie in each of so many ranges of one width; what lies outside counts to the first or the last."""
    known, ends = constant(count), constant(limits)
    require(known is not None and ends is not None, "the ranges are known only when the model runs", node)
    low, high = ends.tolist()
    places = ops.floor(ops.multiply(ops.subtract(values, low), int(known) / (high - low)))
    return porter_layers.Bincount(int(known), dtype=node.out.dtype)(
        ops.cast(ops.clip(places, 0, int(known) - 1), "int32")
    )


@op("Bucketize")
def bucketize(x, *, boundaries=()):
    """How many of the boundaries are not larger than the number."""
    return ops.digitize(x, np.array(boundaries, "float32"))


@op("Unique")
def unique(x, *, node):
    return _unique(x, node, with_counts=False)


@op("UniqueWithCounts")
def unique_with_counts(x, *, node):
    return _unique(x, node, with_counts=True)


@op("UniqueV2")
def unique_along(x, axis, *, node):
    _require_only_axis(x, axis)
    return _unique(x, node, with_counts=False)


@op("UniqueWithCountsV2")
def unique_with_counts_along(x, axis, *, node):
    _require_only_axis(x, axis)
    return _unique(x, node, with_counts=True)


def _require_only_axis(x, axis):
    require(x.rank == 1 and axis.shape in ((0,), (1,)), "unique rows, not numbers", x)


def _unique(x, node, with_counts):
    require(x.dtype != "string", "strings have no place in a Keras model", x)
    warn(BY_VALUE)
    layer = porter_layers.Unique(index_dtype=node.outputs[1].dtype, with_counts=with_counts)
    return many(layer(x), 3 if with_counts else 2)


@op("ListDiff")
def list_difference(x, others, *, node):
    require(x.dtype != "string", "strings have no place in a Keras model", x)
    warn(BY_VALUE)
    return many(porter_layers.ListDifference(index_dtype=node.outputs[1].dtype)(x, others), 2)


@op("DenseToDenseSetOperation")
def set_operation(a, b, *, set_operation, validate_indices=True):
    require(a.dtype != "string", "strings have no place in a Keras model", a)
    require(a.rank == 2 and b.rank == 2, f"sets in tensors of rank {a.rank} and {b.rank}; only rows of a matrix", a)
    warn(BY_VALUE)
    return many(porter_layers.SetOperation(set_operation)(a, b), 3)


@op("InvertPermutation")
def invert_permutation(x, *, node):
    return ops.cast(ops.argsort(x), node.out.dtype)


@op("UnravelIndex")
def unravel_index(indices, *, dims, node):
    """Coordinates of flat indices, one row per axis."""
    strides = np.cumprod([1, *dims[:0:-1]])[::-1]
    shape = (-1, *([1] * (indices.rank or 0)))
    return _coordinates(indices, *(np.array(each, node.out.dtype).reshape(shape) for each in (strides, dims)), node)


@op("UnravelIndex")
def unravel_index_by_input(indices, dims, *, node):
    require(indices.rank is not None and dims.shape is not None and dims.shape[0], "the ranks must be known", indices)
    require(not is_size(dims), "the sizes are those of a tensor", dims)
    behind = ops.flip(call("ops.getitem", dims, (slice(1, None), ...)), axis=0)
    ones = ops.ones_like(call("ops.getitem", dims, (slice(None, 1), ...)))
    strides = ops.flip(ops.cumprod(ops.concatenate([ones, behind])), axis=0)
    shape = (-1, *([1] * indices.rank))
    return _coordinates(indices, ops.reshape(strides, shape), ops.reshape(dims, shape), node)


def _coordinates(indices, strides, sizes, node):
    return ops.cast(ops.mod(ops.floor_divide(ops.expand_dims(indices, 0), strides), sizes), node.out.dtype)
