"""How a slice is written down. Holds no rules."""

from porter.rule import call

UNCOMPILED = "makes sizes that depend on the data: JAX runs this model without compiling it"


def getitem(x, *slices):
    """x[slices]; trailing slices that take everything are left out, unless they say which axis another is."""
    slices = list(slices)
    if Ellipsis in slices:  # a second one takes nothing, as TensorFlow has it
        first = slices.index(Ellipsis)
        slices = [item for place, item in enumerate(slices) if item is not Ellipsis or place == first]
    if slices == [Ellipsis]:
        return x
    while slices and slices[-1] == slice(None) and Ellipsis not in slices:
        slices.pop()
    if len(slices) == 1 and not isinstance(slices[0], int):
        slices.append(Ellipsis)  # alone, Keras takes nothing but a number
    return call("ops.getitem", x, tuple(slices)) if slices else x
