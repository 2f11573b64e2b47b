"""Products of a weight with zeros, which are zeros."""

from __future__ import annotations

import numpy as np

from porter.graph import Graph, Value
from porter.graph.uniform import uniform
from porter.pattern import Matcher

PRODUCTS = ("MatMul", "BatchMatMul", "Mul")


def zero_products(graph: Graph) -> None:
    """Let zeros stand in the place of a weight times zeros.

    The first step of a recurrent network that was written out step by step multiplies its weights by a state of zeros;
    what comes out depends on weights alone, and would be a weight of the model by itself. Where no layer was found for the
    steps, it is none.
    """
    static = Matcher(graph).is_static
    for node in list(graph):
        if node.op not in PRODUCTS or not static(node.out) or not node.out.dtype.startswith("float"):
            continue
        shape = node.out.shape
        if shape is None or None in shape or not any(map(_is_zero, node.inputs)):
            continue
        node.op, node.attrs = "Const", {"value": np.zeros(shape, node.out.dtype)}  # type: ignore[arg-type]
        graph.set_inputs(node, [])


def _is_zero(value: Value) -> bool:
    array = uniform(value)
    return array is not None and array.size > 0 and array.flat[0] == 0
