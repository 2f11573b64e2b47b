"""Layers for sums of products of a tensor and a weight. Nothing here is a rule."""

import re

from porter.rule import layers, require

EQUATION = re.compile("([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)")
LETTERS = "abcdefghijklmnopqrstuvwxy"  # for axes in the order in which they stand


def layer_of_sum(equation, shape, kernel_shape, kernel, bias, product):
    """The layer that sums the products of a tensor and a weight of these shapes. Raises `Miss` where Keras has none."""
    found = EQUATION.fullmatch(equation)
    require(found, "an equation of another kind", product)
    given, of_kernel, result = found.groups()
    require(all(len(set(each)) == len(each) for each in found.groups()), "a letter that occurs twice", product)
    require(given[0] == result[0] and given[0] not in of_kernel, "a sum over the batch", product)
    require(set(given) <= {*of_kernel, *result}, "a sum over an axis that the weight does not have", product)
    require(set(of_kernel) <= {*given, *result}, "a sum over the weight alone", product)
    require(set(of_kernel) & set(given), "nothing is summed", product)
    sizes = dict(zip(of_kernel, kernel_shape, strict=True))
    known = shape is not None and len(shape) == len(given)
    known = known and all(letter not in sizes or shape[at] == sizes[letter] for at, letter in enumerate(given))
    require(known, "sizes that are not known", product)
    all_sizes = {**dict(zip(given, shape, strict=True)), **sizes}
    axes, bias = _bias_axes(bias, result, all_sizes, product)
    if of_kernel == given[-1] + result[-1] and given[:-1] == result[:-1] and axes in ("", result[-1]):
        return layers.Dense(sizes[result[-1]], use_bias=bias is not None).bind(kernel=kernel, bias=bias)
    shape = tuple(all_sizes[letter] for letter in result[1:])
    some = {} if bias is None else {"bias_axes": axes}
    return layers.EinsumDense(equation, shape, **some).bind(kernel=kernel, bias=bias)


def _bias_axes(bias, result, sizes, product):
    """The letters of a bias, and the bias in the shape that Keras gives it: ones where it is the same all over."""
    if bias is None:
        return "", None
    shape = bias.value.shape
    require(0 < len(shape) <= len(result), f"a bias of shape {shape}", product)
    own = dict(zip(result[len(result) - len(shape) :], shape, strict=True))
    axes = "".join(letter for letter, size in own.items() if size != 1 or sizes.get(letter) == 1)
    require(axes and all(sizes.get(letter) == own[letter] for letter in axes), f"a bias of shape {shape}", product)
    kept = tuple(own[letter] for letter in result[result.index(axes[0]) :])
    return axes, bias if kept == tuple(shape) else bias.reshape(kept)
