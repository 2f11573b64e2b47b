"""Values that no call makes: constants and weights that calls take, and outputs that are none of a call's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from porter.emit.expressions import BINARY
from porter.emit.literals import array, is_uniform
from porter.graph import Graph, Node, Ref, Value, WeightRef

SMALL = 32  # a constant with no more numbers stands in the source
UNIFORM = 4096  # the same for one whose numbers are all the same
LINE = 88  # and whose text has no more characters

Evaluate = Callable[[list[Value]], list[np.ndarray]]


def wrap_outputs(graph: Graph) -> None:
    """An output that is an input, or depends on weights alone, still has to come out of a layer."""
    for place, value in enumerate(graph.outputs):
        if value.node.is_call:
            continue
        is_input = any(value is each for each in graph.inputs)
        source = value if is_input else graph.inputs[0]
        other_float = value.dtype in ("float16", "bfloat16", "float64")  # a layer would make them float32
        config = ((), {"dtype": value.dtype} if other_float else {})
        node = Node(
            value.node.name + "~", "layers.Identity", [source], {"config": config, "args": (Ref(0),), "kwargs": {}}
        )
        if not is_input:
            node.op = "porter_layers.Parameter"
            node.attrs["config"] = ((tuple(value.shape or ()),), {"dtype": value.dtype, "trainable": False})
            node.attrs["weights"] = {"value": WeightRef(value)}
        node.origin = value.node.origin
        node.outputs = [Value(node, 0, value.shape, value.probe, value.dtype, value.tensor)]
        graph.add(node)
        graph.outputs[place] = node.out


def settle_constants(graph: Graph, evaluate: Evaluate) -> dict[int, np.ndarray]:
    """The arrays of values that calls take as plain arguments. Large ones and variables become Parameter layers."""
    wanted: dict[int, Value] = {}
    known = {id(value) for value in graph.inputs}
    for node in graph.ordered():
        if not node.is_call:
            continue
        for value in node.inputs:
            if not value.node.is_call and id(value) not in known:
                wanted[id(value)] = value
    arrays = dict(zip(wanted, evaluate(list(wanted.values())), strict=True)) if wanted else {}
    plain = {}
    for key, value in wanted.items():
        trainable = any(node.op == "Variable" for node in graph.ancestors([value.node]))
        if not trainable and arrays[key].size > 1 and _is_one_number(value, arrays[key]):
            plain[key] = arrays[key].reshape(-1)[0]
        elif (
            not trainable
            and arrays[key].size <= (UNIFORM if is_uniform(arrays[key]) else SMALL)
            and len(array(arrays[key])) < LINE
            and not _is_unsaved(arrays[key])
        ):
            plain[key] = arrays[key]
        else:
            _parameter(graph, value, arrays[key].shape, trainable)
    return plain


def _parameter(graph: Graph, value: Value, shape: tuple[int, ...], trainable: bool) -> None:
    config = {"dtype": value.dtype, **({} if trainable else {"trainable": False})}
    node = Node(
        value.node.name + "~",
        "porter_layers.Parameter",
        [graph.inputs[0]],
        {
            "config": ((shape,), config),
            "weights": {"value": WeightRef(value)},
            "args": (Ref(0),),
            "kwargs": {},
            "rule": "parameter",
        },
        origin=value.node.origin,
    )
    node.outputs = [Value(node, 0, shape, shape, value.dtype, value.tensor)]
    graph.add(node)
    for user, slot in list(value.uses):
        if user.is_call and user is not node:
            inputs = list(user.inputs)
            inputs[slot] = node.out
            graph.set_inputs(user, inputs)


def _is_unsaved(array: np.ndarray) -> bool:
    """True for complex numbers, which Keras can't write into a model's configuration (it can save them as a weight)."""
    is_real_number = array.ndim == 0 and array.imag == 0  # written as a real one: see `literals.number`
    return array.dtype.kind == "c" and not is_real_number


def _is_one_number(value: Value, array: np.ndarray) -> bool:
    """True for an array of equal numbers that only meets tensors which have the result's shape without it."""
    users = [user for user, _ in value.uses if user.is_call]
    if array.dtype.kind not in "if" or not (array == array.reshape(-1)[0]).all():
        return False
    return all(
        user.op in BINARY
        and user.op != "ops.matmul"
        and user.out.shape is not None
        and any(other is not value and other.shape == user.out.shape for other in user.inputs)
        for user in users
    )
