"""A part: the weights of one layer, on either side of a transplant."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from porter.transplant.rows import Rows, rows_of

# What a weight that the other side lacks must hold to change nothing.
NEUTRAL = {"bias": 0.0, "beta": 0.0, "gamma": 1.0}
MAIN = ("kernel", "depthwise_kernel", "embeddings", "moving_mean", "gamma", "beta", "bias")
ROLES = {*MAIN, "recurrent_kernel", "pointwise_kernel", "moving_variance"}
KERNELS = ("kernel", "depthwise", "transposed", "recurrent")  # of families; tables are looked up in any order
Signature = tuple[Any, ...]


@dataclass
class Part:
    """The weights of one layer.

    name: the layer's path, or the scope of the variables. weights: by role ("kernel", "bias", "gamma", …) arrays of the
    original, or variables of the model to be filled. names: how each is called, for people and for --map.
    family: "kernel", "depthwise", "transposed", "recurrent", "norm", "embedding", or "other: roles".
    signature: where in the network it is, so that equal parts of equal networks have equal ones; None if unknown.
    order: its place among the parts. behind: the parts that it is computed from (bits, by order), None if unknown.
    short: whether it ends the shorter way to where two ways meet again, as a shortcut's kernel does; None if unknown.
    after: the order of the kernel whose output it scales, for a norm. settings: what must be alike on both sides.
    shapes: by role, the shape that a weight is compared in, where that is not its own. beside: whether it takes what the
    parts beside it in its layer take, not what they make. called: what the attributes are called that hold the layer.
    made_in: what holds the part and others in no known order but that in which they were made, None where the graph orders it.
    backwards: of a recurrent layer, whether it reads from the end;
    None where that is unknown. forget_bias: what was added to the forget gate's bias, which no checkpoint tells; None
    where nothing was. rows: how the rows of a kernel behind a picture that was flattened stand, None if there is no picture
    or it is unknown; data_format: how pictures were flattened then, "" if that is unknown too.
    """

    name: str
    weights: dict[str, Any]
    names: dict[str, str]
    family: str
    signature: Signature | None = None
    order: int = 0
    behind: int | None = None
    after: int | None = None
    short: bool | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    beside: bool = False
    called: str = ""
    made_in: int | None = None
    backwards: bool | None = None
    forget_bias: float | None = None
    rows: Rows | None = None
    data_format: str = ""

    @property
    def main(self) -> str:
        """The role that tells what the layer is."""
        return next((role for role in MAIN if role in self.weights), next(iter(self.weights)))

    def shape(self, role: str | None = None) -> tuple[int, ...]:
        """The shape of a weight, by default of the main one."""
        role = role or self.main
        return self.shapes.get(role) or tuple(int(size) for size in self.weights[role].shape)

    @property
    def key(self) -> tuple[Any, ...]:
        """What a part must share with its counterpart: kind, and shapes without axes of size 1."""
        states = [self.shape(role) for role in ("recurrent_kernel",) if role in self.weights]
        return self.family, self.main, squeezed(self.shape()), *states


def lone(weights: dict[str, Any], names: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Weights and names with a role in the place of a name that someone gave the only weight of a layer.

    A table, such as of positions, may be an embedding on the other side.
    """
    (role, array), *more = weights.items()
    if more or role in ROLES:
        return weights, names
    known = "embeddings" if len(array.shape) == 2 else "weight"
    return {known: array}, {known: names[role]}


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its axes of size 1, but for the last."""
    return (*(size for size in shape[:-1] if size != 1), *shape[-1:])


def family_of(kind: str, roles: set[str]) -> str:
    """What kind of layer a Keras class with these weights is."""
    if "recurrent_kernel" in roles:
        return "recurrent"
    if "moving_mean" in roles:
        return "norm"
    if "embeddings" in roles:
        return "embedding"
    if "depthwise_kernel" in roles or "Depthwise" in kind:
        return "depthwise"
    if "kernel" in roles:
        return "transposed" if "Transpose" in kind else "kernel"
    return "scale" if roles & {"gamma", "beta"} else "other: " + ", ".join(sorted(roles))


def unlike(source: Part, target: Part) -> str:
    """Why the weights of `source` cannot be those of `target`; "" where they can."""
    for role, array in source.weights.items():
        if role not in target.weights and (role not in NEUTRAL or not np.all(np.asarray(array) == NEUTRAL[role])):
            return f"its {role} has no place here"
    for role in target.weights:
        if role in source.weights:
            if squeezed(source.shape(role)) != squeezed(target.shape(role)) and not flattened(source, target, role):
                return f"{role} is {source.shape(role)} there, {target.shape(role)} here"
        elif role not in NEUTRAL:
            return f"it has no {role}"
    return ""


def flattened(source: Part, target: Part, role: str) -> bool:
    """Whether a convolution over all rows and columns became a dense layer behind Flatten, or the other way round."""
    if role != "kernel" or role not in target.weights:
        return False
    one, other = source.shape(role), target.shape(role)
    return one[-1:] == other[-1:] and int(np.prod(one)) == int(np.prod(other)) and 2 in (len(one), len(other))


def value(source: Part, target: Part, role: str) -> np.ndarray:
    """What the weight `role` of `target` becomes."""
    shape = tuple(target.weights[role].shape)
    if role not in source.weights:
        return np.full(shape, NEUTRAL[role], "float32")
    array = np.asarray(source.weights[role])
    if role == "kernel":
        there = target.rows or (rows_of(shape) if source.rows and len(shape) > 2 else None)
        here = source.rows or (rows_of(array.shape) if there and array.ndim > 2 else None)
        if here is None and there is not None and source.data_format:
            here = Rows.of(source.data_format, there)
        if here and there and sorted(here.sizes) == sorted(there.sizes):
            array = here.give(array, there)
    return array.reshape(shape)


def taken_apart(part: Part) -> list[Part]:
    """The part, or two for a separable convolution: its depthwise kernel, and behind it its pointwise one."""
    if "depthwise_kernel" not in part.weights:
        return [part]
    if "pointwise_kernel" not in part.weights:
        return [_with(part, "depthwise", {"kernel": "depthwise_kernel", "bias": "bias"})]
    return [
        _with(part, "depthwise", {"kernel": "depthwise_kernel"}),
        _with(part, "kernel", {"kernel": "pointwise_kernel", "bias": "bias"}),
    ]


def _with(part: Part, family: str, roles: dict[str, str]) -> Part:
    """A part that has some of a part's weights, in other roles."""
    there = {role: before for role, before in roles.items() if before in part.weights}
    return replace(
        part,
        family=family,
        weights={role: part.weights[before] for role, before in there.items()},
        names={role: part.names[before] for role, before in there.items()},
    )
