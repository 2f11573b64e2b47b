"""Entries dealt out to several tensors by number, and put together again."""

import numpy as np

from porter.rule import constant, op, ops, porter_layers, require, warn
from porter.rules.operations.slicing import UNCOMPILED, getitem


@op("DynamicPartition")
def dynamic_partition(data, partitions, *, node, num_partitions):
    """Part k holds, in order, the entries whose number is k; how many these are depends on the data."""
    require(partitions.rank is not None and data.rank is not None, "the ranks are not known")
    warn(f"{node.name} {UNCOMPILED}")
    if partitions.rank != 1:
        rest = data.shape[partitions.rank :]
        require(None not in rest, "entries of an unknown size")
        data, partitions = ops.reshape(data, (-1, *rest)), ops.reshape(partitions, (-1,))
    parts = []
    for number in range(num_partitions):
        places = porter_layers.Places()(ops.equal(partitions, number))
        parts.append(ops.take(data, getitem(places, slice(None), 0), axis=0))
    return tuple(parts)


@op("DynamicStitch", "ParallelDynamicStitch")
def dynamic_stitch(*inputs, node):
    """Entry indices[k][i] of the result is data[k][i], the last one if there are several."""
    count = len(inputs) // 2
    indices, data = inputs[:count], inputs[count:]
    ranks = [value.rank for value in indices]
    require(None not in ranks, "the ranks are not known")
    rest = data[0].shape[ranks[0] :] if data[0].shape is not None else (None,)
    require(None not in rest, "entries of an unknown size")
    rows = [value if rank == 1 else ops.reshape(value, (-1, *rest)) for value, rank in zip(data, ranks, strict=True)]
    together = ops.concatenate(rows, axis=0) if count > 1 else rows[0]
    places = [constant(value) for value in indices]
    if all(each is not None for each in places):
        return ops.take(together, _last_places(np.concatenate([each.reshape(-1) for each in places])), axis=0)
    flat = [value if value.rank == 1 else ops.reshape(value, (-1,)) for value in indices]
    order = ops.concatenate(flat, axis=0) if count > 1 else flat[0]
    warn(f"{node.name} {UNCOMPILED}")
    return porter_layers.Stitch()(order, together)


def _last_places(order):
    """For each entry of the result the last place that it comes from."""
    places = np.zeros(order.max() + 1, np.int32)
    for place, index in enumerate(order):
        places[index] = place
    return places
