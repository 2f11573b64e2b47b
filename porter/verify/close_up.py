"""Layers once more, on numbers on which what they are made with decides.

On ordinary numbers two epsilons of 1e-6 and 1e-5 give the same within any tolerance; where a channel hardly varies, as
behind a ReLU that is mostly closed, they don't. So what the epsilon is added to is made as small: the layer's input, or
the moving variance. And numbers that stay below 6 do not show whether a ReLU ends there: its input is made larger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from porter.verify.compare import Tolerance
from porter.verify.layers import LayerOutcome, Layers
from porter.verify.numbers_in import numbers_in
from porter.verify.placing import Placed
from porter.verify.reference import Reference
from porter.verify.steps import read
from porter.verify.tensors import Tensors
from porter.verify.weights import find_weight

LARGEST = 1e-2  # a number that is added is taken for an epsilon up to here
SMALLEST = {"float32": 1e-18, "float64": 1e-100, "float16": 1e-3}  # whose square is still a normal number, or nearly
VARIANCE = "moving_variance"
FAR = 8.0  # beyond the bounds of the activations that have some
BOUNDED = ("ReLU", "LeakyReLU", "Relu", "Relu6", "LeakyRelu", "Clip", "Minimum", "Maximum", "HardSigmoid", "HardTanh")
BOUNDS = ("max_value", "x_min", "x_max")  # what layers and operations call theirs
BOUNDED_ACTIVATIONS = ("relu", "relu6", "leaky_relu", "hard_sigmoid", "hard_tanh", "hard_silu", "legacy_hard_sigmoid")


def close_up(
    layers: Layers, tolerance: Tolerance, placed: Placed, tensors: Tensors, samples: int
) -> LayerOutcome | None:
    """How a layer does where its epsilon or its bounds decide, if it does wrong there; None where it agrees."""
    epsilon = _epsilon(placed)
    for moved, held, told in (*(_smaller(placed, tensors, epsilon) if epsilon else ()), *_larger(placed, tensors)):
        layers.held = held
        try:
            outcome = layers.judge(placed, moved, tolerance, samples)
        finally:
            layers.held = {}
        if outcome.status == "differs":
            outcome.why += f" ({told})"
            if outcome.suspect is not None:
                runs, *rest = outcome.suspect
                outcome.suspect = ([(each, partial(_holding, layers, held, run)) for each, run in runs], *rest)
            return outcome
    return None


def _holding(layers: Layers, held: Any, run: Any, *args: Any, **kwargs: Any) -> Any:
    layers.held = held
    try:
        return run(*args, **kwargs)
    finally:
        layers.held = {}


def _epsilon(placed: Placed) -> float:
    """A layer's epsilon, or the small number that an operation adds; 0.0 where there is none."""
    import keras

    known = getattr(placed.operation, "epsilon", None)
    numbers = [known] if isinstance(known, float) else keras.tree.flatten(placed.node.arguments.args)
    small = [number for number in numbers if isinstance(number, float) and 0 < number <= LARGEST]
    return small[0] if len(small) == 1 else 0.0


Moved = tuple[Tensors, Mapping[int, Any], str]  # tensors, the weights that the layer holds with them by row, in words


def _smaller(placed: Placed, tensors: Tensors, epsilon: float) -> Iterator[Moved]:
    """The original's tensors where the epsilon decides."""
    variance = find_weight(placed.operation, VARIANCE) if getattr(placed.operation, "weights", None) else None
    sources = [source for source in placed.row.get("inputs", ()) if source]
    outputs = [source for source in placed.row.get("outputs", ()) if source]
    if variance is not None:
        small = (epsilon * np.linspace(0.5, 2.0, variance.shape[0])).astype(np.float32)
        given = _in_the_original((placed.row.get("weights") or {}).get(VARIANCE), small, tensors.reference)
        moved = tensors.moved(given, sources, outputs) if given else None
        if moved is not None:
            yield moved, {placed.number: {VARIANCE: small}}, "with moving variances as small as its epsilon"
        return
    tensor, spread = _input(placed, tensors)
    for target in (epsilon**0.5, epsilon):  # what is added to a variance, and what is added to a sum
        if spread > target >= SMALLEST.get(str(tensors.raw[tensor].dtype), np.inf):
            moved = _scaled(tensors, tensor, target / spread, outputs)
            if moved is not None:
                yield moved, {}, "with inputs as small as its epsilon"


def _larger(placed: Placed, tensors: Tensors) -> Iterator[Moved]:
    """The original's tensors where the bounds of a layer decide, if it may have some."""
    import keras

    activation = getattr(getattr(placed.operation, "activation", None), "__name__", "")
    if type(placed.operation).__name__ not in BOUNDED and activation not in BOUNDED_ACTIVATIONS:
        return
    tensor, spread = _input(placed, tensors)
    made = [getattr(placed.operation, name, None) for name in BOUNDS]
    given = [*made, *keras.tree.flatten(placed.node.arguments.args), *numbers_in(tensors.reference, placed.row)]
    target = 2 * max([abs(each) for each in given if isinstance(each, (int, float)) and abs(each) < 1e6], default=0)
    target = max(target, FAR)
    if 0 < spread < target:
        outputs = [source for source in placed.row.get("outputs", ()) if source]
        moved = _scaled(tensors, tensor, target / spread, outputs)
        if moved is not None:
            yield moved, {}, "with larger inputs"


def _input(placed: Placed, tensors: Tensors) -> tuple[str, float]:
    """The original's tensor that a call takes, and how far its numbers spread; 0.0 where there is not just one."""
    sources = [source for source in placed.row.get("inputs", ()) if source]
    tensor = read(sources[0])[0] if len(sources) == 1 else ""
    if tensor not in tensors.raw:
        return "", 0.0
    array = tensors.raw[tensor]
    spread = float(np.std(array.astype(np.float64))) if array.dtype.kind == "f" and array.size else 0.0
    return tensor, spread if np.isfinite(spread) else 0.0


def _scaled(tensors: Tensors, tensor: str, factor: float, outputs: Sequence[str]) -> Tensors | None:
    """The tensors with one multiplied by the power of two next to `factor`, which rounds nothing."""
    array = tensors.raw[tensor]
    return tensors.moved({tensor: array * array.dtype.type(2.0 ** round(np.log2(factor)))}, (), outputs)


def _in_the_original(source: Any, array: np.ndarray, reference: Reference) -> dict[str, np.ndarray]:
    """The original's tensor of which the report says that a weight is made, holding `array`; nothing where it is changed
    on the way."""
    tensor, steps = read(source) if isinstance(source, str) and " + " not in source else ("", [])
    nodes = {variable.name: node for node, variable in reference.original.variables.items()}
    tensor = tensor if tensor in reference.nodes else nodes.get(tensor, tensor)
    if not tensor or not reference.has(tensor) or not all(step.startswith("reshaped") for step in steps):
        return {}
    shape = reference.tensor(tensor).shape.as_list()
    return {tensor: array.reshape(shape)} if np.prod(shape) == array.size else {}
