"""Types."""

from porter.rule import op, ops, require

KNOWN = {
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "bfloat16", "float32", "float64",
}  # fmt: skip


@op("Cast")
def cast(x, *, node, Truncate=False):
    """Floats become integers by dropping what is behind the point, anything but 0 becomes True."""
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
