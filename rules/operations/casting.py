"""Types."""

from porter.rule import op, ops, require
from porter.rules.operations.complex_parts import complex_number, parts

KNOWN = {
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "bfloat16", "float32", "float64",
}  # fmt: skip


@op("Cast")
def cast(x, *, node, Truncate=False):
    """Floats become integers by dropping what is behind the point, anything but 0 becomes True."""
    if node.out.dtype == "complex64" and x.dtype in KNOWN:
        real = x if x.dtype == "float32" else ops.cast(x, "float32")
        return complex_number(real, ops.zeros_like(real))
    if x.dtype == "complex64" and node.out.dtype in KNOWN:
        return ops.cast(parts(x)[0], node.out.dtype)
    for dtype in (x.dtype, node.out.dtype):
        require(dtype in KNOWN, f"Keras models hold no {dtype}")
    require(not Truncate, "a cast that truncates the mantissa")
    return ops.cast(x, node.out.dtype)


@op("ZerosLike")
def zeros_like(x):
    return ops.zeros_like(x)


@op("OnesLike")
def ones_like(x):
    return ops.ones_like(x)
