"""Ways to make a right model wrong, each with a name: what `porter verify --self-test` shows the proof to catch.

A mutation is made in the model as it is and undone afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import numpy as np

PERTURBED = np.float32(1.001)


class Mutation(NamedTuple):
    """title: what it does, of a layer. made: gives the change to a layer, or None where that has nothing to change.
    in_training: True for what shows in training alone.
    """

    title: str
    made: Callable[[Any], AbstractContextManager[None] | None]
    in_training: bool = False


@contextmanager
def attributes(layer: Any, **values: Any) -> Iterator[None]:
    """A layer with other attributes."""
    kept = {name: getattr(layer, name) for name in values}
    try:
        for name, value in values.items():
            setattr(layer, name, value)
        yield
    finally:
        for name, value in kept.items():
            setattr(layer, name, value)


@contextmanager
def arrays(*pairs: tuple[Any, np.ndarray]) -> Iterator[None]:
    """Weights with other numbers."""
    kept = [(weight, weight.numpy()) for weight, _ in pairs]
    try:
        for weight, array in pairs:
            weight.assign(array)
        yield
    finally:
        for weight, array in kept:
            weight.assign(array)


@contextmanager
def calling(layer: Any, call: Callable[..., Any]) -> Iterator[None]:
    """A layer or operation that does something else."""
    object.__setattr__(layer, "call", call)
    try:
        yield
    finally:
        object.__delattr__(layer, "call")


def _weight(layer: Any, name: str) -> Any | None:
    return next((weight for weight in getattr(layer, "weights", ()) if weight.path.rsplit("/", 1)[-1] == name), None)


def _epsilon(layer: Any) -> Any:
    epsilon = getattr(layer, "epsilon", None)
    return attributes(layer, epsilon=epsilon * 10) if isinstance(epsilon, float) and epsilon else None


def _swapped(one: str, other: str) -> Callable[[Any], Any]:
    def made(layer: Any) -> Any:
        first, second = _weight(layer, one), _weight(layer, other)
        return None if first is None or second is None else arrays((first, second.numpy()), (second, first.numpy()))

    return made


def _transposed(layer: Any) -> Any:
    for weight in getattr(layer, "weights", ()):
        if len(weight.shape) >= 2 and weight.shape[-1] == weight.shape[-2] and "kernel" in weight.path:
            return arrays((weight, weight.numpy().swapaxes(-1, -2)))
    return None


def _axis(layer: Any) -> Any:
    axis = getattr(layer, "axis", None)
    if isinstance(axis, (list, tuple)) and len(axis) == 1:
        axis = axis[0]
    if not isinstance(axis, int) or isinstance(axis, bool) or not _changes_by_axis(layer):
        return None
    other = 1 if axis != 1 else 2
    return attributes(layer, axis=type(layer.axis)([other]) if isinstance(layer.axis, (list, tuple)) else other)


def _changes_by_axis(layer: Any) -> bool:
    """Whether the layer's inputs have more than one axis besides the batch's."""
    node = layer._inbound_nodes[0] if layer._inbound_nodes else None
    tensors = node.arguments.keras_tensors if node is not None else []
    return bool(tensors) and len(tensors[0].shape) > 2 and "Batch" not in type(layer).__name__


def _padding(layer: Any) -> Any:
    other = {"same": "valid", "valid": "same"}.get(getattr(layer, "padding", None) or "")
    return attributes(layer, padding=other) if other and _is_larger_than_a_point(layer) else None


def _is_larger_than_a_point(layer: Any) -> bool:
    size = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None) or 1
    return np.max(size) > 1


def _strides(layer: Any) -> Any:
    strides = getattr(layer, "strides", None)
    if not isinstance(strides, tuple):
        return None
    return attributes(layer, strides=tuple(2 if stride == 1 else 1 for stride in strides))


def _groups(layer: Any) -> Any:
    groups = getattr(layer, "groups", None)
    if not isinstance(groups, int) or not hasattr(layer, "epsilon") or groups == -1:
        return None
    channels = layer.gamma.shape[0] if layer.gamma is not None else groups
    other = next((count for count in (1, 2, 4, 3, 8) if count != groups and channels % count == 0), None)
    return attributes(layer, groups=other) if other else None


def _dilation(layer: Any) -> Any:
    rate = getattr(layer, "dilation_rate", None)
    if not isinstance(rate, tuple) or not _is_larger_than_a_point(layer) or np.max(layer.strides) > 1:
        return None
    return attributes(layer, dilation_rate=tuple(2 if each == 1 else 1 for each in rate))


def _activation(layer: Any) -> Any:
    import keras

    activation = getattr(layer, "activation", None)
    if activation is not None and activation is not keras.activations.linear:
        return attributes(layer, activation=keras.activations.linear)
    names = ("ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax")
    return calling(layer, lambda x, *_, **__: x) if type(layer).__name__ in names else None


def _other_activation(layer: Any) -> Any:
    import keras

    activation = getattr(layer, "activation", None)
    if activation is None or activation is keras.activations.linear:
        return None
    other = keras.activations.elu if activation is not keras.activations.elu else keras.activations.selu
    return attributes(layer, activation=other)


def _slope(layer: Any) -> Any:
    slope = getattr(layer, "negative_slope", None)
    return attributes(layer, negative_slope=float(slope) * 2) if isinstance(slope, float) and slope else None


def _perturbed(layer: Any) -> Any:
    weights = [weight for weight in getattr(layer, "weights", ()) if str(weight.dtype) == "float32"]
    weights = [weight for weight in weights if np.any(weight.numpy())]
    return arrays((weights[0], weights[0].numpy() * PERTURBED)) if weights else None


def _momentum(layer: Any) -> Any:
    momentum = getattr(layer, "momentum", None)
    return attributes(layer, momentum=1 - (1 - momentum) * 2) if isinstance(momentum, float) and momentum < 1 else None


def _half(layer: Any) -> Any:
    import keras

    if not getattr(layer, "weights", ()) or layer.compute_dtype != "float32":
        return None
    return attributes(layer, dtype_policy=keras.dtype_policies.DTypePolicy("mixed_bfloat16"))


def _no_bias(layer: Any) -> Any:
    bias = _weight(layer, "bias")
    bias = _weight(layer, "beta") if bias is None else bias
    return None if bias is None else arrays((bias, np.zeros(bias.shape, np.float32)))


def _rate(layer: Any) -> Any:
    rate = getattr(layer, "rate", None)
    return attributes(layer, rate=rate / 2) if isinstance(rate, float) and rate else None


def _gates(layer: Any) -> Any:
    count = {"LSTM": 4, "GRU": 3}.get(type(layer).__name__, 0)
    kernel = _weight(layer, "kernel") if count else None
    if kernel is None:
        return None
    first, second, *rest = np.split(kernel.numpy(), count, axis=-1)
    return arrays((kernel, np.concatenate([second, first, *rest], axis=-1)))


def _operands(layer: Any) -> Any:
    if type(layer).__name__ not in ("Subtract", "TrueDivide", "Divide", "Power", "Matmul"):
        return None
    call = type(layer).call
    node = layer._inbound_nodes[0] if getattr(layer, "_inbound_nodes", None) else None
    if node is None or len(node.arguments.args) != 2:
        return None
    return calling(layer, lambda one, other: call(layer, other, one))


def _turned_over(layer: Any) -> Any:
    kernel = _weight(layer, "kernel")
    if kernel is None or len(kernel.shape) < 3 or max(kernel.shape[:-2]) == 1:
        return None
    return arrays((kernel, np.flip(kernel.numpy(), tuple(range(len(kernel.shape) - 2)))))


def _unlearnt(layer: Any) -> Any:
    mean, variance = _weight(layer, "moving_mean"), _weight(layer, "moving_variance")
    if mean is None or variance is None:
        return None
    return arrays((mean, np.zeros(mean.shape, np.float32)), (variance, np.ones(variance.shape, np.float32)))


MUTATIONS = (
    Mutation("epsilon × 10", _epsilon),
    Mutation("gamma and beta swapped", _swapped("gamma", "beta")),
    Mutation("moving mean and variance swapped", _swapped("moving_mean", "moving_variance")),
    Mutation("moving mean 0 and variance 1", _unlearnt),
    Mutation("kernel transposed", _transposed),
    Mutation("kernel turned over in space", _turned_over),
    Mutation("another axis", _axis),
    Mutation("padding same for valid, or valid for same", _padding),
    Mutation("other strides", _strides),
    Mutation("other dilation", _dilation),
    Mutation("other groups", _groups),
    Mutation("activation dropped", _activation),
    Mutation("another activation", _other_activation),
    Mutation("negative slope × 2", _slope),
    Mutation("one weight × 1.001", _perturbed),
    Mutation("bias or beta 0", _no_bias),
    Mutation("gates in another order", _gates),
    Mutation("operands swapped", _operands),
    Mutation("computed in bfloat16", _half),
    Mutation("another momentum", _momentum, in_training=True),
    Mutation("half the dropout rate", _rate, in_training=True),
)
