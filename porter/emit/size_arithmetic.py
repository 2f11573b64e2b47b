"""Arithmetic on sizes as plain Python: scalars are numbers, vectors tuples."""

from __future__ import annotations

import ast
from typing import Any

from porter.emit.literals import index
from porter.emit.statements import split_arguments
from porter.graph import Node, Ref, Value

# Where calls take sizes as plain numbers: positions and names of these arguments.
SIZE_ARGUMENTS: dict[str, set[int | str]] = {
    "ops.reshape": {1, "newshape"},
    "ops.tile": {1, "repeats"},
    "ops.broadcast_to": {1, "shape"},
    "ops.full": {0, "shape"},
    "ops.zeros": {0, "shape"},
    "ops.ones": {0, "shape"},
    "ops.arange": {0, 1, 2, "start", "stop", "step"},
    "ops.one_hot": {1, "num_classes"},
    "ops.repeat": {1, "repeats"},
    "ops.slice": {1, 2, "start_indices", "shape"},
    "ops.split": {1},
    "ops.pad": {1, "pad_width"},
    "ops.eye": {0, 1},
    "ops.convert_to_tensor": {0},
    "ops.top_k": {1, "k"},
    "ops.scatter": {2, "shape"},
    "ops.roll": {1, "shift"},
    "ops.linspace": {2, "num"},
    "ops.in_top_k": {2, "k"},
    "porter_layers.LegacyResizing": {"like"},
    **{f"ops.segment_{each}": {2, "num_segments"} for each in ("sum", "prod", "max", "min")},
}


def size_inputs(node: Node) -> set[int]:
    """The inputs of a call that stand in arguments which take plain numbers."""
    plain = SIZE_ARGUMENTS.get(node.op, set())

    def refs(item: Any) -> set[int]:
        if isinstance(item, Ref):
            return {item.index}
        if isinstance(item, slice):
            item = (item.start, item.stop, item.step)
        return set().union(*map(refs, item)) if isinstance(item, (list, tuple)) else set()

    found: set[int] = set()
    for place, argument in [*enumerate(node.attrs["args"]), *node.attrs["kwargs"].items()]:
        if place in plain:
            found |= refs(argument)
    if node.op == "ops.getitem":
        found |= set().union(*map(refs, node.attrs["args"][1:]))
    return found


SIGNS = {"Add": "+", "Sub": "-", "Mul": "*", "FloorDiv": "//", "FloorMod": "%"}


CHOICES = {"Maximum": "larger", "Minimum": "smaller"}  # functions of porter.layers


def _chosen(node: Node, inputs: list[str]) -> str:
    """The larger or the smaller of two sizes; a size is 1 at least."""
    if inputs[0] == inputs[1]:
        return inputs[0]
    if node.op == "Maximum" and "1" in inputs:
        return inputs[1 - inputs.index("1")]
    return f"{CHOICES[node.op]}({inputs[0]}, {inputs[1]})"


def _entries(vector: str) -> str:
    """What stands for a tuple's entries inside of another tuple: `a, b` for `(a, b)`, else `*vector`."""
    try:
        parsed = ast.parse(vector, mode="eval").body
    except SyntaxError:
        return f"*{vector}"
    return vector[1:-1].rstrip(", ") if isinstance(parsed, ast.Tuple) and vector[0] == "(" else f"*{vector}"


def size_expression(node: Node, value: Value, inputs: list[str]) -> str:
    """Plain Python for one operation on sizes: scalars are numbers, vectors tuples."""
    is_vector = value.rank == 1
    if node.op == "Size":
        if node.inputs[0].rank == 1:
            return f"ops.shape({inputs[0]})[0]"
        return f"math.prod(ops.shape({inputs[0]}))"
    if node.op in SIGNS or node.op in CHOICES:
        form = f"a {SIGNS[node.op]} b" if node.op in SIGNS else f"{CHOICES[node.op]}(a, b)"
        if not is_vector:
            if node.op in CHOICES:
                return _chosen(node, inputs)
            left, right = (f"({each})" if " " in each and not each.endswith(")") else each for each in inputs)
            return f"{left} {SIGNS[node.op]} {right}"
        vectors = [
            t if v.rank == 1 else f"({t},) * {(value.shape or (0,))[0]}"
            for t, v in zip(inputs, node.inputs, strict=True)
        ]
        return f"tuple({form} for a, b in zip({vectors[0]}, {vectors[1]}))"
    if node.op == "Neg":
        return (
            f"tuple(-a for a in {inputs[0]})"
            if is_vector
            else f"-({inputs[0]})"
            if " " in inputs[0]
            else f"-{inputs[0]}"
        )
    if node.op == "StridedSlice":
        return f"{inputs[0]}[{index(node.attrs['slices'])}]"
    if node.op == "Slice":
        (begin,), (size,) = node.attrs["begin"], node.attrs["size"]
        return f"{inputs[0]}[{begin}:{'' if size < 0 else begin + size}]"
    if node.op == "Stack":
        return f"({', '.join(inputs)},)" if len(inputs) == 1 else f"({', '.join(inputs)})"
    if node.op == "Unstack":
        return f"{inputs[0]}[{value.index}]"
    if node.op == "SplitV":
        first = sum(node.attrs["sizes"][: value.index])
        return f"{inputs[0]}[{first}:{first + node.attrs['sizes'][value.index]}]"
    if node.op == "ConcatV2":
        entries = split_arguments(", ".join(filter(None, map(_entries, inputs))))
        return f"({', '.join(entries)}{',' if len(entries) == 1 else ''})"
    if node.op == "Prod":
        return inputs[0] if node.inputs[0].rank == 0 else f"math.prod({inputs[0]})"
    if node.op == "GatherV2":
        place = node.inputs[1]
        return f"tuple({inputs[0]}[i] for i in {inputs[1]})" if place.rank == 1 else f"{inputs[0]}[{inputs[1]}]"
    before = node.inputs[0].rank
    if before == value.rank:
        return inputs[0]
    return f"({inputs[0]},)" if is_vector else f"{inputs[0]}[0]"
