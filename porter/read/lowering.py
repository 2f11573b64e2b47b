"""Functional control flow (`If`, `While`, written by TensorFlow's second version of control flow) as nodes of version 1.

So one form is left for all that comes after: Switch and Merge for a conditional; Enter, Merge, Switch, NextIteration and
Exit for a loop. The functions themselves become calls, for the caller to inline.
Source: tensorflow/core/common_runtime/lower_while_op.cc and lower_if_op.cc, 2.21.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from porter.read.wiring import Tensor

LOOPS = frozenset({"While", "StatelessWhile"})
CONDITIONALS = frozenset({"If", "StatelessIf", "Case", "StatelessCase"})
INT32 = 3


def is_functional(node: Any, functions: Mapping[str, Any]) -> bool:
    """Whether `lower` can put nodes of version 1 in the place of `node`."""
    return bool(_called(node)) and all(name in functions for name in _called(node))


def _called(node: Any) -> list[str]:
    if node.op in LOOPS:
        return [node.attr["cond"].func.name, node.attr["body"].func.name]
    if node.op in ("If", "StatelessIf"):
        return [node.attr["else_branch"].func.name, node.attr["then_branch"].func.name]
    return [f.name for f in node.attr["branches"].list.func] if node.op in CONDITIONALS else []


def lower(node: Any, functions: Mapping[str, Any]) -> tuple[list[Any], list[Tensor]]:
    """The nodes that stand for the functional `node`, calls of its functions among them, and the tensors it gave.

    A node in a function that has no input runs only where a control input says so: the calls have one, for the caller
    to hand on to such nodes.
    """
    made = _Nodes(node)
    given = [text for text in node.input if not text.startswith("^")]
    if node.op in LOOPS:
        results = _loop(node, made, given, functions)
    else:
        *branches, last = [(name, place) for place, name in enumerate(_called(node))]
        chosen = made.add("last", "Identity", [given[0]], T=_type_of_choice(node))
        results = _branch(node, made, last[0], "last", given[1:], [])
        for name, place in reversed(branches):
            results = _either(node, made, chosen, name, place, given[1:], results, boolean=len(branches) == 1)
    return made.nodes, [(text.partition(":")[0], int(text.partition(":")[2] or 0)) for text in results]
