"""The parts of a checkpoint without a graph: its variables, grouped by the scopes in their names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from porter.transplant.parts import Part, family_of

ROLES = {
    "kernel": "kernel", "weights": "kernel", "weight": "kernel", "w": "kernel", "filter": "kernel", "filters": "kernel",
    "matrix": "kernel", "bias": "bias", "biases": "bias", "b": "bias", "gamma": "gamma", "scale": "gamma", "beta": "beta",
    "offset": "beta", "moving_mean": "moving_mean", "mean": "moving_mean", "pop_mean": "moving_mean",
    "moving_variance": "moving_variance", "variance": "moving_variance", "pop_var": "moving_variance",
    "embeddings": "embeddings", "embedding": "embeddings", "depthwise_weights": "kernel",
    "depthwise_kernel": "kernel", "pointwise_weights": "pointwise_kernel", "pointwise_kernel": "pointwise_kernel",
}  # fmt: skip
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
        weights: dict[str, Any] = {role: load(name) for role, name in names.items()}
        short = bool(set(re.split(r"[^a-z]+", scope.lower())) & SHORTCUTS)
        found.append(Part(scope, weights, names, family_of("", set(weights)), order=order, short=short))
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
    match = re.fullmatch(r"(weights?|biases|bias|kernel|[wb])_?(.*\d.*|.{3,})", last, re.IGNORECASE)
    if match:
        return f"{scope}/{match[2]}", ROLES[match[1].lower()]
    return name, last


def _attach(parts: list[Part]) -> None:
    """Norms whose scope lies in that of a kernel belong to it, as slim names them."""
    kernels = {part.name: part.order for part in parts if part.family == "kernel"}
    for part in parts:
        scope = part.name
        while part.family in ("norm", "scale") and "/" in scope:
            scope = scope.rpartition("/")[0]
            if scope in kernels:
                part.after = kernels[scope]
                break


def natural(name: str) -> list[Any]:
    """Sorts conv2d_10 behind conv2d_9, and conv2d before both."""
    return [
        [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", step)]
        for step in name.split("/")
    ]
