"""Functional control flow (`If`, `Case` and `While` of TensorFlow's second version) as nodes of the first version.

So one form is left for all that comes after: Switch and Merge for a conditional; Enter, Merge, Switch, NextIteration and
Exit for a loop. The functions themselves become calls, for the caller to inline.
Source: tensorflow/core/common_runtime/lower_while_op.cc, lower_if_op.cc and lower_case_op.cc, 2.21.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from porter.read.wiring import Tensor, parse

BOOL, INT32 = 10, 3


def is_functional(node: Any, functions: Mapping[str, Any]) -> bool:
    """Whether `lower` can put nodes of the first version in the place of `node`."""
    called = _called(node)
    return bool(called) and all(name in functions for name in called)


def _called(node: Any) -> list[str]:
    """The functions between which `node` chooses (by number), or a loop's condition and body."""
    if node.op in ("While", "StatelessWhile"):
        return [node.attr["cond"].func.name, node.attr["body"].func.name]
    if node.op in ("If", "StatelessIf"):
        return [node.attr["else_branch"].func.name, node.attr["then_branch"].func.name]
    return [f.name for f in node.attr["branches"].list.func] if node.op in ("Case", "StatelessCase") else []


def lower(node: Any, functions: Mapping[str, Any]) -> tuple[list[Any], list[Tensor]]:
    """The nodes that stand for the functional `node`, calls of its functions among them, and the tensors it gave.

    A node that has no input runs where a control input says so: the calls have one, which is to be handed on to such
    nodes of the functions.
    """
    made = _Nodes(node)
    given = [text for text in node.input if not text.startswith("^")]
    if node.op in ("While", "StatelessWhile"):
        results = _loop(node, made, given, functions)
    else:
        results = _choice(node, made, given)
    return made.nodes, [parse(text) for text in results]


class _Nodes:
    """Makes nodes called "<node>/<what>"."""

    def __init__(self, node: Any):
        self.node = node
        self.nodes: list[Any] = []

    def add(self, name: str, op: str, inputs: Sequence[str], types: Mapping[str, int] = {}, **attrs: Any) -> str:
        """The first output of a new node."""
        made = type(self.node)(name=f"{self.node.name}/{name}", op=op)
        made.input.extend(inputs)
        for key, kind in types.items():
            made.attr[key].type = kind
        for key, value in attrs.items():
            if isinstance(value, bytes):
                made.attr[key].s = value
            elif isinstance(value, bool):
                made.attr[key].b = value
            else:
                made.attr[key].i = value
        self.nodes.append(made)
        return made.name

    def call(self, name: str, function: str, inputs: Sequence[str], pivot: str, count: int) -> list[str]:
        """The results of a call of `function`."""
        called = self.add(name, function, [*inputs, f"^{pivot}"])
        return [f"{called}:{place}" for place in range(count)]


def _loop(node: Any, made: _Nodes, given: list[str], functions: Mapping[str, Any]) -> list[str]:
    types = list(node.attr["T"].list.type)
    condition, body = _called(node)
    kept = _passed_on(functions[body])
    frame: dict[str, Any] = {"frame_name": node.name.encode(), "parallel_iterations": 10}
    entered = [
        made.add(f"Enter.{i}", "Enter", [text], {"T": kind}, is_constant=i in kept, **frame)
        for i, (text, kind) in enumerate(zip(given, types, strict=True))
    ]
    changing = [i for i in range(len(types)) if i not in kept]
    merged, alive = list(entered), list(entered)
    for i in changing:
        again = f"{node.name}/NextIteration.{i}"
        merged[i] = made.add(f"Merge.{i}", "Merge", [entered[i], again], {"T": types[i]}, N=2)
    (go_on,) = made.call("cond", condition, merged, merged[changing[0]], 1)
    go_on = made.add("LoopCond", "LoopCond", [go_on])
    results = list(given)
    for i in changing:
        switch = made.add(f"Switch.{i}", "Switch", [merged[i], go_on], {"T": types[i]})
        alive[i] = made.add(f"Identity.{i}", "Identity", [f"{switch}:1"], {"T": types[i]})
        results[i] = made.add(f"Exit.{i}", "Exit", [switch], {"T": types[i]})
    after = made.call("body", body, alive, alive[changing[0]], len(types))
    for i in changing:
        made.add(f"NextIteration.{i}", "NextIteration", [after[i]], {"T": types[i]})
    return results


def _passed_on(body: Any) -> set[int]:
    """The places of the variables that a loop's body gives back as they came: the weights, and what is only read."""
    identities = {each.name: each.input[0] for each in body.node_def if each.op == "Identity"}
    kept = set()
    for place, (given, result) in enumerate(zip(body.signature.input_arg, body.signature.output_arg, strict=True)):
        source = body.ret[result.name]
        while source.split(":")[0] in identities:
            source = identities[source.split(":")[0]]
        if source.split(":")[0] == given.name:
            kept.add(place)
    return kept if len(kept) < len(body.signature.input_arg) else set()


def _choice(node: Any, made: _Nodes, given: list[str]) -> list[str]:
    branches = _called(node)
    taken = list(node.attr["Tin"].list.type)
    types = list(node.attr["Tout"].list.type)

    def branch(place: int) -> Callable[[list[str], str], list[str]]:
        return lambda inputs, pivot: made.call(f"branch_{place}", branches[place], inputs, pivot, len(types))

    if node.op in ("If", "StatelessIf"):
        condition = given[0]
        kind = node.attr["Tcond"].type
        if kind != BOOL:
            condition = made.add("Cast", "Cast", [condition], {"SrcT": kind, "DstT": BOOL})
        return _either(made, "", condition, given[1:], taken, types, branch(1), branch(0))

    def choose(place: int, inputs: list[str], pivot: str) -> list[str]:
        """The branch `place`, or what comes after it; the first of `inputs` is the number of the branch."""
        if place == len(branches) - 1:
            return branch(place)(inputs[1:], pivot)
        number = made.add(f"number_{place}", "Const", [f"^{pivot}"] if pivot else [], {"dtype": INT32})
        made.nodes[-1].attr["value"].tensor.dtype = INT32
        made.nodes[-1].attr["value"].tensor.int_val.append(place)
        made.nodes[-1].attr["value"].tensor.tensor_shape.SetInParent()
        condition = made.add(f"Equal_{place}", "Equal", [inputs[0], number], {"T": INT32})
        return _either(
            made, f"_{place}", condition, inputs, [INT32, *taken], types,
            lambda inner, pivot: branch(place)(inner[1:], pivot), lambda inner, pivot: choose(place + 1, inner, pivot),
        )  # fmt: skip

    return choose(0, given, "")


def _either(
    made: _Nodes, mark: str, condition: str, inputs: list[str], taken: list[int], types: list[int],
    if_true: Callable[[list[str], str], list[str]], if_false: Callable[[list[str], str], list[str]],
) -> list[str]:  # fmt: skip
    """What one of two branches gives; each makes its nodes from its inputs and from what it waits for."""
    pivot = made.add(f"Switch{mark}", "Switch", [condition, condition], {"T": BOOL})
    pivots = [made.add(f"pivot{mark}_{side}", "Identity", [f"{pivot}:{side}"], {"T": BOOL}) for side in (0, 1)]
    switched = [
        made.add(f"Switch{mark}.{i}", "Switch", [text, condition], {"T": kind})
        for i, (text, kind) in enumerate(zip(inputs, taken, strict=True))
    ]
    sides = [
        branch([f"{each}:{side}" for each in switched], pivots[side]) for side, branch in enumerate((if_false, if_true))
    ]
    return [
        made.add(f"Merge{mark}.{i}", "Merge", [off, on], {"T": kind}, N=2)
        for i, (off, on, kind) in enumerate(zip(*sides, types, strict=True))
    ]
