"""Counts the steps of loops that change the size of what they carry, as far as constants say how many there are.

`While` then has an attribute "steps". A loop that is a single operation must keep all sizes (TensorFlow compiles no other
without `shape_invariants`, JAX none at all); repeating its steps needs to know how often.
"""

from __future__ import annotations

import numpy as np

from porter.canonical.growing_arrays import counts
from porter.graph import Graph, Node

MOST = 100  # steps that are written out in the compiled program, one after the other


def counted_loops(graph: Graph) -> None:
    """Give the loops of `graph`, and those inside them, whose variables change in size their number of steps."""
    for node in graph.ordered():
        if node.op == "While":
            counted_loops(node.attrs["body"])
            steps = steps_of(node) if node.attrs.pop("resizes", False) else None
            if steps is not None and steps <= MOST:
                node.attrs["steps"] = steps


def steps_of(loop: Node) -> int | None:
    """The number of steps where the condition compares counters with constants, and nothing else."""
    cond = loop.attrs["cond"]
    counters = [cond.inputs[place] for place in range(loop.attrs["count"]) if counts(loop, place)]
    bounds, tests = [], [cond.outputs[0].node]
    while tests:
        test = tests.pop()
        if test.op == "LogicalAnd":
            tests += [value.node for value in test.inputs]
            continue
        if test.op != "Less" or not any(test.inputs[0] is each for each in counters):
            return None
        bound = test.inputs[1].node
        if bound.op != "Const" or np.size(bound.attrs["value"]) != 1:
            return None
        bounds.append(int(np.ravel(bound.attrs["value"])[0]))
    return max(min(bounds), 0)
