"""Recurrent layers are given the arguments that what uses them asks for."""

from __future__ import annotations

from typing import Any

from porter.graph import Graph, Node, Value
from porter.rewrite.recurrent.both_ways import raise_both_ways
from porter.rewrite.recurrent.layers import RECURRENT


def settle(graph: Graph) -> None:
    """Let each recurrent layer give only what is used of it: the whole sequence or the last step, states or none."""
    found = [node for node in graph if node.op in RECURRENT and node.attrs["config"][1].get("return_state")]
    for node in found:
        _last_steps(graph, node)
    graph.prune()
    raise_both_ways(graph, found)
    for node in found:
        if graph.nodes.get(node.name) is node:
            _settle(graph, node)


def _last_steps(graph: Graph, node: Node) -> None:
    """Let what takes the last step of the sequence take the layer's last output."""
    sequence, *states = node.outputs
    zeros = "mask" in node.attrs["kwargs"] and node.attrs["config"][1].get("zero_output_for_mask")
    if zeros or not states or states[0].shape != _step(sequence.shape):
        return
    stack = [(sequence, 1)]
    while stack:
        value, axis = stack.pop()
        for user, slot in list(value.uses):
            if slot:
                continue
            if user.op == "Transpose" and user.attrs.get("perm", ())[:2] == (1, 0):
                stack.append((user.out, 1 - axis))
            for taken in _last(user, axis, value):
                graph.replace(taken, states[0])


def _step(shape: Any) -> Any:
    return None if shape is None else (*shape[:1], *shape[2:])


def _last(user: Node, axis: int, value: Value) -> list[Value]:
    """The output of `user` that is the last entry of `axis`, if it gives that."""
    size = value.shape[axis] if value.shape else None
    last = (-1,) if size is None else (-1, size - 1)
    if user.op == "StridedSlice" and "slices" in user.attrs:
        slices = user.attrs["slices"]
        whole = all(each == slice(None) for place, each in enumerate(slices) if place != axis)
        if len(slices) > axis and whole and not isinstance(slices[axis], slice) and slices[axis] in last:
            return [user.out]
    if user.op == "GatherV2" and user.attrs.get("axis", 0) == axis and not user.attrs.get("batch_dims"):
        place = user.inputs[1].node
        if place.op == "Const" and place.attrs["value"].ndim == 0 and int(place.attrs["value"]) in last:
            return [user.out]
    if user.op == "Unstack" and user.attrs.get("axis", 0) == axis:
        return user.outputs[-1:]
    return []


def _settle(graph: Graph, node: Node) -> None:
    args, kwargs = node.attrs["config"]
    kwargs = dict(kwargs)
    del kwargs["return_state"], kwargs["return_sequences"]
    used = [bool(value.uses) or graph.is_output(value) for value in node.outputs]
    sequence, *states = node.outputs
    # where a whole sample is masked, the last output is 0, and the state what it was before
    last_is_state = not {"mask", "initial_state"} <= node.attrs["kwargs"].keys()
    if used[0]:
        kwargs["return_sequences"] = True
    else:
        kwargs.pop("zero_output_for_mask", None)
    if any(used[1:]) and not (last_is_state and not used[0] and not any(used[2:])):
        kwargs["return_state"] = True
    elif used[0]:
        node.outputs = [sequence]
    else:
        graph.replace(states[0], sequence)
        sequence.shape, sequence.probe, sequence.tensor = states[0].shape, states[0].probe, states[0].tensor
        node.outputs = [sequence]
    node.attrs["config"] = (args, kwargs)
