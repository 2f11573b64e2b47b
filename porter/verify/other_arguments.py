"""What a layer, or an operation, could have been made or called with instead.

Numbers that stand in the original's own nodes come first, then what is often confused; numbers that are neither are
searched for, along the slope of the result.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import partial
from itertools import combinations, permutations
from textwrap import dedent
from typing import Any

import numpy as np

from porter.verify.compare import Tolerance, compare
from porter.verify.suspect import Results, Suspect, Suspicion, nested

EPSILONS = (0.0, 1e-3, 1e-5, 1.001e-5, 1e-6, 1e-7, 1e-8, 1e-12)
ACTIVATIONS = (
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "hard_sigmoid", "tanh", "softmax", "softplus",
    "softsign", "silu", "gelu", "exponential",
)  # fmt: skip
SLOPES = (0.01, 0.1, 0.2, 0.3)
GROUPS = (1, 2, 3, 4, 8, 16, 32, -1)
GATES = {"LSTM": 4, "LSTMCell": 4, "GRU": 3, "GRUCell": 3}
LEFT = ("kernel_size", "name", "seed", "class_name", "registered_name")  # arguments that are not tried
STEPS = 12  # of the search for a number
MOST_INPUTS = 4  # up to which all orders of what an operation puts together are tried, beyond that two change places


def of_arguments(suspect: Suspect, index: int, want: np.ndarray, tolerance: Tolerance) -> Iterator[Suspicion]:
    """Other arguments of a layer, or of the layers inside it, one at a time."""
    config, sources = suspect.config or {}, suspect.sources
    for name, key in (("use_bias", "bias"), ("center", "beta"), ("scale", "gamma")):
        if config.get(name) is False and key in sources:
            yield Suspicion(f"it has the original's {key}", partial(suspect.with_source, name, key))
    searched: list[tuple[str, float, Callable[[Any], Results]]] = []
    for path, kind, inner in nested(config, suspect.kind):
        for name, value in inner.items():
            remade: Callable[[Any], Results] = partial(suspect.with_argument, (*path, name))
            said = " of ".join([name, *(f"its {each}" for each in reversed(path) if isinstance(each, str))])
            for other in _others(name, value, kind, want, suspect):
                if other != value:
                    told = f"{said} is {text(other)} instead of {text(value)}"
                    given = isinstance(value, float) and other in suspect.numbers
                    yield Suspicion(told, partial(remade, other), given)
            if isinstance(value, float):
                searched.append((said, value, remade))
    for said, value, remade in searched:
        yield from _searched(said, value, remade, index, want, tolerance)


def of_operation(suspect: Suspect, index: int, want: np.ndarray, tolerance: Tolerance) -> Iterator[Suspicion]:
    """Other attributes of an operation, other numbers among what it takes, its operands in another order."""
    operation = suspect.operation
    searched: list[tuple[str, float, Callable[[Any], Results]]] = []
    for name, value in vars(operation).items():
        if name.startswith("_") or name == "name":
            continue
        if isinstance(value, (int, float)) and not isinstance(value, bool) and name not in ("axis", "axes"):
            searched.append((name, value, partial(_made_with, suspect, name)))
            continue
        values = _axes(want.ndim, value) if name in ("axis", "axes") else [not value] if isinstance(value, bool) else []
        for other in values:
            if other != value:
                told = f"{name} is {text(other)} instead of {text(value)}"
                yield Suspicion(told, partial(_made_with, suspect, name, other))
    yield from _in_other_orders(suspect)
    for place, value in enumerate(suspect.node.arguments.args if suspect.node is not None else ()):
        for other in _other_places(value) if isinstance(value, tuple) else ():
            yield Suspicion(
                f"it takes {_index(other)} instead of {_index(value)}", partial(_given, suspect, place, other)
            )
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            searched.append(("its number", value, partial(_given, suspect, place)))
    for said, value, run in searched:
        for other in suspect.numbers:
            if other != value:
                yield Suspicion(f"{said} is {text(other)} instead of {text(value)}", partial(run, other), True)
        yield from _searched(said, value, run, index, want, tolerance)


def of_call(suspect: Suspect) -> Iterator[Suspicion]:
    """What a layer can be called with, or without, as a causal mask."""
    call = getattr(suspect.operation, "call", None)
    if suspect.config is None or call is None:
        return
    given = suspect.node.arguments.kwargs if suspect.node is not None else {}
    for name, parameter in inspect.signature(call).parameters.items():
        now = given.get(name, parameter.default)
        if isinstance(now, bool) and not name.startswith(("training", "return_")):
            told = f"it is called with {name}={not now}"
            yield Suspicion(told, partial(suspect.run, suspect.operation, **{name: not now}))


def _others(name: str, now: Any, kind: str, want: np.ndarray, suspect: Suspect) -> list[Any]:
    """Other values for one argument."""
    if name in LEFT or now is None and name != "max_value":
        return []
    if name == "epsilon":
        return [*suspect.numbers, now * 10, now / 10, *EPSILONS]
    if name in ("activation", "recurrent_activation"):
        return [] if isinstance(now, Mapping) else list(ACTIVATIONS)
    if name == "padding" and isinstance(now, str):
        return ["same", "valid"]
    if name in ("strides", "dilation_rate", "pool_size"):
        size = len(now) if isinstance(now, (list, tuple)) else 1
        return [(value,) * size for value in (1, 2, 3, 4)]
    if name == "dtype":
        return ["float32"]
    if name == "groups":
        return list(GROUPS)
    if name == "data_format":
        return ["channels_last", "channels_first"]
    if name in ("axis", "axes"):
        return _axes(want.ndim, now)
    if name == "interpolation":
        return ["nearest", "bilinear", "bicubic"]
    if name in ("negative_slope", "alpha"):
        return [*suspect.numbers, *SLOPES]
    if name == "rate":
        return [*suspect.numbers, round(1 - now, 6), *(round(step / 20, 2) for step in range(20))]
    if name == "max_value":
        return [None, 1.0, 6.0]
    if isinstance(now, bool):
        return [] if name.startswith(("use_bias", "center", "scale")) or (now and name == "trainable") else [not now]
    if isinstance(now, str):
        return _words(suspect.operation, now)
    if isinstance(now, int) and kind not in GATES:
        return [value for value in (now - 1, now + 1, now // 2, 2 * now) if value > 0]
    if isinstance(now, float) and (kind not in GATES or "dropout" in name):
        return [*suspect.numbers, 0.0, 1.0, now * 10, now / 10, -now, *([1 / now] if now else [])]
    return []


def _axes(rank: int, now: Any) -> list[Any]:
    """Other axes: each alone, and runs of several. That of the samples comes last."""
    single = [-1, *range(1, rank), 0]
    spans = [tuple(range(first, last)) for first in range(rank) for last in range(first + 2, rank + 1)]
    spans.sort(key=lambda span: span[0] == 0)
    return [*single, *spans, None] if not isinstance(now, (list, tuple)) else [*spans, *((axis,) for axis in single)]


def _words(operation: Any, now: str) -> list[str]:
    """The words that the source of a layer's own class names: what else one of its arguments may be."""
    if type(operation).__module__.startswith("keras."):
        return []
    try:
        tree = ast.parse(dedent(inspect.getsource(type(operation))))
    except (OSError, TypeError, SyntaxError):
        return []
    found = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return sorted(word for word in found - {now} if word.replace("-", "_").isidentifier())


def _in_other_orders(suspect: Suspect) -> Iterator[Suspicion]:
    """What an operation takes, in another order: two operands, or a list of tensors that it puts together."""
    args = suspect.node.arguments.args if suspect.node is not None else ()
    if args and isinstance(args[0], (list, tuple)):
        count = len(args[0])
        orders = list(permutations(range(count)))[1:] if count <= MOST_INPUTS else _exchanges(count)
        for order in orders:
            yield Suspicion(
                f"its inputs stand in the order {order}", partial(suspect.run, _Ordered(suspect.operation, order))
            )
    else:
        yield Suspicion("its two operands are swapped", lambda: suspect.run(_Swapped(suspect.operation)))


def _other_places(key: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Other indices of one item, as the last in the place of the first."""
    for place, now in enumerate(key):
        for other in (-1, 0, 1, now - 1, now + 1) if isinstance(now, int) and not isinstance(now, bool) else ():
            if other != now:
                yield (*key[:place], other, *key[place + 1 :])


def _index(key: tuple[Any, ...]) -> str:
    """An index as it is written: [:, -1]."""

    def said(part: Any) -> str:
        if not isinstance(part, slice):
            return "..." if part is Ellipsis else str(part)
        ends = ["" if end is None else str(end) for end in (part.start, part.stop)]
        return ":".join(ends if part.step is None else [*ends, str(part.step)])

    return f"[{', '.join(map(said, key))}]"


def _exchanges(count: int) -> Iterator[tuple[int, ...]]:
    for one, other in combinations(range(count), 2):
        order = list(range(count))
        order[one], order[other] = other, one
        yield tuple(order)


def _searched(
    said: str, now: float, run: Callable[[Any], Results], index: int, want: np.ndarray, tolerance: Tolerance
) -> Iterator[Suspicion]:
    """The number with which the result agrees, found by Newton's steps of least squares; nothing where there is none."""
    if want.dtype.kind != "f" or not np.isfinite(want).all():
        return
    exact = want.astype(np.float64)

    def off(value: float) -> np.ndarray:
        return np.asarray(run(value)[index]).astype(np.float64) - exact

    try:
        value, size = float(now), max(abs(now) * 1e-2, 1e-3)
        here = off(value)
        for _ in range(STEPS):
            if here.shape != exact.shape or not np.isfinite(here).all():
                return
            slope = (off(value + size) - here) / size
            steepness = float((slope * slope).sum())
            if not steepness:
                return
            step = -float((slope * here).sum()) / steepness
            value, size = value + step, max(abs(step) / 10, abs(value) * 1e-4, 1e-7)
            here = off(value)
            if compare((here + exact).astype(want.dtype), want, tolerance).ok:
                break
        else:
            return
        for digits in range(1, 9):
            short = float(f"{value:.{digits}g}")
            if compare((off(short) + exact).astype(want.dtype), want, tolerance).ok:
                yield Suspicion(f"{said} is {text(short)} instead of {text(now)}", partial(run, short))
                return
    except Exception:  # a number that does not fit raises, and explains nothing
        return


def _made_with(suspect: Suspect, name: str, value: Any) -> Results:
    return suspect.run(_with(suspect.operation, name, value))


def _given(suspect: Suspect, place: int, value: Any) -> Results:
    return suspect.run(_Given(suspect.operation, place, value))


def _with(operation: Any, name: str, value: Any) -> Any:
    twin = copy(operation)
    object.__setattr__(twin, name, value)
    return twin


class _Given:
    """An operation that is given another number at one place."""

    def __init__(self, operation: Any, place: int, value: Any) -> None:
        self.operation, self.place, self.value = operation, place, value

    def __call__(self, *args: Any, **arguments: Any) -> Any:
        return self.operation(*args[: self.place], self.value, *args[self.place + 1 :], **arguments)


class _Ordered:
    """An operation that is given its list of tensors in another order."""

    def __init__(self, operation: Any, order: tuple[int, ...]) -> None:
        self.operation, self.order = operation, order

    def __call__(self, tensors: Any, *rest: Any, **arguments: Any) -> Any:
        return self.operation([tensors[place] for place in self.order], *rest, **arguments)


class _Swapped:
    """An operation whose first two operands have changed places."""

    def __init__(self, operation: Any) -> None:
        self.operation = operation

    def __call__(self, one: Any, other: Any, *rest: Any, **arguments: Any) -> Any:
        return self.operation(other, one, *rest, **arguments)


def text(value: Any) -> str:
    """A value as it is told."""
    return f"{value:.8g}" if isinstance(value, float) else repr(value) if isinstance(value, str) else str(value)
