"""The largest entries."""

from porter.rule import at_run_time, is_size, many, op, ops


@op("TopKV2")
def top_k(x, *, k, sorted=True):
    return many(ops.top_k(x, k, sorted=sorted), 2)


@op("TopKV2")
def top_k_by_size(x, k, *, node, sorted=True):
    found = ops.top_k(x, k, sorted=sorted)
    return many(found if is_size(k) else at_run_time(found), 2)


@op("InTopK", "InTopKV2")
def in_top_k(predictions, targets, *, k):
    return ops.in_top_k(targets, predictions, k)


@op("InTopKV2")
def in_top_k_by_size(predictions, targets, k):
    found = ops.in_top_k(targets, predictions, k)
    return found if is_size(k) else at_run_time(found)
