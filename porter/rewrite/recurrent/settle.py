"""Recurrent layers are given the arguments that what uses them asks for."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from porter.graph import Graph, Node, Value
from porter.rewrite.recurrent.both_ways import raise_both_ways, turned_from
from porter.rewrite.recurrent.layers import OF_CELLS, RECURRENT


def settle(graph: Graph) -> None:
    """Let each recurrent layer give only what is used of it: the whole sequence or the last step, states or none."""
    found = [node for node in graph if node.op in RECURRENT and node.attrs["config"][1].get("return_state")]
    for node in found:
        _last_steps(graph, node)
    graph.prune()
    raise_both_ways(graph, found)
    calls: dict[object, list[Node]] = defaultdict(list)
    for node in found:
        if graph.nodes.get(node.name) is node:
            calls[_layer(node)].append(node)
    for group in calls.values():
        _go_backwards(graph, group)
        _settle(graph, group)
    graph.prune()


def _layer(node: Node) -> object:
    """What tells the layer that a call is of: one that is called several times has one set of weights."""
    weights = tuple((name, ref.key) for name, ref in sorted(node.attrs.get("weights", {}).items()))
    return (node.op, repr(node.attrs["config"]), weights) if weights else id(node)


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


def _go_backwards(graph: Graph, calls: list[Node]) -> None:
    """Let a layer that is given every sequence turned round turn them itself; it gives them turned round, too."""
    sources = [turned_from(node.inputs[0]) for node in calls]
    for node, (source, lengths) in zip(calls, sources, strict=True):
        there = source is not None and lengths is None and graph.nodes.get(source.node.name) is source.node
        if node.op not in OF_CELLS.values() or "mask" in node.attrs["kwargs"] or not there:
            return
    args, kwargs = calls[0].attrs["config"]
    for node, (source, _) in zip(calls, sources, strict=True):
        node.attrs["config"] = (args, {**kwargs, "go_backwards": True})
        assert source is not None
        graph.set_inputs(node, [source, *node.inputs[1:]])


def _settle(graph: Graph, calls: list[Node]) -> None:
    """Give a layer the arguments that suit all of its calls."""
    whole = any(_used(graph, node)[0] for node in calls)
    states = any(_asks_for_states(graph, node, whole) for node in calls)
    args, kwargs = calls[0].attrs["config"]
    kwargs = {name: value for name, value in kwargs.items() if name not in ("return_state", "return_sequences")}
    if whole:
        kwargs["return_sequences"] = True
    else:
        kwargs.pop("zero_output_for_mask", None)
    if states:
        kwargs["return_state"] = True
    for node in calls:
        node.attrs["config"] = (args, kwargs)
        if states:
            continue
        sequence, last, *_ = node.outputs
        if not whole:
            graph.replace(last, sequence)
            sequence.shape, sequence.probe, sequence.tensor = last.shape, last.probe, last.tensor
        node.outputs = [sequence]


def _used(graph: Graph, node: Node) -> list[bool]:
    return [bool(value.uses) or graph.is_output(value) for value in node.outputs]


def _asks_for_states(graph: Graph, node: Node, whole: bool) -> bool:
    """Whether a call needs more than the sequence, or where that is not given than the last step of it."""
    used = _used(graph, node)
    # where a whole sample is masked, the last output is 0, and the state what it was before
    last_is_state = not {"mask", "initial_state"} <= node.attrs["kwargs"].keys()
    return any(used[1:]) and (whole or not last_is_state or any(used[2:]))
