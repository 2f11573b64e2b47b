"""The parts of a checkpoint without a graph: its variables, grouped by the scopes in their names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from porter.transplant.parts import KERNELS, Part, family_of, lone, squeezed

ROLES = {
    "kernel": "kernel", "weights": "kernel", "weight": "kernel", "w": "kernel", "filter": "kernel", "filters": "kernel",
    "matrix": "kernel", "bias": "bias", "biases": "bias", "b": "bias", "gamma": "gamma", "scale": "gamma", "beta": "beta",
    "offset": "beta", "g": "gamma", "moving_mean": "moving_mean", "mean": "moving_mean", "pop_mean": "moving_mean",
    "moving_variance": "moving_variance", "variance": "moving_variance", "pop_var": "moving_variance",
    "embeddings": "embeddings", "embedding": "embeddings", "depthwise_weights": "kernel",
    "depthwise_kernel": "kernel", "pointwise_weights": "pointwise_kernel", "pointwise_kernel": "pointwise_kernel",
}  # fmt: skip
DEPTHWISE = ("depthwise_weights", "depthwise_kernel")
SHORTCUTS = {"shortcut", "skip", "proj", "projection", "downsample"}
NO_WEIGHTS = re.compile(
    r"(^|/)(global_step|beta\d_power(_\d+)?|learning_rate|Adam(_\d+)?|Adagrad|Momentum|RMSProp(_\d+)?|Ftrl(_\d+)?|"
    r"ExponentialMovingAverage|local_step|biased)(/|$)"
)


def parts_of_names(
    shapes: dict[str, tuple[int, ...]], load: Callable[[str], np.ndarray]
) -> tuple[list[Part], list[str]]:
    """The parts that variables make up, in the order of their names' numbers, and the variables that are no weights."""
    scopes: dict[str, dict[str, str]] = {}
    left = []
    for name in sorted(shapes, key=natural):
        if NO_WEIGHTS.search(name) or not shapes[name]:
            left.append(name)
            continue
        scope, role = _split(name)
        scopes.setdefault(scope if role not in scopes.get(scope, {}) else name, {})[role] = name
    found = []
    for order, (scope, names) in enumerate(scopes.items()):
        if "gamma" in names and "bias" in names and "kernel" not in names:
            names["beta"] = names.pop("bias")  # g and b
        weights, names = lone({role: load(name) for role, name in names.items()}, names)
        short = bool(set(re.split(r"[^a-z]+", scope.lower())) & SHORTCUTS)
        kind = "Depthwise" if any(name.endswith(DEPTHWISE) for name in names.values()) else ""
        found.append(Part(scope, weights, names, family_of(kind, set(weights)), order=order, short=short))
    if not any(part.short for part in found):
        for part in found:
            part.short = None
    _attach(found)
    return found, left


def _split(name: str) -> tuple[str, str]:
    """Scope and role of a variable; W_conv1 and b_conv1 make one part too."""
    scope, _, last = name.rpartition("/")
    if last.lower() in ROLES:
        return scope, ROLES[last.lower()]
    match = re.fullmatch(r"(?:(weights?|biases|bias|kernel)_?|([wb])(?:_|(?=\d)))(.*\d.*|.{3,})", last, re.IGNORECASE)
    if match:
        return f"{scope}/{match[3]}", ROLES[(match[1] or match[2]).lower()]
    return name, last


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
