"""Picking entries, and putting them in place."""

import numpy as np

from porter.rule import call, op, ops, porter_layers, require


def getitem(x, *slices):
    """x[slices]; trailing slices that take everything are left out."""
    slices = list(slices)
    while slices and slices[-1] == slice(None):
        slices.pop()
    return call("ops.getitem", x, tuple(slices)) if slices else x


@op("StridedSlice")
def strided_slice(x, *, slices):
    """x[slices]. A negative step, which PyTorch does not know, is a flip first."""
    require(x.rank is not None, "the rank is not known")
    backwards, axis = [], 0
    forward = []
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
    ends = []
    for end in (item.start, item.stop):
        if end is None:
            ends.append(None)
        elif size is None:
            # entry e of the axis is entry -1 - e of the flipped one
            require(end != -1, "a slice that runs backwards from the last entry of an axis of unknown size")
            ends.append(-1 - end)
        else:
            end = max(end + size, -1) if end < 0 else min(end, size - 1)
            ends.append(size - 1 - end)
    return slice(*ends, None if item.step == -1 else -item.step)


@op("Slice")
def slice_(x, *, begin, size):
    """From `begin` on, `size` entries of each axis, -1 for all that are left."""
    ends = [None if length == -1 else start + length for start, length in zip(begin, size, strict=True)]
    full = x.shape or (None,) * len(begin)
    slices = [
        slice(start or None, None if end == dim else end) for start, end, dim in zip(begin, ends, full, strict=True)
    ]
    return getitem(x, *slices)


@op("GatherV2")
def gather(x, indices, *, axis, batch_dims=0):
    require(x.rank is not None and indices.rank is not None, "the rank is not known")
    axis %= x.rank
    batch_dims = batch_dims % (indices.rank + 1) if batch_dims < 0 else batch_dims
    if batch_dims == 0:
        return ops.take(x, indices, axis=axis)
    require(axis == batch_dims == indices.rank - 1, "a gather with batch axes along another axis than the next one")
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


@op("ScatterNd")
def scatter_nd(indices, updates, *, shape):
    return ops.scatter(indices, updates, shape)


@op("TensorScatterUpdate")
def tensor_scatter_update(x, indices, updates, *, bad_indices_policy=""):
    return ops.scatter_update(x, indices, updates)


@op("TensorScatterAdd")
def tensor_scatter_add(x, indices, updates, *, bad_indices_policy=""):
    return ops.scatter_update(x, indices, updates, reduction="add")


@op("TensorScatterSub")
def tensor_scatter_sub(x, indices, updates, *, bad_indices_policy=""):
    return ops.scatter_update(x, indices, ops.negative(updates), reduction="add")


@op("TensorScatterMax")
def tensor_scatter_max(x, indices, updates, *, bad_indices_policy=""):
    return ops.scatter_update(x, indices, updates, reduction="max")


@op("TensorScatterMin")
def tensor_scatter_min(x, indices, updates, *, bad_indices_policy=""):
    return ops.scatter_update(x, indices, updates, reduction="min")


@op("OneHot")
def one_hot(indices, on, off, *, depth, node, axis=-1):
    values = [value.node.attrs["value"].item() if value.node.op == "Const" else None for value in (on, off)]
    dtype = node.out.dtype
    if values == [1, 0]:
        return ops.one_hot(indices, depth, axis=axis, dtype=dtype)
    chosen = ops.where(ops.one_hot(indices, depth, axis=axis, dtype="bool"), on, off)
    return chosen if dtype in ("float32", "int32", "bool") else ops.cast(chosen, dtype)


@op("Where")
def where(x, *, node):
    """The places of what is not zero, one row each; how many there are depends on the data."""
    return ops.cast(ops.stack(ops.nonzero(x), axis=-1), node.out.dtype)


@op("ReverseSequence")
def reverse_sequence(x, lengths, *, seq_dim, batch_dim=0):
    return porter_layers.ReverseSequence(axis=seq_dim, batch_axis=batch_dim)(x, lengths)
