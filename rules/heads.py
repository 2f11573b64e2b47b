"""Layers for attention with several heads, out of the weights that formulas bound. Nothing here is a rule."""

from porter.rule import constant, layers, porter_layers, require

EXACT = 1e-5  # how near a scale is to 1 / sqrt(size); people computed it in 32 bits, in several ways


def rate_of(dropped):
    """The rate at which weights are dropped. Raises `Miss` for a mask that several share."""
    if dropped is None:
        return 0.0
    for name in ("args", "kwargs", "weights", "rule"):
        dropped.get(name)
    (rate, *rest), kwargs = dropped["config"]
    require(not rest and set(kwargs) <= {"name"}, "a mask for dropout that several share", dropped)
    return rate


def is_causal_bias(added):
    """True for (1 - triangle of ones) times a large negative number: each step sees itself and what came before."""
    if added.node.op != "Mul":
        return False
    for rest, large in (added.node.inputs, added.node.inputs[::-1]):
        if rest.node.op != "Sub" or not _is_number(large, lambda number: number <= -1e8):
            continue
        one, flag = rest.node.inputs
        while flag.node.op in ("Cast", "ExpandDims", "Reshape"):
            flag = flag.node.inputs[0]
        ends = [flag.node.attrs.get(name) for name in ("num_lower", "num_upper")]
        if _is_number(one, lambda number: number == 1) and flag.node.op == "MatrixBandPart" and ends == [-1, 0]:
            return _is_ones(flag.node.inputs[0])
    return False


def _is_number(value, fits):
    array = constant(value)
    return array is not None and array.size == 1 and fits(array.reshape(-1)[0])


def _is_ones(value):
    """True for a tensor that is filled with ones, or with True."""
    if value.node.op == "OnesLike":
        return True
    filled = value.node.inputs[-1] if value.node.op == "Fill" else value
    array = constant(filled)
    return array is not None and bool((array == 1).all())


def layer_of(heads, size, others, kernels, biases, kernel, bias, rate, added, visible, causal=False):
    """The layer, to be called on what asks and on what is looked at. causal: a step sees itself and what came before."""
    require(len({each is None for each in (*biases, bias)}) == 1, "some products have a bias, some have none")
    fits = others == size or rate or added is not None
    require(fits, f"values are {others} wide, keys {size}: on JAX, Keras' layer takes none but equal ones")
    units = kernel.value.shape[-1]
    some = {"value_dim": others} if others != size else {}
    some |= {"dropout": rate} if rate else {}
    some |= {} if bias is not None else {"use_bias": False}
    given = {"use_causal_mask": True} if causal else {}
    if visible is not None and not given:
        given = {"attention_mask": visible}
    weights = {"output_dense__kernel": kernel.reshape((heads, others, units)), "output_dense__bias": bias}
    for name, width, ref, inner in zip(("query", "key", "value"), (size, size, others), kernels, biases, strict=True):
        weights[f"{name}_dense__kernel"] = ref.reshape((ref.value.shape[0], heads, width))
        weights[f"{name}_dense__bias"] = None if inner is None else inner.reshape((heads, width))

    def call(x, y):
        if units != x.shape[-1]:
            some["output_shape"] = units
        if added is not None:
            return porter_layers.BiasedMultiHeadAttention(heads, size, **some).bind(**weights)(x, y, added)
        own = {f"_{name}": ref for name, ref in weights.items()}
        return layers.MultiHeadAttention(heads, size, **some).bind(**own)(x, y, **given)

    return call
