"""Random numbers inside of loops, where nothing can be fed: they are made from their shape and a number, in every step.

So both sides drop the same in all steps of a loop, and what is compared is what is done with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from porter.verify.frames import ENTER
from porter.verify.graphdef import by_name, split

STEPS = 1024  # uniform numbers lie in the middle of so many steps: no rate is so near that rounding decides
SEED = 20  # the second part of every seed; the first is the operation's number
FLOAT, INT = 1, 3  # enum DataType of TensorFlow's types.proto


def uniform_in_loops(graph_def: Any) -> dict[str, int]:
    """The operations inside of loops that draw uniform numbers, each with a number."""
    nodes = by_name(graph_def)
    users: dict[str, list[str]] = {}
    for node in nodes.values():
        for source in node.input:
            users.setdefault(split(source)[0], []).append(node.name)
    inside: set[str] = set()
    stack = [name for name, node in nodes.items() if node.op in ENTER]
    while stack:
        name = stack.pop()
        if name not in inside and not nodes[name].op.endswith("Exit"):
            inside.add(name)
            stack.extend(users.get(name, ()))
    drawn = [name for name, node in nodes.items() if name in inside and node.op == "RandomUniform"]
    return {name: number for number, name in enumerate(drawn)}


def settled(graph_def: Any, numbers: dict[str, int]) -> Any:
    """A copy of the graph in which these operations give what `drawn` gives for their shape and number."""
    result = type(graph_def)()
    result.versions.CopyFrom(graph_def.versions)
    result.library.CopyFrom(graph_def.library)
    for node in graph_def.node:
        if node.name in numbers:
            _settle(result, node, numbers[node.name])
        else:
            result.node.add().CopyFrom(node)
    return result


def drawn(shape: Sequence[int], number: int) -> np.ndarray:
    """Uniform numbers in [0, 1) of that shape, the same at each call."""
    import tensorflow as tf

    made = tf.raw_ops.StatelessRandomUniformInt(shape=list(shape), seed=[number, SEED], minval=0, maxval=STEPS)
    return ((made.numpy() + 0.5) / STEPS).astype("float32")


def _settle(result: Any, node: Any, number: int) -> None:
    """Add nodes that compute `drawn`, the last of them with the name of `node`."""
    shape, dtype = node.input[0], node.attr["dtype"].type
    inside = f"^{split(shape)[0]}"  # keeps the constants in the loop's frame

    def add(name: str, op: str, inputs: list[str], **types: int) -> str:
        made = result.node.add(name=name, op=op)
        made.input[:] = inputs
        for attribute, value in types.items():
            made.attr[attribute].type = value
        return name

    def constant(name: str, array: Any, kind: int) -> str:
        import tensorflow as tf

        add(f"{node.name}/{name}", "Const", [inside], dtype=kind)
        result.node[-1].attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array, dtype=kind))
        return f"{node.name}/{name}"

    ends = [constant("low", 0, INT), constant("high", STEPS, INT)]
    seed = constant("seed", [number, SEED], INT)
    steps = add(
        f"{node.name}/steps", "StatelessRandomUniformInt", [shape, seed, *ends],
        dtype=INT, T=node.attr["T"].type, Tseed=INT,
    )  # fmt: skip
    floats = add(f"{node.name}/floats", "Cast", [steps], SrcT=INT, DstT=dtype)
    middle = add(f"{node.name}/middle", "AddV2", [floats, constant("half", 0.5, dtype)], T=dtype)
    add(node.name, "Mul", [middle, constant("width", 1 / STEPS, dtype)], T=dtype)
