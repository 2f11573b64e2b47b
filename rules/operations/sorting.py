"""The largest entries."""

from porter.rule import is_size, many, op, ops, require


@op("TopKV2")
def top_k(x, *, k, sorted=True):
    return many(ops.top_k(x, k, sorted=sorted), 2)


@op("TopKV2")
def top_k_by_size(x, k, *, sorted=True):
    require(is_size(k), "how many are wanted depends on the data")
    return many(ops.top_k(x, k, sorted=sorted), 2)


@op("InTopK", "InTopKV2")
def in_top_k(predictions, targets, *, k):
    return ops.in_top_k(targets, predictions, k)
