"""Complex tensors as pairs: how one is made of its two parts, and taken apart again."""

from porter.rule import constant, many, ops, porter_layers


def complex_number(real, imaginary):
    """The complex tensor of two real ones."""
    known = [constant(part) is not None for part in (real, imaginary)]
    if known[0] != known[1]:  # layers take tensors, no numbers
        tensor = imaginary if known[0] else real
        pairs = zip((real, imaginary), known, strict=True)
        real, imaginary = (ops.add(ops.zeros_like(tensor), p) if k else p for p, k in pairs)
    return porter_layers.ComplexNumber()(real, imaginary)


def parts(z):
    """The real and the imaginary part of a complex tensor."""
    if z.node.op == "porter_layers.ComplexNumber":
        return tuple(z.node.inputs) if len(z.node.inputs) == 2 else (z.node.inputs[0],) * 2
    return many(porter_layers.RealAndImaginary()(z), 2)
