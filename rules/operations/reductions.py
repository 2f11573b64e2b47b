"""Reductions over axes."""

from porter.rule import op, ops


@op("Max")
def maximum(x, *, axes, keepdims=False):
    return ops.max(x, axis=axes, keepdims=keepdims)


@op("Min")
def minimum(x, *, axes, keepdims=False):
    return ops.min(x, axis=axes, keepdims=keepdims)
