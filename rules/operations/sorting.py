"""The largest entries, and places in an order."""

from porter.rule import at_run_time, constant, is_size, many, op, ops, require
from porter.rules.operations.slicing import getitem


@op("TopKV2")
def top_k(x, *, node, k, sorted=True):
    return _in_int32(many(ops.top_k(x, k, sorted=sorted), 2), node)


@op("TopKV2")
def top_k_by_size(x, k, *, node, sorted=True):
    found = ops.top_k(x, k, sorted=sorted)
    return _in_int32(many(found if is_size(k) else at_run_time(found), 2), node)


def _in_int32(found, node):
    """PyTorch counts in int64, whatever Keras says of it."""
    for each, output in zip(found, node.outputs, strict=True):
        each.shape, each.dtype = output.shape, output.dtype
    values, indices = found
    return values, ops.cast(indices, "int32")


@op("InTopK", "InTopKV2")
def in_top_k(predictions, targets, *, k):
    return ops.in_top_k(targets, predictions, k)


@op("InTopKV2")
def in_top_k_by_size(predictions, targets, k):
    found = ops.in_top_k(targets, predictions, k)
    return found if is_size(k) else at_run_time(found)


@op("NthElement")
def nth_element(x, n, *, reverse=False):
    """The entry of the last axis that has n before it in order."""
    place = constant(n)
    require(place is not None, "which entry is wanted is known only when the model runs", n)
    return getitem(ops.sort(x, axis=-1), Ellipsis, -1 - int(place) if reverse else int(place))


@op("LowerBound")
def lower_bound(ordered, values, *, node, out_type=None):
    return _before(ops.greater, ordered, values, node)


@op("UpperBound")
def upper_bound(ordered, values, *, node, out_type=None):
    return _before(ops.greater_equal, ordered, values, node)


def _before(is_behind, ordered, values, node):
    """How many of each row of `ordered` stand before each of the same row of `values`."""
    found = is_behind(ops.expand_dims(values, 2), ops.expand_dims(ordered, 1))
    return ops.sum(ops.cast(found, node.out.dtype), axis=2)
