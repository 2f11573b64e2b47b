"""Arithmetic on the bits of integers."""

from porter.rule import constant, op, ops

PAIRWISE = {
    "BitwiseAnd": "bitwise_and",
    "BitwiseOr": "bitwise_or",
    "BitwiseXor": "bitwise_xor",
    "LeftShift": "left_shift",
    "RightShift": "right_shift",
}


def _register(name, function):
    """Keras takes two tensors here, no plain numbers, and the result has the shape of the first."""

    @op(name)
    def _(x, y, *, node):
        if constant(x) is not None:
            x = ops.add(ops.zeros_like(y), x)
        elif constant(y) is not None and y.rank == 0:
            y = ops.full_like(x, y)
        elif x.shape != node.out.shape:
            x = ops.add(x, ops.zeros_like(y))
        return getattr(ops, function)(x, y)


for _name, _function in PAIRWISE.items():
    _register(_name, _function)


@op("Invert")
def invert(x):
    return ops.bitwise_invert(x)
