"""The largest entries."""

from porter.rule import many, op, ops


@op("TopKV2")
def top_k(x, *, k, sorted=True):
    return many(ops.top_k(x, k, sorted=sorted), 2)


@op("InTopK", "InTopKV2")
def in_top_k(predictions, targets, *, k):
    return ops.in_top_k(targets, predictions, k)
