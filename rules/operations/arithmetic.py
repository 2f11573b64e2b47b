"""Elementwise arithmetic."""

from porter.rule import op, ops


@op("Add")
def add(x, y):
    return ops.add(x, y)


@op("Sub")
def subtract(x, y):
    return ops.subtract(x, y)


@op("Mul")
def multiply(x, y):
    return ops.multiply(x, y)


@op("RealDiv")
def divide(x, y):
    return ops.true_divide(x, y)
