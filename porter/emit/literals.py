"""Python literals as a person would write them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# Arguments whose equal numbers per axis are written once: kernel_size=3.
PER_AXIS = {"kernel_size", "strides", "pool_size", "dilation_rate", "size", "padding", "cropping"}


def number(value: Any) -> str:
    """The shortest decimal that gives the same float32 (or the same float64, if it is not a float32)."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (complex, np.complexfloating)):
        return number(value.real) if value.imag == 0 else repr(complex(value))
    value = float(value)
    if math.isnan(value) or math.isinf(value):
        return f'float("{value}")'
    if float(np.float32(value)) == value:
        text = min(repr(value), repr(float(str(np.float32(value)))), key=len)
    else:
        text = repr(value)
    return text.replace("e-0", "e-").replace("e+", "e")


def literal(value: Any) -> str:
    """Source text of a value: numbers, strings, tuples, dictionaries of arguments, slices, arrays."""
    if value is None or isinstance(value, (bool, np.bool_)):
        return str(value)
    if isinstance(value, (int, float, complex, np.number)):
        return number(value)
    if isinstance(value, str):
        plain = value.replace("\\", "\\\\") if value.isprintable() else value.encode("unicode_escape").decode()
        return '"' + plain.replace('"', '\\"') + '"'
    if isinstance(value, bytes):
        return repr(value)
    if isinstance(value, tuple):
        return "(" + ", ".join(map(literal, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{literal(name)}: {literal(argument(name, each))}" for name, each in value.items()) + "}"
        )
    if isinstance(value, np.ndarray):
        return array(value)
    if value is Ellipsis:
        return "..."
    raise TypeError(f"no source form for {type(value).__name__}")


def array(value: np.ndarray, numbers: bool = True) -> str:
    """A numpy array, which unlike a list says its type and shape; a single one as a number if `numbers` allows it."""
    if numbers and value.ndim == 0 and value.dtype.kind in "biufc":
        return literal(value.item())
    if is_uniform(value):
        number, kind = value.reshape(-1)[0].item(), literal(value.dtype.name)
        made = {0: "np.zeros", 1: "np.ones"}.get(number) if value.dtype.kind != "b" else None
        shape = literal(value.shape)
        return f"{made}({shape}, {kind})" if made else f"np.full({shape}, {literal(number)}, {kind})"
    return f"np.array({literal(value.tolist())}, {literal(value.dtype.name)})"


def is_uniform(value: np.ndarray) -> bool:
    """True for an array of several numbers that are all the same."""
    return value.size > 4 and value.dtype.kind in "biuf" and bool((value == value.reshape(-1)[0]).all())


def index(slices: tuple[Any, ...]) -> str:
    """What stands between the brackets: `:, 0, 1:-1, None`. Strings are source text."""
    texts = []
    for item in slices:
        if isinstance(item, slice):
            parts = [("" if part is None else str(part)) for part in (item.start, item.stop)]
            texts.append(":".join(parts) + ("" if item.step is None else f":{item.step}"))
        else:
            texts.append(item if isinstance(item, str) else literal(item))
    return ", ".join(texts)


def argument(name: str, value: Any) -> Any:
    """`value`, written once if it is equal for every axis, and without brackets if it is the only axis."""
    if name in PER_AXIS and isinstance(value, tuple) and value and all(item == value[0] for item in value):
        once = argument(name, value[0])
        return value if isinstance(once, tuple) else once  # ((1, 2), (1, 2)) is not (1, 2)
    if name == "axis" and isinstance(value, tuple) and len(value) == 1:
        return value[0]
    return value
