"""The parts of a checkpoint without a graph: its variables, grouped by the scopes in their names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from porter.transplant.cells import backwards_of, cells_of_names
from porter.transplant.parts import KERNELS, Part, family_of, lone, squeezed, taken_apart

ROLES = {
    "kernel": "kernel", "weights": "kernel", "weight": "kernel", "w": "kernel", "filter": "kernel", "filters": "kernel",
    "matrix": "kernel", "bias": "bias", "biases": "bias", "b": "bias", "gamma": "gamma", "scale": "gamma",
    "beta": "beta", "offset": "beta", "g": "gamma", "moving_mean": "moving_mean", "mean": "moving_mean",
    "pop_mean": "moving_mean", "recurrent_kernel": "recurrent_kernel", "running_mean": "moving_mean",
    "population_mean": "moving_mean", "moving_var": "moving_variance", "running_var": "moving_variance",
    "running_variance": "moving_variance", "population_variance": "moving_variance", "pop_variance": "moving_variance",
    "moving_variance": "moving_variance", "variance": "moving_variance", "pop_var": "moving_variance",
    "embeddings": "embeddings", "embedding": "embeddings", "depthwise_weights": "depthwise_kernel",
    "depthwise_kernel": "depthwise_kernel", "pointwise_weights": "pointwise_kernel",
    "pointwise_kernel": "pointwise_kernel",
}  # fmt: skip
SHORTCUTS = {"shortcut", "skip", "proj", "projection", "downsample"}
# Moving averages that authors took of the moments themselves, in whose scope they stand; tensorpack's names for them.
OF_AVERAGES = re.compile(r"(?P<scope>.+)/(?P<kind>mean/EMA|variance/EMA|moments/Squeeze|moments/Squeeze_1)")
NO_WEIGHTS = re.compile(
    r"(^|/)(global_step|beta\d_power(_\d+)?|learning_rate|Adam(_\d+)?|Adagrad|Momentum|RMSProp(_\d+)?|Ftrl(_\d+)?|"
    r"ExponentialMovingAverage|local_step|biased)(/|$)"
)


def parts_of_names(
    shapes: dict[str, tuple[int, ...]], load: Callable[[str], np.ndarray]
) -> tuple[list[Part], list[str]]:
    """The parts that variables make up, in the order of their names' numbers, and the variables that are no weights."""
    scopes: dict[str, dict[str, str]] = {}
    ordered = sorted(shapes, key=natural)
    weights_of = [name for name in ordered if shapes[name] and not _is_no_weight(name, shapes)]
    left = sorted(shapes.keys() - set(weights_of), key=natural)
    found, used = cells_of_names(weights_of, load)
    pairs = _unnamed([name for name in weights_of if name not in used], shapes)
    for name in weights_of:
        if name in used:
            continue
        scope, role = pairs.get(name) or _split(name)
        scopes.setdefault(scope if role not in scopes.get(scope, {}) else name, {})[role] = name
    _gather(scopes)
    for scope, names in scopes.items():
        if "gamma" in names and "bias" in names and "kernel" not in names:
            names["beta"] = names.pop("bias")  # g and b
        weights, names = lone({role: load(name) for role, name in names.items()}, names)
        short = bool(set(re.split(r"[^a-z]+", scope.lower())) & SHORTCUTS)
        part = Part(scope, weights, names, family_of("", set(weights)), short=short)
        part.backwards = backwards_of(scope) if part.family == "recurrent" else None
        found += taken_apart(part)
    for order, part in enumerate(found):
        part.order = order
    if not any(part.short for part in found):
        for part in found:
            part.short = None
    _attach(found)
    return found, left


def _is_no_weight(name: str, shapes: dict[str, tuple[int, ...]]) -> bool:
    """Whether a variable is an optimizer's or a counter: by its name, or as what is kept of another, of its shape."""
    return bool(NO_WEIGHTS.search(name)) or shapes.get(name.rpartition("/")[0]) == shapes[name]


def _split(name: str) -> tuple[str, str]:
    """Scope and role of a variable; W_conv1 and b_conv1 make one part too, and softmax_w and softmax_b."""
    statistic = OF_AVERAGES.fullmatch(name)
    if statistic:
        later = statistic["kind"] in ("variance/EMA", "moments/Squeeze_1")
        return statistic["scope"], "moving_variance" if later else "moving_mean"
    scope, _, last = name.rpartition("/")
    if last.lower() in ROLES:
        return scope, ROLES[last.lower()]
    match = re.fullmatch(r"(?:(weights?|biases|bias|kernel)_?|([wb])(?:_|(?=\d)))(.*\d.*|.{3,})", last, re.IGNORECASE)
    if match:
        return f"{scope}/{match[3]}", ROLES[(match[1] or match[2]).lower()]
    match = re.fullmatch(r"(.{2,})_(weights?|biases|bias|kernel|[wb])", last, re.IGNORECASE)
    if match:
        return f"{scope}/{match[1]}", ROLES[match[2].lower()]
    return name, last


def _gather(scopes: dict[str, dict[str, str]]) -> None:
    """Put averages of moments to the scale and the offset in a scope around theirs: operations repeat a scope's name."""
    for scope in [scope for scope, names in scopes.items() if names.keys() == {"moving_mean", "moving_variance"}]:
        around = scope
        while "/" in around:
            around = around.rpartition("/")[0]
            held = scopes.get(around, {})
            if held.keys() & {"gamma", "beta"} and "moving_mean" not in held:
                held |= scopes.pop(scope)
                break


def _unnamed(names: list[str], shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[str, str]]:
    """Scope and role of the variables that nobody named, by name: the n-th kernel of a scope with its n-th bias.

    Nothing for a scope whose kernels and biases are not as many, or do not fit together in order.
    """
    scopes: dict[str, list[str]] = {}
    for name in names:
        if re.fullmatch(r"(.*/)?Variable(_\d+)?", name):
            scopes.setdefault(name.rpartition("/")[0], []).append(name)
    found: dict[str, tuple[str, str]] = {}
    for each in scopes.values():
        kernels, biases = ([name for name in each if (len(shapes[name]) > 1) == wide] for wide in (True, False))
        if [shapes[name][-1] for name in kernels] == [shapes[name][0] for name in biases]:
            found |= {name: (kernel, "bias") for kernel, name in zip(kernels, biases, strict=True)}
            found |= {name: (name, "kernel") for name in kernels}
    return found


def _attach(parts: list[Part]) -> None:
    """Norms whose scope lies in that of a kernel belong to it, as slim names them; or beside that of the only one."""
    kernels = {part.name: part.order for part in parts if part.family in KERNELS}
    beside: dict[str, list[Part]] = {}
    for part in parts:
        beside.setdefault(part.name.rpartition("/")[0], []).append(part)
    for part in parts:
        scope = part.name
        while part.family in ("norm", "scale") and "/" in scope:
            scope = scope.rpartition("/")[0]
            if scope in kernels:
                part.after = kernels[scope]
                break
        if part.family in ("norm", "scale") and part.after is None and "/" in part.name:
            both = beside[part.name.rpartition("/")[0]]
            found = [each.order for each in both if each.family in KERNELS]
            if len(both) == 2 and len(found) == 1:
                part.after = found[0]


def as_asked(parts: list[Part], targets: list[Part]) -> None:
    """Let kernels be of transposed convolutions where the model has these alone of that shape: no name tells them apart.

    parts: those of a bare checkpoint.
    """
    asked: dict[tuple[int, ...], set[str]] = {}
    for part in targets:
        if part.main == "kernel":
            asked.setdefault(squeezed(part.shape()), set()).add(part.family)
    for part in parts:
        if part.family == "kernel" and asked.get(squeezed(part.shape())) == {"transposed"}:
            part.family = "transposed"


def natural(name: str) -> list[Any]:
    """Sorts conv2d_10 behind conv2d_9, and conv2d before both."""
    return [
        [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", step)]
        for step in name.split("/")
    ]
