"""Whether an activation is a layer or a plain operation."""

from porter.rule import layers, ops


def activation(x, name, **arguments):
    """`layers.Activation(name)` behind a layer, `ops.<name>` in the middle of arithmetic.

    Layers would turn other floats than float32 into float32, so those are ops too.
    """
    if x.node.op.startswith("layers.") and x.dtype == "float32" and not arguments:
        return layers.Activation(name)(x)
    return getattr(ops, name)(x, **arguments)
