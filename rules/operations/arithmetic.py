"""Elementwise arithmetic."""

from porter.rule import op, ops, require

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
    "Add": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "RealDiv": "true_divide",
    "Pow": "power",
    "Atan2": "arctan2",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "DivNoNan": "divide_no_nan",
}


def _register(name, function):
    """`name` is `ops.<function>` of the same inputs, with the same numbers and the same type."""

    @op(name)
    def _(*inputs):
        require(all(value.dtype != "string" for value in inputs), "strings have no place in a Keras model")
        return getattr(ops, function)(*inputs)


for _name, _function in SIMPLE.items():
    _register(_name, _function)


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
        bias = ops.reshape(bias, (-1,) + (1,) * (x.rank - 2))
    return ops.add(x, bias)


@op("Reciprocal")
def reciprocal(x):
    require(x.dtype.startswith(("float", "bfloat")), f"the reciprocal of {x.dtype}")
    return ops.reciprocal(x)


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
def truncate_divide(x, y):
    """Integer division towards zero. (`Div` of floats is `RealDiv` here.)"""
    require(_is_integer(x), f"a truncated division of {x.dtype}")
    if x.dtype.startswith("u"):
        return ops.floor_divide(x, y)
    size = ops.floor_divide(ops.abs(x), ops.abs(y))
    return ops.multiply(ops.multiply(ops.sign(x), ops.sign(y)), size)


@op("FloorMod")
def floor_mod(x, y):
    return ops.mod(x, y)


@op("Mod", "TruncateMod")
def truncate_mod(x, y):
    """The remainder with the sign of x, as in C."""
    if x.dtype.startswith("u"):
        return ops.mod(x, y)
    return ops.multiply(ops.sign(x), ops.mod(ops.abs(x), ops.abs(y)))


@op("Sign")
def sign(x):
    return ops.sign(x)


@op("Round", "Rint")
def round_(x):
    """Half to even, as numpy and Keras do."""
    return x if _is_integer(x) else ops.round(x)


@op("ClipByValue")
def clip(x, low, high):
    if low.rank == high.rank == 0:
        return ops.clip(x, low, high)
    return ops.minimum(ops.maximum(x, low), high)


@op("L2Loss")
def l2_loss(x):
    return ops.true_divide(ops.sum(ops.square(x)), 2)


def _is_integer(value):
    return value.dtype.startswith(("int", "uint"))
