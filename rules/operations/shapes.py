"""Shapes: the same numbers in another arrangement."""

from porter.rule import at_run_time, call, constant, is_size, layers, many, op, ops, porter_layers, require, warn
from porter.rules.operations.slicing import getitem


@op("Reshape")
def reshape(x, *, shape):
    if shape and shape[0] is None:
        return layers.Reshape(tuple(shape[1:]))(x)
    return ops.reshape(x, shape)


@op("Reshape")
def reshape_by_size(x, shape, *, node):
    return _sized(ops.reshape(x, shape), node, shape)


def _sized(made, node, *sizes):
    """A call that takes sizes: it stays as it is if they follow from shapes; if the data name them, it needs care."""
    if all(map(is_size, sizes)):
        return made
    require(node.out.rank is not None, "the rank of the result depends on the data", node)
    for value in sizes:
        known = value.rank == 0 or (value.shape is not None and None not in value.shape)
        require(known, "how many sizes there are depends on the data", node)
    return at_run_time(made)


@op("Transpose")
def transpose(x, *, perm):
    return ops.transpose(x, perm)


@op("ExpandDims")
def expand_dims(x, *, axis):
    return ops.expand_dims(x, axis)


@op("ExpandDims")
def expand_dims_somewhere(x, axis, *, node):
    """At a place that the data name."""
    require(x.rank is not None, "the rank is not known", node)
    warn(f"{node.name} takes the place of an axis from the data: JAX runs this model without compiling it")
    return porter_layers.AxisInsertion()(x, axis)


@op("Squeeze")
def squeeze(x, *, axes=None, perhaps_more=False):
    """Without axes named, those that are known to have size 1; where others may have it too, these stay.

    Keras squeezes no axis whose size TensorFlow cannot tell beforehand, as behind a dilated convolution: there the only
    entry is taken.
    """
    require(axes is not None and x.shape is not None, "which axes have size 1 is not known before it runs")
    if not axes:
        return x
    if any(x.shape[axis] is None for axis in axes):
        return getitem(x, *(0 if axis in axes else slice(None) for axis in range(max(axes) + 1)))
    return ops.squeeze(x, axis=axes[0] if len(axes) == 1 else axes)


@op("ConcatV2")
def concatenate(*values, axis):
    rank = next((value.rank for value in values if value.rank is not None), None)
    axis = axis % rank if rank else axis
    values = [value for value in values if not (value.shape and value.shape[axis] == 0)] or values[:1]
    return ops.concatenate(list(values), axis=axis) if len(values) > 1 else values[0]


@op("Stack")
def stack(*values, axis=0):
    """A plain number among tensors is no tensor to Keras, so it becomes one that is like its neighbour."""
    peer = next((value for value in values if constant(value) is None), None)
    if peer is not None and peer.rank == 0:
        values = [ops.full_like(peer, value) if constant(value) is not None else value for value in values]
    return ops.stack(list(values), axis=axis)


@op("Unstack")
def unstack(x, *, node, axis=0):
    count = len(node.outputs)
    if count == 1:
        return ops.squeeze(x, axis=axis)
    return many(ops.unstack(x, count, axis=axis), count)


@op("Split")
def split(x, *, node, axis, num_split=None):
    count = len(node.outputs)
    if count == 1:
        return x
    return many(ops.split(x, count, axis=axis), count)


@op("SplitV")
def split_sizes(x, *, node, sizes, axis, num_split=None):
    """Sizes of which one may be -1: all that the others leave."""
    require(x.rank is not None, "the rank is not known")
    sizes, axis = list(sizes), axis % x.rank
    if len(sizes) == 1:
        return x
    if -1 in sizes:
        rest = sizes.index(-1)
        others = sum(size for size in sizes if size != -1)
        if x.shape[axis] is not None:
            sizes[rest] = x.shape[axis] - others
    if x.shape[axis] is None:
        return _slices(x, axis, sizes, sizes.index(-1) if -1 in sizes else len(sizes))
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
    return many(ops.split(x, ends, axis=axis), len(sizes))


@op("SplitV")
def split_fed_sizes(x, sizes, axis, *, node, num_split=None):
    """Sizes that the data name: each piece begins where those before it end; one of them may be -1 as well."""
    place, count = constant(axis), len(node.outputs)
    require(x.rank is not None and place is not None, "the rank is not known, or the axis depends on the data", node)
    warn(f"{node.name} takes sizes from the data: JAX runs this model without compiling it")
    return many(porter_layers.SplitBySizes(place.item() % x.rank, count)(x, sizes), count)


def _slices(x, axis, sizes, rest):
    """Pieces of an axis of unknown size: those behind the one that takes the rest count from the end."""
    pieces = []
    for i in range(len(sizes)):
        start = sum(sizes[:i]) if i <= rest else -sum(sizes[i:])
        stop = sum(sizes[: i + 1]) if i < rest else -sum(sizes[i + 1 :]) or None
        start = start or None
        pieces.append(getitem(x, *[slice(None)] * axis, slice(start, stop)))
    return tuple(pieces)


@op("Tile")
def tile(x, *, multiples):
    return ops.tile(x, multiples)


@op("Tile")
def tile_by_size(x, multiples, *, node):
    return _sized(ops.tile(x, multiples), node, multiples)


@op("BroadcastTo")
def broadcast_to(x, *, shape):
    return ops.broadcast_to(x, shape)


@op("BroadcastTo")
def broadcast_to_size(x, shape, *, node):
    return _sized(ops.broadcast_to(x, shape), node, shape)


@op("Fill")
def fill(value, *, dims):
    return ops.broadcast_to(value, dims) if dims else value


@op("Fill")
def fill_by_size(dims, value, *, node):
    return _sized(ops.full(dims, value, dtype=node.out.dtype), node, dims)


@op("Pad", "PadV2")
def pad(x, value=None, *, paddings):
    if value is None:
        return ops.pad(x, paddings)
    require(constant(value) is not None, "the padding value is not constant")
    return ops.pad(x, paddings, constant_values=constant(value).item())


@op("Pad", "PadV2")
def pad_by_size(x, paddings, value=None, *, node):
    if value is None:
        return _sized(ops.pad(x, paddings), node, paddings)
    require(constant(value) is not None, "the padding value is not constant")
    return _sized(ops.pad(x, paddings, constant_values=constant(value).item()), node, paddings)


@op("MirrorPad")
def mirror_pad_by_size(x, paddings, *, node, mode):
    return _sized(ops.pad(x, paddings, mode=mode.lower()), node, paddings)


@op("MirrorPad")
def mirror_pad(x, *, paddings, mode):
    if mode == "SYMMETRIC" and max(map(max, paddings)) > 1:
        return _mirrored(x, paddings)
    return ops.pad(x, paddings, mode=mode.lower())


def _mirrored(x, paddings):
    """The edges turned round and put beside x: `ops.pad` on PyTorch repeats the outermost entry instead."""
    for axis, (before, after) in enumerate(paddings):
        whole = (slice(None),) * axis
        parts = [x]
        if before:
            parts.insert(0, ops.flip(call("ops.getitem", x, (*whole, slice(None, before), Ellipsis)), axis=axis))
        if after:
            parts.append(ops.flip(call("ops.getitem", x, (*whole, slice(-after, None), Ellipsis)), axis=axis))
        x = ops.concatenate(parts, axis=axis) if len(parts) > 1 else x
    return x


@op("ReverseV2")
def reverse(x, *, axes):
    if not axes:
        return x
    return ops.flip(x, axis=axes[0] if len(axes) == 1 else axes)


@op("Roll")
def roll(x, *, shift, axis):
    if isinstance(shift, tuple) and len(shift) == 1:
        shift, axis = shift[0], axis[0]
    return ops.roll(x, shift, axis=axis)


@op("Roll")
def roll_by_size(x, shift, axis, *, node):
    require(constant(axis) is not None, "the axis depends on the data")
    return _sized(ops.roll(x, shift, axis=constant(axis).tolist()), node, shift)


@op("LinSpace")
def linspace(start, stop, *, num, node):
    return ops.linspace(start, stop, num, dtype=node.out.dtype)


@op("Range")
def range_by_size(start, limit, delta, *, node):
    return _sized(ops.arange(start, limit, delta, dtype=node.out.dtype), node, start, limit, delta)
