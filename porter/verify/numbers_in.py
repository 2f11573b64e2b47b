"""The numbers that the original's own nodes name: what a layer that stands for them is likely made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from porter.verify.graphdef import split
from porter.verify.reference import Reference


def numbers_in(reference: Reference, row: Mapping[str, Any]) -> list[float]:
    """The attributes and scalar constants of a row's nodes, then what is commonly made of them: 1 - x, 1 / x and -x."""
    import tensorflow as tf

    found: dict[float, None] = {}
    for name in row.get("nodes", ()):
        node = reference.nodes.get(name)
        if node is None:
            continue
        found.update({_short(value.f): None for value in node.attr.values() if value.WhichOneof("value") == "f"})
        for source in node.input:
            constant = reference.nodes.get(split(source)[0])
            if constant is None or constant.op != "Const":
                continue
            tensor = constant.attr["value"].tensor
            if not tensor.tensor_shape.dim and tf.as_dtype(tensor.dtype).is_floating:
                found[_short(tf.make_ndarray(tensor))] = None
    plain = [value for value in found if np.isfinite(value)]
    derived = [each for value in plain for each in (_short(1 - value), _short(1 / value) if value else 0.0, -value)]
    return list(dict.fromkeys([*plain, *derived]))


def _short(value: Any) -> float:
    """The shortest decimal that is the same number in 32 bits."""
    return float(str(np.float32(value)))
