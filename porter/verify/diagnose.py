"""Why a layer is wrong: changes to it are tried out on the spot, until one makes it agree with the original.

Each suspicion is a way to compute the layer differently, and what to say if that gives the original's numbers. Those
that say something about how the layer is made come first (`other_arguments`), then its weights, then what its result
lacks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from porter.verify.compare import Tolerance, compare
from porter.verify.likeness import likeness
from porter.verify.other_arguments import ACTIVATIONS, SLOPES, of_arguments, of_call, of_operation, text
from porter.verify.suspect import Results, Suspect, Suspicion, Weights, variables, weight_name

AGREES = "It agrees if"
GATED = ("kernel", "recurrent_kernel", "bias")
MOST = 400  # suspicions that are tried
SECONDS = 40  # after which no more are, as where each runs a loop step by step


def diagnose(
    suspect: Suspect, index: int, want: np.ndarray, tolerance: Tolerance, *, numbers_only: bool = False
) -> str:
    """Which change makes output `index` agree with `want`, in words; what was tried in vain where none does.

    numbers_only: whether only the original's numbers are tried in the place of the weights.
    """
    tried, best, start = 0, None, time.monotonic()
    for suspicion in _of_sources(suspect) if numbers_only else _suspicions(suspect, index, want, tolerance):
        subject = suspicion.told.partition(" is ")[0]
        if best is not None and subject != best[1]:
            break  # of several values of one argument that will do, the nearest is told
        if tried == MOST or time.monotonic() - start > SECONDS:
            break
        tried += 1
        try:
            found = compare(suspicion.run()[index], want, tolerance)
        except Exception:  # a change that does not fit raises, and explains nothing
            continue
        if found.ok and found.decided and suspicion.given:
            return f"{AGREES} {suspicion.told}"
        if found.ok and found.decided and (best is None or found.error < best[0]):
            best = (found.error, subject, suspicion.told)
    if best is not None:
        return f"{AGREES} {best[2]}"
    return f"None of {tried} changes that were tried explains it" if tried else ""


def _suspicions(suspect: Suspect, index: int, want: np.ndarray, tolerance: Tolerance) -> Iterator[Suspicion]:
    if suspect.wanted:
        told = f"it is {suspect.wanted} instead of {suspect.kind}"
        yield Suspicion(told, partial(suspect.with_class, suspect.wanted))
    yield from _of_sources(suspect)  # what is known to be wrong
    yield from _as_certified(suspect)
    yield from _of_phase(suspect)
    yield from of_call(suspect)
    if suspect.config is not None:
        yield from of_arguments(suspect, index, want, tolerance)
        yield from _of_weights(suspect)
    else:
        yield from of_operation(suspect, index, want, tolerance)
    if suspect.got is not None:
        yield from _of_result(suspect.got, index, want)


def _of_phase(suspect: Suspect) -> Iterator[Suspicion]:
    if "training" in getattr(suspect.operation, "_call_context_args", ()):
        yield Suspicion("it is called with training=False", lambda: suspect.run(suspect.operation, training=False))
        if suspect.config is not None:
            moving = suspect.weights()
            yield Suspicion(
                "it takes the statistics of the batch (training=True)",
                lambda: suspect.run(_copy(suspect, moving), training=True),
            )


def _copy(suspect: Suspect, weights: Weights) -> Any:
    """A layer of its own, so that the suspect's moving averages stay."""
    twin = type(suspect.operation).from_config(suspect.config)
    suspect.run(twin)
    for variable in variables(twin):
        variable.assign(weights[weight_name(variable, twin)])
    return twin


# How the layer is made


def _as_certified(suspect: Suspect) -> Iterator[Suspicion]:
    """What the layer was made with when it was proved, where that is known."""
    if suspect.config is None or not suspect.certified:
        return
    made = {name: suspect.config.get(name) for name in suspect.certified}
    for name, value in suspect.certified.items():
        told = f"{name} is {text(value)} instead of {text(made[name])}"
        yield Suspicion(told, partial(suspect.with_config, **{name: value}))
    if len(made) > 1:
        told = ", ".join(f"{name} is {text(value)}" for name, value in suspect.certified.items())
        yield Suspicion(f"{told}, as it was certified", partial(suspect.with_config, **suspect.certified))


# What its weights are


def _of_sources(suspect: Suspect) -> Iterator[Suspicion]:
    """The original's numbers in the weights that hold others: by a change that has a name, in one of them, or in all."""
    names = suspect.unlike_sources()
    for change in _changes(suspect) if names else ():
        if suspect.restores(change.weights, names):
            yield Suspicion(change.told, partial(suspect.with_weights, change.weights))
    for name in names:
        told = f"{name} holds what it holds in the original{now(suspect, [name])}"
        yield Suspicion(told, partial(suspect.with_weights, {name: suspect.sources[name]}))
    if len(names) > 1:
        told = f"all its weights hold what they hold in the original{now(suspect, names)}"
        yield Suspicion(told, partial(suspect.with_weights, {name: suspect.sources[name] for name in names}))


def now(suspect: Suspect, names: Sequence[str]) -> str:
    """What weights hold instead of the original's numbers, as far as that has a name."""
    mine, gated = suspect.weights(), _gated(suspect.weights())
    told = []
    for name in names:
        other = suspect.belongs(mine[name])
        count = next((each.gates for each in gated if name in each.names), 1)
        seen = f"it holds what {other} should hold" if other else likeness(mine[name], suspect.sources[name], count)
        told += [seen if len(names) == 1 else f"{name}: {seen}"] if seen else []
    return f" (now {'; '.join(told)})" if told else ""


class _Change(NamedTuple):
    """Other numbers for some weights. told: what was wrong if these are right."""

    told: str
    weights: Weights


def _of_weights(suspect: Suspect) -> Iterator[Suspicion]:
    for change in _changes(suspect):
        yield Suspicion(change.told, partial(suspect.with_weights, change.weights))
    for name, array in suspect.weights().items():
        if name.rsplit("/", 1)[-1] in ("bias", "beta") and array.any():
            yield Suspicion(f"{name} is 0", partial(suspect.with_weights, {name: np.zeros_like(array)}))


def _changes(suspect: Suspect) -> Iterator[_Change]:
    """What is easily done wrong with weights, undone."""
    weights = suspect.weights()
    for one, other in (("gamma", "beta"), ("moving_mean", "moving_variance")):
        if one in weights and other in weights:
            yield _Change(f"{one} and {other} are swapped", {one: weights[other], other: weights[one]})
    for name, array in weights.items():
        if array.ndim >= 2:
            yield from _kernels(name, array)
    for gated in _gated(weights):
        yield from _gates(gated, weights)


def _kernels(name: str, array: np.ndarray) -> Iterator[_Change]:
    rank = array.ndim
    if array.shape[-1] == array.shape[-2]:
        yield _Change(f"{name} is transposed", {name: array.swapaxes(-1, -2)})
    if rank >= 4 and array.shape[0] == array.shape[1]:
        yield _Change(f"the rows and columns of {name} are swapped", {name: array.swapaxes(0, 1)})
    if rank >= 3:
        yield _Change(f"{name} is turned over in space", {name: np.flip(array, tuple(range(rank - 2)))})
    for axis in (-1, -2):
        yield _Change(f"axis {axis % rank} of {name} runs backwards", {name: np.flip(array, axis)})


class _Gated(NamedTuple):
    """The weights of one cell whose last axis holds the gates one after another, and how many gates these are."""

    gates: int
    names: list[str]


def _gated(weights: Weights) -> list[_Gated]:
    found = []
    for name, array in weights.items():
        prefix, _, last = name.rpartition("recurrent_kernel")
        if last or not name.endswith("recurrent_kernel") or array.ndim != 2:
            continue
        names = [f"{prefix}{each}" for each in GATED if f"{prefix}{each}" in weights]
        found.append(_Gated(max(array.shape[-1] // array.shape[0], 1), names))
    return [each for each in found if each.gates in (3, 4)]


def _gates(gated: _Gated, weights: Weights) -> Iterator[_Change]:
    """Another order of the gates, in all weights alike; a forget gate whose bias lacks the 1 that contrib adds."""
    count = gated.gates
    if any(weights[name].shape[-1] % count for name in gated.names):
        return
    parts = {name: np.split(weights[name], count, axis=-1) for name in gated.names}
    for order in list(permutations(range(count)))[1:]:
        changed = {name: np.concatenate([each[gate] for gate in order], axis=-1) for name, each in parts.items()}
        yield _Change(f"its gates stand in the order {order}", changed)
    for name, each in parts.items():
        if name.endswith("bias") and count == 4:
            for more in (1.0, -1.0):
                bias = np.concatenate([each[0], each[1] + each[1].dtype.type(more), *each[2:]], axis=-1)
                yield _Change(f"{more:+g} is added to the bias of the forget gate", {name: bias})


# What its result lacks


def _of_result(got: Results, index: int, want: np.ndarray) -> Iterator[Suspicion]:
    """Something done to the result, the right one being `want`."""
    import keras

    results = list(got)
    result = results[index]

    def done(told: str, change: Callable[[Any], Any]) -> Suspicion:
        return Suspicion(told, lambda: [*results[:index], np.asarray(change(result)), *results[index + 1 :]])

    if result.shape == want.shape and result.dtype.kind == "f" and want.dtype.kind == "f":
        for name in ACTIVATIONS[1:]:
            yield done(f"its result goes through the activation {name}", keras.activations.get(name))
        for slope in SLOPES:
            told = f"its result goes through leaky_relu with a slope of {slope}"
            yield done(told, partial(keras.ops.leaky_relu, negative_slope=slope))
        yield from _fitted(done, result, want)
    for perm in permutations(range(want.ndim)) if want.ndim <= 4 else ():
        if list(perm) != sorted(perm) and tuple(result.shape[axis] for axis in perm) == want.shape:
            yield done(f"its result is transposed by {perm}", partial(np.transpose, axes=perm))
    for axis in range(want.ndim):
        if result.shape == want.shape:
            yield done(f"axis {axis} of its result runs backwards", partial(np.flip, axis=axis))
    if result.size == want.size and result.shape != want.shape:
        yield done(f"its result is reshaped to {want.shape}", lambda x: x.reshape(want.shape))


def _fitted(done: Callable[..., Suspicion], result: np.ndarray, want: np.ndarray) -> Iterator[Suspicion]:
    """A factor or an offset, one for all or one for each channel, as the numbers themselves suggest."""
    if not np.isfinite(result).all() or not np.isfinite(want).all() or result.size < 8:
        return
    x, y = result.astype(np.float64), want.astype(np.float64)
    factor = float((x * y).sum() / ((x * x).sum() or 1.0))
    if factor and abs(factor - 1) > 1e-7:
        yield done(_factortext(factor, want), lambda x: x * np.float32(factor))
    if want.ndim < 2 or want.shape[-1] == want.size:
        return
    axes = tuple(range(want.ndim - 1))
    offset = (y - x).mean(axes)
    yield done("one number for each channel is added (a bias)", lambda x: (x + offset).astype(want.dtype))
    spread = x.std(axes)
    if (spread > 0).all() and x.shape[0] * np.prod(x.shape[1:-1]) > 2:
        gain = y.std(axes) / spread
        moved = y.mean(axes) - gain * x.mean(axes)
        told = "each channel is scaled and shifted (another gamma, beta, mean or variance)"
        yield done(told, lambda x: (x * gain + moved).astype(want.dtype))


def _factortext(factor: float, want: np.ndarray) -> str:
    """A factor in words; that between the two ways to estimate a deviation is named."""
    counts = {
        int(np.prod(want.shape[first:last])) for first in range(want.ndim) for last in range(first + 1, want.ndim + 1)
    }
    for count in sorted(counts - {1}):
        bessel = count / (count - 1)
        for power, told in ((0.5, "standard deviation"), (1.0, "variance")):
            for sign in (1, -1):
                if abs(factor - bessel ** (sign * power)) < 1e-6:
                    return f"the {told} is taken with ddof {0 if sign > 0 else 1} ({count} numbers)"
    return f"its result is times {factor:.7g}"
