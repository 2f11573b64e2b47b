"""Elementwise arithmetic."""

import numpy as np

from porter.rule import constant, op, ops, require

SIMPLE = {
    "Abs": "abs",
    "Neg": "negative",
    "Square": "square",
    "Sqrt": "sqrt",
    "Rsqrt": "rsqrt",
    "Exp": "exp",
    "Expm1": "expm1",
    "Log": "log",
    "Log1p": "log1p",
    "Sin": "sin",
    "Cos": "cos",
    "Tan": "tan",
    "Asin": "arcsin",
    "Acos": "arccos",
    "Atan": "arctan",
    "Sinh": "sinh",
    "Cosh": "cosh",
    "Asinh": "arcsinh",
    "Acosh": "arccosh",
    "Atanh": "arctanh",
    "Erf": "erf",
    "Floor": "floor",
    "Ceil": "ceil",
    "StopGradient": "stop_gradient",
    "Sub": "subtract",
    "Mul": "multiply",
    "Pow": "power",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "DivNoNan": "divide_no_nan",
}


def _register(name, function):
    """`name` is `ops.<function>` of the same inputs, with the same numbers and the same type."""

    @op(name)
    def _(*inputs):
        for value in inputs:
            require(value.dtype != "string", "strings have no place in a Keras model")
            require(value.dtype != "uint64", "Keras computes unsigned 64-bit integers in 32 bits")
        return getattr(ops, function)(*inputs)


for _name, _function in SIMPLE.items():
    _register(_name, _function)


@op("Add")
def add(x, y):
    """Keras' TensorFlow backend adds a second operand with a single axis along the last axis, or the first after the
    batch, as if it were a bias (keras/src/backend/tensorflow/numpy.py, add, 3.15). Where it isn't, it comes first."""
    require("string" not in (x.dtype, y.dtype), "strings have no place in a Keras model")
    require("uint64" not in (x.dtype, y.dtype), "Keras computes unsigned 64-bit integers in 32 bits")
    if not _taken_for_bias(x, y):
        return ops.add(x, y)
    return ops.add(y, x) if not _taken_for_bias(y, x) else ops.subtract(x, ops.negative(y))


def _taken_for_bias(x, y):
    """True if Keras might add y along another axis than its own. Of unknown sizes, only a batch's may be 1."""
    if not x.rank or x.rank < 2 or not y.rank or x.shape == y.shape:
        return False
    for axis, size in enumerate(y.shape):
        others = [other for place, other in enumerate(y.shape) if place != axis and (place or other is not None)]
        if size == 1 or any(other != 1 for other in others):
            continue
        place, last = x.rank - y.rank + axis, x.shape[-1]
        if place < 0 or (place != x.rank - 1 and (size is None or last in (size, None))):
            return True
        if place != 1 and last == 1 and (size is None or x.shape[1] in (size, None)):
            return True
    return False


@op("RealDiv")
def divide(x, y):
    require(
        not _is_integer(x), "later versions than TensorFlow 1 do not divide integers so, and nothing could be proved"
    )
    return ops.true_divide(x, y)


@op("AddN", "AccumulateNV2")
def add_n(first, *others):
    total = first
    for each in others:
        total = ops.add(total, each)
    return total


@op("BiasAdd")
def bias_add(x, bias, *, data_format="NHWC"):
    if data_format == "NCHW":
        require(x.rank is not None, "the rank is not known")
        return ops.add(ops.reshape(bias, (-1,) + (1,) * (x.rank - 2)), x)
    return ops.add(x, bias)


@op("Reciprocal")
def reciprocal(x):
    require(x.dtype.startswith(("float", "bfloat")), f"the reciprocal of {x.dtype}")
    return ops.true_divide(1.0, x)


@op("Atan2")
def arctan2(y, x, *, node):
    return _of_type(ops.arctan2(y, x), node)


@op("Erfc")
def erfc(x):
    return ops.subtract(1.0, ops.erf(x))


@op("SquaredDifference")
def squared_difference(x, y):
    return ops.square(ops.subtract(x, y))


@op("MulNoNan")
def multiply_no_nan(x, y):
    """x * y, and 0 where y is 0, even if x is infinite or NaN."""
    return ops.where(ops.equal(y, 0), 0, ops.multiply(x, y))


@op("Xdivy")
def x_div_y(x, y):
    return ops.where(ops.equal(x, 0), 0, ops.true_divide(x, y))


@op("Xlogy")
def x_log_y(x, y):
    return ops.where(ops.equal(x, 0), 0, ops.multiply(x, ops.log(y)))


@op("Xlog1py")
def x_log1p_y(x, y):
    return ops.where(ops.equal(x, 0), 0, ops.multiply(x, ops.log1p(y)))


@op("FloorDiv")
def floor_divide(x, y):
    """For floats the floor of the rounded quotient, as TensorFlow does; numpy's `//` goes another way."""
    if _is_integer(x):
        return ops.floor_divide(x, y)
    return ops.floor(ops.true_divide(x, y))


@op("Div", "TruncateDiv")
def truncate_divide(x, y, *, node):
    """Division of integers that drops what is behind the point, as in C. (`Div` of floats is `RealDiv` here.)"""
    require(_is_integer(x), "of floats, TensorFlow 1 keeps what is behind the point, later versions drop it")
    if x.dtype.startswith("u"):
        return ops.floor_divide(x, y)
    size = ops.multiply(_sign(x), ops.floor_divide(_size(x), _size(y)))
    number = constant(y)
    if number is None or number.ndim:
        size = ops.multiply(_sign(y), size)
    elif number < 0:
        size = ops.negative(size)
    return _of_type(size, node)


@op("FloorMod")
def floor_mod(x, y, *, node):
    return _of_type(ops.mod(x, y), node)


@op("Mod", "TruncateMod")
def truncate_mod(x, y, *, node):
    """The remainder with the sign of x, as in C."""
    if x.dtype.startswith("u"):
        return _of_type(ops.mod(x, y), node)
    return _of_type(ops.multiply(_sign(x), ops.mod(_size(x), _size(y))), node)


def _size(value):
    """|value|, computed here if it is a constant."""
    number = constant(value)
    return ops.abs(value) if number is None else np.abs(number)


def _sign(value):
    number = constant(value)
    return ops.sign(value) if number is None else np.sign(number)


def _of_type(result, node):
    """For operations that do not let a plain number take the type of its neighbour, and then give a wider one."""
    numbers = any(constant(value) is not None and value.rank == 0 for value in node.inputs)
    wider = node.out.dtype not in ("float32", "float64", "int32", "int64")
    return ops.cast(result, node.out.dtype) if numbers and wider else result


@op("Sign")
def sign(x):
    return ops.sign(x)


@op("Round", "Rint")
def round_(x):
    """Half to even, as numpy and Keras do."""
    return x if _is_integer(x) else ops.round(x)


@op("ClipByValue")
def clip(x, low, high):
    """`ops.clip` takes plain numbers; where the ends are tensors, the lower one wins."""
    ends = constant(low), constant(high)
    if all(end is not None and end.ndim == 0 for end in ends) and ends[0] <= ends[1]:
        return ops.clip(x, low, high)
    return ops.maximum(ops.minimum(x, high), low)


@op("L2Loss")
def l2_loss(x):
    return ops.true_divide(ops.sum(ops.square(x)), 2)


def _is_integer(value):
    return value.dtype.startswith(("int", "uint"))
