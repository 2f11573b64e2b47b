"""Dropout that stands on what a cell takes from the step before, or that uses one mask for all steps."""

from __future__ import annotations

from porter.graph import Graph, Value
from porter.rewrite.recurrent.lift import ELEMENTWISE_CALLS
from porter.rewrite.recurrent.scan import Scan
from porter.rewrite.recurrent.sizes import is_filled


def undropped(value: Value) -> Value:
    """`value` before dropout and noise, which do nothing in inference."""
    while value.node.op in ELEMENTWISE_CALLS:
        value = value.node.inputs[0]
    return value


def take_off_dropout_masks(scan: Scan) -> dict[int, float]:
    """Let a step take what Keras' layers multiply by a mask as it is. Gives the rate by value that stood behind a mask.

    Such a mask comes into the loop from outside, one for all steps: ones, of which some are dropped in training.
    """
    rates: dict[int, float] = {}
    step: Graph = scan.step
    for node in list(step):
        if node.op != "Mul" or len(node.inputs) != 2:
            continue
        for place, mask in enumerate(node.inputs):
            outside = scan.outside.get(id(mask))
            if outside is None or not is_filled(undropped(outside), 1):
                continue
            value = node.inputs[1 - place]
            if undropped(outside) is not outside:
                rates[id(value)] = float(outside.node.attrs["config"][0][0])
            step.replace(node.out, value)
            break
    return rates
