"""Reductions over axes."""

import math

from porter.rule import op, ops, porter_layers, require, warn
from porter.rules.operations.slicing import getitem

# Keras widens these when it adds them up, TensorFlow does not.
SMALL = ("int8", "int16", "uint8", "uint16")


def _reduce(function, x, axes, keepdims):
    """`ops.<function>` over `axes`. None means all of them, but then PyTorch keeps none; without axes nothing is done."""
    if not axes:
        return x
    everything = len(axes) == x.rank and not keepdims
    axis = None if everything else axes[0] if len(axes) == 1 else axes
    return getattr(ops, function)(x, axis=axis, keepdims=keepdims)


@op("Max")
def maximum(x, *, axes, keepdims=False):
    return _reduce("max", x, axes, keepdims)


@op("Min")
def minimum(x, *, axes, keepdims=False):
    return _reduce("min", x, axes, keepdims)


@op("All")
def all_(x, *, axes, keepdims=False):
    return _reduce("all", x, axes, keepdims)


@op("Any")
def any_(x, *, axes, keepdims=False):
    return _reduce("any", x, axes, keepdims)


NAMES = {"All": "all", "Any": "any", "Max": "max", "Mean": "mean", "Min": "min", "Prod": "prod", "Sum": "sum"}


def _along_fed_axes(operation, function):
    @op(operation)
    def reduction(x, axes, *, node, keep_dims=False):
        """Over axes that the data name."""
        shape = node.out.shape
        if shape is None and x.rank is not None:  # each axis that is named is gone
            gone = 1 if axes.rank == 0 else axes.shape[0] if axes.shape else None
            shape = None if gone is None else (None,) * (x.rank - gone)
        require(shape is not None, "the rank of the result depends on the data", node)
        require(function != "mean" or x.dtype.startswith("float"), "a mean of integers", x)
        warn(f"{node.name} reduces along axes from the data: JAX runs this model without compiling it")
        return porter_layers.ReductionAlong(function, shape, keepdims=keep_dims)(x, axes)


for _operation, _function in NAMES.items():
    _along_fed_axes(_operation, _function)


@op("Sum")
def sum_(x, *, axes, keepdims=False):
    return _keep_type(x, _reduce("sum", x, axes, keepdims))


@op("Prod")
def product(x, *, axes, keepdims=False):
    return _keep_type(x, _reduce("prod", x, axes, keepdims))


@op("Mean")
def mean(x, *, axes, keepdims=False):
    """The mean of integers is an integer again, rounded towards zero."""
    if x.dtype.startswith("float") or x.dtype == "bfloat16" or not axes:
        return _reduce("mean", x, axes, keepdims)
    total = _reduce("sum", x, axes, keepdims)
    sizes = [x.shape[axis] if x.shape else None for axis in axes]
    count = math.prod(sizes) if None not in sizes else _reduce("sum", ops.ones_like(x), axes, keepdims)
    return ops.cast(ops.multiply(ops.sign(total), ops.floor_divide(ops.abs(total), count)), x.dtype)


@op("EuclideanNorm")
def euclidean_norm(x, *, axes, keepdims=False):
    total = _reduce("sum", ops.square(x), axes, keepdims)
    if x.dtype.startswith("float"):
        return ops.sqrt(total)
    return ops.cast(ops.sqrt(ops.cast(total, "float32")), x.dtype)


def _keep_type(x, reduced):
    return ops.cast(reduced, x.dtype) if x.dtype in SMALL and reduced is not x else reduced


@op("ArgMax")
def argmax(x, *, node, axis):
    return _index(ops.argmax(x, axis=axis), node)


@op("ArgMin")
def argmin(x, *, node, axis):
    return _index(ops.argmin(x, axis=axis), node)


def _index(value, node):
    """Keras counts in int32."""
    return value if node.out.dtype == "int32" else ops.cast(value, node.out.dtype)


@op("Cumsum")
def cumulative_sum(x, *, axis, exclusive=False, reverse=False):
    return _cumulative("cumsum", 0, x, axis, exclusive, reverse)


@op("Cumprod")
def cumulative_product(x, *, axis, exclusive=False, reverse=False):
    return _cumulative("cumprod", 1, x, axis, exclusive, reverse)


@op("CumulativeLogsumexp")
def cumulative_log_sum_exp(x, *, axis, exclusive=False, reverse=False):
    require(not exclusive, "what comes before each entry, which starts with minus infinity")
    return porter_layers.CumulativeLogSumExp(axis, reverse=reverse)(x)


def _cumulative(function, start, x, axis, exclusive, reverse):
    """Exclusive: each entry holds what comes before it; so all move on by one and `start` comes first."""
    rank, dtype = x.rank, x.dtype
    require(rank is not None, "the rank is not known")
    if reverse:
        x = ops.flip(x, axis=axis)
    if exclusive:
        but_last = getitem(x, *[slice(None)] * axis, slice(None, -1))
        one_before = tuple((1, 0) if each == axis else (0, 0) for each in range(rank))
        x = ops.pad(but_last, one_before, constant_values=start)
    x = getattr(ops, function)(x, axis=axis)
    if dtype in SMALL:
        x = ops.cast(x, dtype)
    return ops.flip(x, axis=axis) if reverse else x
