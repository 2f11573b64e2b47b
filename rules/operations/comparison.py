"""Comparisons, logic and choice."""

from porter.rule import constant, is_size, op, ops, require, try_sizes_of_one

SIMPLE = {
    "Less": "less",
    "LessEqual": "less_equal",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "LogicalAnd": "logical_and",
    "LogicalOr": "logical_or",
    "LogicalNot": "logical_not",
    "IsNan": "isnan",
    "IsInf": "isinf",
    "IsFinite": "isfinite",
}


def _register(name, function):
    """`name` is `ops.<function>` of the same inputs."""

    @op(name)
    def _(*inputs):
        return getattr(ops, function)(*inputs)


for _name, _function in SIMPLE.items():
    _register(_name, _function)


@op("Equal")
def equal(x, y, *, incompatible_shape_error=True):
    _check_comparable(x, y, incompatible_shape_error)
    return ops.equal(x, y)


@op("NotEqual")
def not_equal(x, y, *, incompatible_shape_error=True):
    _check_comparable(x, y, incompatible_shape_error)
    return ops.not_equal(x, y)


def _check_comparable(x, y, incompatible_shape_error):
    require(x.dtype != "string", "strings have no place in a Keras model")
    require(incompatible_shape_error or _broadcastable(x, y), "shapes that may not fit each other")


def _broadcastable(x, y):
    if x.shape is None or y.shape is None:
        return False
    return all(a == b or 1 in (a, b) or None in (a, b) for a, b in zip(x.shape[::-1], y.shape[::-1], strict=False))


@op("ApproximateEqual")
def approximate_equal(x, y, *, tolerance=1e-5):
    return ops.less(ops.abs(ops.subtract(x, y)), tolerance)


@op("Select")
def select(condition, x, y, *, node):
    """A condition of one axis chooses whole entries along the first axis, whatever their shape."""
    require(condition.rank is not None, "the rank of the condition is not known")
    if condition.rank == 1:
        rank = next((value.rank for value in (x, y, node.out) if value.rank is not None), None)
        require(rank is not None, "the rank of what is chosen from is not known")
        if rank > 1:
            condition = ops.reshape(condition, (-1,) + (1,) * (rank - 1))
    return _where(condition, x, y, node)


@op("SelectV2")
def select_v2(condition, x, y, *, node):
    return _where(condition, x, y, node)


@op("Cond")
def conditional(predicate, if_true, if_false, *, node):
    """A `tf.cond` that data decides. Both sides are computed, and one is chosen."""
    require(predicate.node.op != "Knob", "what training does differs from inference in a way that has no rule")
    require(predicate.shape == (), "the predicate is not one bool")
    shapes = if_true.shape, if_false.shape
    if _tells_one(predicate) and _takes_a_shortcut(predicate):
        try_sizes_of_one(node)
        return if_false
    require(_alike(*shapes), f"the sides have the shapes {shapes[0]} and {shapes[1]}", node)
    probes = if_true.probe, if_false.probe
    same = None in probes or probes[0] == probes[1]
    require(same, "the sides have sizes that differ: neither is known, and they follow from different ones", node)
    return _where(predicate, if_true, if_false, node)


def _tells_one(predicate):
    """True for the question whether a size is 1."""
    if predicate.node.op != "ops.equal":
        return False
    numbers = [constant(value) for value in predicate.node.inputs]
    sizes = [value for value, number in zip(predicate.node.inputs, numbers, strict=True) if number is None]
    return len(sizes) == 1 and is_size(sizes[0]) and any(number is not None and number == 1 for number in numbers)


def _takes_a_shortcut(predicate):
    """True if what hangs on a size of 1 is the same computed in fewer steps, as far as the shapes of the sides tell."""
    conds = [user for user, _ in predicate.uses if user.op == "Cond"]
    shapes = [[side.shape for side in user.inputs[1:]] for user in conds]
    known = predicate.node.attrs.get("shortcut", False)  # from another output of the same tf.cond
    found = all(_is_shortcut(*each) for each in shapes) and (known or not all(_alike(*each) for each in shapes))
    predicate.node.attrs["shortcut"] = found
    return found


def _is_shortcut(shape, general):
    """True if a side gives what the other does, where a size of it that is not known is 1."""
    if shape is None or general is None or len(shape) != len(general):
        return False
    return all(a == b or (a == 1 and b is None) for a, b in zip(shape, general, strict=True))


def _alike(shape, other):
    """True if two shapes are one as far as they are known; a size of 1 and an unknown one could be two."""
    if shape is None or other is None or len(shape) != len(other):
        return False
    return all(a == b or (None in (a, b) and 1 not in (a, b)) for a, b in zip(shape, other, strict=True))


def _where(condition, x, y, node):
    """`ops.where`; two plain numbers have no type of their own, so the result gets it."""
    chosen = ops.where(condition, x, y)
    plain = all(value.node.op == "Const" and value.rank == 0 for value in (x, y))
    if plain and node.out.dtype not in ("float32", "int32", "bool"):
        return ops.cast(chosen, node.out.dtype)
    return chosen
