"""Picking entries, and putting them in place."""

import numpy as np

from porter.rule import (
    Value,
    WeightRef,
    at_run_time,
    constant,
    context,
    elements,
    is_size,
    layers,
    op,
    ops,
    porter_layers,
    require,
    warn,
)
from porter.rules.operations.slicing import UNCOMPILED, getitem

SMALL = 32  # a constant with no more numbers is no table


@op("StridedSlice")
def strided_slice(x, *, slices):
    """x[slices]. A negative step, which PyTorch does not know, is a flip first."""
    require(x.rank is not None, "the rank is not known")
    backwards, forward, axis = [], [], 0
    named = sum(item is not None and item is not Ellipsis for item in slices)
    for item in slices:
        if item is Ellipsis:
            axis += x.rank - named
        elif item is not None:
            if isinstance(item, slice) and item.step is not None and item.step < 0:
                backwards.append(axis)
                item = _flipped(item, x.shape[axis])
            axis += 1
        forward.append(item)
    if backwards:
        x = ops.flip(x, axis=backwards[0] if len(backwards) == 1 else tuple(backwards))
    return getitem(x, *forward)


def _flipped(item, size):
    """The slice of the flipped axis that `item`, which runs backwards, takes of the axis as it was."""
    start = None if item.start == -1 else item.start
    if item.stop == -1:
        return slice(0, 0)  # nothing lies behind the last entry
    ends = []
    for end in (start, item.stop):
        if end is None:
            ends.append(None)
        elif size is None:
            ends.append(-1 - end)  # entry e of the axis is entry -1 - e of the flipped one
        else:
            end = max(end + size, -1) if end < 0 else min(end, size - 1)
            ends.append(size - 1 - end)
    return slice(*ends, None if item.step == -1 else -item.step)


@op("StridedSlice")
def strided_slice_by_size(
    x, begin, end, strides, *, begin_mask=0, end_mask=0, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=0
):
    """x[slices] with sizes as ends, or with ends and entries that the data name.

    A step backwards stays one here; PyTorch does not know it.
    """
    require(constant(strides) is not None, "slices of an unknown number, or with steps from the data", strides)
    steps = constant(strides).tolist()
    begins, ends = (elements(value) or [getitem(value, i) for i in range(len(steps))] for value in (begin, end))
    slices, picked, at_run = [], [], False
    for i, step in enumerate(steps):
        bit = 1 << i
        if ellipsis_mask & bit:
            slices.append(Ellipsis)
        elif new_axis_mask & bit:
            slices.append(None)
        elif shrink_axis_mask & bit:
            named = isinstance(begins[i], Value) and not is_size(begins[i])
            if named:
                picked.append((len(slices), begins[i]))
            slices.append(slice(None) if named else begins[i])
        else:
            item = slice(None if begin_mask & bit else begins[i], None if end_mask & bit else ends[i])
            at_run |= any(isinstance(each, Value) and not is_size(each) for each in (item.start, item.stop))
            first = isinstance(item.start, int) and item.start == 0 and step > 0
            start = None if first else item.start
            slices.append(slice(start, item.stop, None if step == 1 else step))
    spread = None if x.rank is None else x.rank - sum(item is not None and item is not Ellipsis for item in slices)
    require(not picked or Ellipsis not in slices or spread is not None, "the rank is not known")
    rank = None if spread is None else spread + sum(item is None or isinstance(item, slice) for item in slices)
    x = at_run_time(getitem(x, *slices)) if at_run else getitem(x, *slices)
    if picked and at_run and rank is not None:
        x.shape = (None,) * rank  # TensorFlow knows that of the whole slice alone
    for place, index in reversed(picked):
        axes = [spread if item is Ellipsis else item is None or isinstance(item, slice) for item in slices[:place]]
        x = ops.take(x, index, axis=sum(axes))
    return x


@op("Slice")
def slice_(x, *, begin, size):
    """From `begin` on, `size` entries of each axis, -1 for all that are left."""
    ends = [None if length == -1 else start + length for start, length in zip(begin, size, strict=True)]
    full = x.shape or (None,) * len(begin)
    slices = [
        slice(start or None, None if end == dim else end) for start, end, dim in zip(begin, ends, full, strict=True)
    ]
    return getitem(x, *slices)


@op("Slice")
def slice_by_size(x, begin, size, *, node):
    """The same with sizes: what comes before is cut off first, then what is left behind."""
    if not is_size(begin):
        return _slice_from(x, begin, size, node.out)
    begins, sizes = elements(begin), elements(size)
    if begins is None or sizes is None or not all(is_size(each) for each in sizes if isinstance(each, Value)):
        return _slice_from(x, begin, size, node.out)
    x = getitem(x, *(slice(None if isinstance(each, int) and each == 0 else each, None) for each in begins))
    return getitem(x, *(slice(None, None if isinstance(each, int) and each == -1 else each) for each in sizes))


def _slice_from(x, begin, size, out):
    """A slice that the data place."""
    require(out.shape is not None, "the rank of the result depends on the data")
    lengths, starts = constant(size), elements(begin)
    if lengths is not None:
        whole = [bool(starts) and x.shape is not None and starts[i] == 0 for i in range(len(lengths))]
        lengths = [x.shape[i] if length == -1 and whole[i] else int(length) for i, length in enumerate(lengths)]
        if None not in lengths and -1 not in lengths:
            return ops.slice(x, begin, tuple(lengths))
    warn(f"{out.name} takes its place and size from the data: JAX runs this model without compiling it")
    return porter_layers.DynamicSlice(out.shape)(x, begin, size)


@op("GatherV2")
def gather(x, indices, *, axis, batch_dims=0):
    require(x.rank is not None and indices.rank is not None, "the rank is not known")
    axis %= x.rank
    batch_dims = batch_dims % (indices.rank + 1) if batch_dims < 0 else batch_dims
    held = x.node.op == "Variable" or x.node.op == "Const" and constant(x).size > SMALL
    table = held and x.rank == 2 and x.dtype == "float32" and axis == 0 and indices.rank > 0
    if batch_dims == 0 and table and not context().inputs:  # in a loop's step, where the same table embeds other ids
        return layers.Embedding(*x.shape).bind(embeddings=WeightRef(x))(indices)
    if batch_dims == 0:
        return ops.take(x, indices, axis=axis)
    if not axis == batch_dims == indices.rank - 1:
        return porter_layers.BatchGather(axis=axis, batch_dims=batch_dims)(x, indices)
    for _ in range(x.rank - indices.rank):
        indices = ops.expand_dims(indices, -1)
    return ops.take_along_axis(x, indices, axis=axis)


@op("GatherNd")
def gather_nd(x, indices, *, bad_indices_policy=""):
    """Each row of `indices` names an entry of the first axes of x: they are folded into one, and counted through."""
    require(x.shape is not None and indices.shape, "the ranks are not known")
    depth = indices.shape[-1]
    require(depth is not None, "how many axes are indexed is not known")
    if depth == 0:
        return ops.broadcast_to(x, (*indices.shape[:-1], *x.shape))
    if depth == 1:
        return ops.take(x, getitem(indices, Ellipsis, 0), axis=0)
    if None in x.shape[1:]:
        return porter_layers.GatherNd()(x, indices)
    strides = [int(np.prod(x.shape[i + 1 : depth])) for i in range(depth)]
    place = ops.sum(ops.multiply(indices, np.array(strides, indices.dtype)), axis=-1)
    return ops.take(ops.reshape(x, (-1, *x.shape[depth:])), place, axis=0)


def _rows(indices, updates):
    """Indices [rows, depth] and as many updates; Keras knows no more axes on every backend."""
    if indices.rank is None or indices.rank <= 2:
        return indices, updates
    require(indices.shape[-1] is not None and updates.shape is not None, "how many axes are indexed is not known")
    rest = updates.shape[indices.rank - 1 :]
    require(None not in rest, "the size of what is put in place is not known")
    return ops.reshape(indices, (-1, indices.shape[-1])), ops.reshape(updates, (-1, *rest))


@op("ScatterNd")
def scatter_nd(indices, updates, *, shape):
    return ops.scatter(*_rows(indices, updates), shape)


@op("ScatterNd")
def scatter_nd_by_size(indices, updates, shape, *, node):
    made = ops.scatter(*_rows(indices, updates), shape)
    if is_size(shape):
        return made
    require(node.out.rank is not None, "the rank of the result depends on the data", node)
    return at_run_time(made)


@op("TensorScatterUpdate")
def tensor_scatter_update(x, indices, updates, *, bad_indices_policy=""):
    return ops.scatter_update(x, *_rows(indices, updates))


@op("TensorScatterAdd")
def tensor_scatter_add(x, indices, updates, *, bad_indices_policy=""):
    return ops.scatter_update(x, *_rows(indices, updates), reduction="add")


@op("TensorScatterSub")
def tensor_scatter_sub(x, indices, updates, *, bad_indices_policy=""):
    indices, updates = _rows(indices, updates)
    return ops.scatter_update(x, indices, ops.negative(updates), reduction="add")


@op("TensorScatterMax")
def tensor_scatter_max(x, indices, updates, *, bad_indices_policy=""):
    return ops.scatter_update(x, *_rows(indices, updates), reduction="max")


@op("TensorScatterMin")
def tensor_scatter_min(x, indices, updates, *, bad_indices_policy=""):
    return ops.scatter_update(x, *_rows(indices, updates), reduction="min")


@op("OneHot")
def one_hot(indices, on, off, *, depth, node, axis=-1):
    return _one_hot(indices, depth, on, off, axis, node.out.dtype)


@op("OneHot")
def one_hot_by_size(indices, depth, on, off, *, node, axis=-1):
    if is_size(depth):
        return _one_hot(indices, depth, on, off, axis, node.out.dtype)

    # `ops.one_hot` on PyTorch refuses an index beyond its depth, which gives no entry here
    require(indices.rank is not None, "the rank is not known", node)
    axis %= indices.rank + 1
    places = at_run_time(ops.arange(depth, dtype=indices.dtype))
    places.shape = (None,)
    places = ops.reshape(places, (-1, *(1,) * (indices.rank - axis)))
    return _chosen(ops.equal(ops.expand_dims(indices, axis), places), on, off, node.out.dtype)


def _one_hot(indices, depth, on, off, axis, dtype):
    axis = -1 if axis == indices.rank else axis  # Keras has no other name for the last
    if _values(on, off) == [1, 0]:
        return ops.one_hot(indices, depth, axis=axis, dtype=dtype)
    return _chosen(ops.one_hot(indices, depth, axis=axis, dtype="bool"), on, off, dtype)


def _values(on, off):
    return [None if constant(value) is None else constant(value).item() for value in (on, off)]


def _chosen(hot, on, off, dtype):
    """One value where `hot` is true, and another elsewhere."""
    if _values(on, off) == [1, 0]:
        return ops.cast(hot, dtype)
    chosen = ops.where(hot, on, off)
    return chosen if dtype in ("float32", "int32", "bool") else ops.cast(chosen, dtype)


@op("Where")
def where(x, *, node):
    """The places of what is not zero, one row each; how many there are depends on the data."""
    require(x.rank is not None and x.rank > 0, "the rank is not known, or is 0")
    warn(f"{node.name} {UNCOMPILED}")
    return ops.cast(porter_layers.Places()(x), node.out.dtype)


@op("ReverseSequence")
def reverse_sequence(x, lengths, *, seq_dim, batch_dim=0):
    return porter_layers.ReverseSequence(axis=seq_dim, batch_axis=batch_dim)(x, lengths)
