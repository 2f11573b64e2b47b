"""Functions of mathematics that Keras lacks or names differently, bits, and random choices."""

import numpy as np

from porter.rule import constant, op, ops, porter_layers, refuse, require, warn


@op("Erfinv")
def erfinv(x):
    return ops.erfinv(x)


@op("Ndtri")
def ndtri(x):
    """The inverse of the normal distribution function."""
    return ops.multiply(ops.erfinv(ops.subtract(ops.multiply(x, 2.0), 1.0)), float(np.sqrt(2)))


@op("Lgamma")
def log_gamma(x):
    return _in_single(porter_layers.LogGamma(), x)


@op("Digamma")
def digamma(x):
    return _in_single(porter_layers.Digamma(), x)


@op("BesselI0e")
def scaled_bessel_0(x):
    return _in_single(porter_layers.ScaledBessel(0), x)


@op("BesselI1e")
def scaled_bessel_1(x):
    return _in_single(porter_layers.ScaledBessel(1), x)


@op("BesselI0")
def bessel_0(x):
    return _in_single(porter_layers.ScaledBessel(0, scaled=False), x)


@op("BesselI1")
def bessel_1(x):
    return _in_single(porter_layers.ScaledBessel(1, scaled=False), x)


def _in_single(layer, x):
    """A function whose approximation is as good as float32; of fewer bits by way of it."""
    require(x.dtype != "float64", f"the approximation is as good as float32, not as {x.dtype}", x)
    return layer(x) if x.dtype == "float32" else ops.cast(layer(ops.cast(x, "float32")), x.dtype)


refuse(
    "Igamma", "Igammac", "IgammaGradA", "Betainc", "Zeta", "Polygamma",
    reason="keras.ops has no such function, and a series good to float32 has not been written",
)  # fmt: skip


@op("Bitcast")
def bitcast(x, *, node):
    """The same bits as another type of the same width."""
    widths = [np.dtype(value.dtype).itemsize for value in (x, node.out)]
    require(widths[0] == widths[1], f"{x.dtype} and {node.out.dtype} have not as many bits as each other", x)
    strange = {"uint16", "uint32", "int64", "uint64", "float64", "complex64", "complex128"} & {x.dtype, node.out.dtype}
    require(not strange, f"{', '.join(sorted(strange))}, which not every backend has", x)
    if x.rank and x.shape[-1] is None:  # keras.ops.view asks for the size of the last axis as it traces
        return ops.squeeze(ops.view(ops.expand_dims(x, -1), dtype=node.out.dtype), -1)
    return ops.view(x, dtype=node.out.dtype)


@op("Multinomial")
def multinomial(x, count, *, node):
    samples = constant(count)
    require(samples is not None, "the number of samples is known only when the model runs", count)
    warn("the model draws random numbers, others than TensorFlow's")
    return porter_layers.CategoricalSample(int(samples), index_dtype=node.out.dtype)(x)


@op("RandomShuffle")
def random_shuffle(x):
    warn("the model draws random numbers, others than TensorFlow's")
    return porter_layers.RandomShuffle()(x)
