"""Two recurrent layers over one sequence, one of them from its end to its start, as one `Bidirectional`."""

from __future__ import annotations

from typing import Any

from porter.graph import Graph, Made, Node, Ref, Value
from porter.rewrite.recurrent.layers import OF_CELLS
from porter.rewrite.recurrent.lift import transposed
from porter.rule import Layer, many

Lengths = Value | None


def raise_both_ways(graph: Graph, layers: list[Node]) -> None:
    """Put a `Bidirectional` in the place of each pair of `layers` that differ in weights and direction only.

    Both give all that they can, as they were made. Left as two: layers of several kinds or sizes, and those that start
    from a state in one direction alone.
    """
    for backward in layers:
        if backward.op not in OF_CELLS.values() or graph.nodes.get(backward.name) is not backward:
            continue
        source, lengths = turned_from(backward.inputs[0])
        for user, slot in list(source.uses) if source is not None else []:
            if slot == 0 and user.op == backward.op and _fit(user, backward, lengths):
                _raise(graph, user, backward, lengths)
                break
    graph.prune()


def turned_from(value: Value) -> tuple[Value | None, Lengths]:
    """The sequence [batch, steps, ...] that `value` is from its end to its start, and the lengths that were turned."""
    node = value.node
    if node.op == "ReverseV2" and node.attrs.get("axes") == (1,):
        return node.inputs[0], None
    if node.op == "ReverseSequence" and (node.attrs.get("seq_dim"), node.attrs.get("batch_dim", 0)) == (1, 0):
        return node.inputs[0], node.inputs[1]
    if node.op == "Transpose" and node.attrs.get("perm", ())[:2] == (1, 0) and value.rank == 3:
        inner = node.inputs[0].node
        if inner.op == "ReverseV2" and inner.attrs.get("axes") == (0,):
            return transposed(inner.inputs[0]), None
    return None, None


def _fit(forward: Node, backward: Node, lengths: Lengths) -> bool:
    """True if the two are alike, and masked by the lengths that the sequence was turned by."""
    masks = [_argument(node, "mask") for node in (forward, backward)]
    alike = repr((forward.op, forward.attrs["config"])) == repr((backward.op, backward.attrs["config"]))
    states = [_argument(node, "initial_state") is None for node in (forward, backward)]
    if forward is backward or not alike or masks[0] is not masks[1] or states[0] != states[1]:
        return False
    if masks[0] is None:
        return lengths is None
    mask = masks[0].node
    zeros = (
        forward.attrs["config"][1].get("zero_output_for_mask", False) or not forward.out.uses
    )  # as Keras has it there
    return mask.op == "porter_layers.SequenceMask" and zeros and _uncast(mask.inputs[0]) is _uncast(lengths)


def _uncast(value: Lengths) -> Lengths:
    while value is not None and value.node.op == "Cast":
        value = value.node.inputs[0]
    return value


def _argument(node: Node, name: str) -> Any:
    """What a layer is called with, None if nothing."""
    found = node.attrs["kwargs"].get(name)
    if isinstance(found, Ref):
        return node.inputs[found.index]
    return None if found is None else [node.inputs[each.index] for each in found]


def _turned_back(graph: Graph, backward: Node, lengths: Lengths) -> list[tuple[Value, bool]] | None:
    """What gives the outputs in the order of the sequence, and whether with the steps first; None for other uses."""
    found: list[tuple[Value, bool]] = []
    if graph.is_output(backward.out):
        return None
    for user, slot in backward.out.uses:
        if user.op == "Transpose" and user.attrs.get("perm") == (1, 0, 2) and not graph.is_output(user.out):
            turns = [use for use, _ in user.out.uses]
            if lengths is not None or any(use.op != "ReverseV2" or use.attrs.get("axes") != (0,) for use in turns):
                return None
            found += [(use.out, True) for use in turns]
        elif slot == 0 and turned_from(user.out)[0] is backward.out and turned_from(user.out)[1] is lengths:
            found.append((user.out, False))
        else:
            return None
    return found


def _raise(graph: Graph, forward: Node, backward: Node, lengths: Lengths) -> None:
    turned = _turned_back(graph, backward, lengths)
    if turned is None:
        return
    joined, mode = _joined(graph, forward, turned)
    states = [*forward.outputs[1:], *backward.outputs[1:]]
    used = [bool(value.uses) or graph.is_output(value) for value in states]
    returns_sequences = bool(forward.out.uses or graph.is_output(forward.out) or turned)
    if joined is None and not returns_sequences:
        joined, mode = _joined_ends(forward, backward)
        if joined is not None:
            alone = [
                len(value.uses) == 1 and not graph.is_output(value) for value in (states[0], states[len(states) // 2])
            ]
            used[0], used[len(states) // 2] = not alone[0], not alone[1]
    args, kwargs = forward.attrs["config"]
    kwargs = {
        key: value for key, value in kwargs.items() if not key.startswith("return_") and key != "zero_output_for_mask"
    }
    kwargs |= {"return_sequences": True} if returns_sequences else {}
    kwargs |= {"return_state": True} if any(used) else {}
    layer = Layer(
        "layers.Bidirectional", (Made(forward.op, (args, kwargs)),), {} if mode == "concat" else {"merge_mode": mode}
    )
    for name, node in (("forward_layer", forward), ("backward_layer", backward)):
        layer.weights.update({f"{name}__{path}": ref for path, ref in node.attrs["weights"].items()})
    given = {}
    initial, mask = _argument(forward, "initial_state"), _argument(forward, "mask")
    if initial is not None:
        given["initial_state"] = [*initial, *_argument(backward, "initial_state")]
    if mask is not None:
        given["mask"] = mask
    outputs = many(layer(forward.inputs[0], **given), (2 if mode is None else 1) + (len(states) if any(used) else 0))
    made = outputs[0].node
    made.name, made.attrs["rule"] = forward.name, forward.attrs["rule"]
    made.origin = tuple(dict.fromkeys([*forward.origin, *backward.origin]))
    graph.add(made)
    if any(used):
        for old, new in zip(states, outputs[-len(states) :], strict=True):
            _put(graph, old, new)
    if joined is not None:
        _put(graph, joined, outputs[0], bool(turned) and turned[0][1])
    elif returns_sequences:
        _put(graph, forward.out, outputs[0])
        _like(outputs[1], forward.out)
        for old, steps_first in turned:
            _put(graph, old, outputs[1], steps_first)


def _put(graph: Graph, old: Value, new: Value, steps_first: bool = False) -> None:
    """Let what uses `old` use `new`, which holds the same, perhaps with its first two axes changed places."""
    if steps_first:
        given = transposed(old)
        new.shape, new.probe, new.dtype = given.shape, given.probe, given.dtype
        back = transposed(new)
        back.node.name, back.node.origin = old.node.name, old.node.origin
        graph.add(back.node)
        graph.replace(old, back)
    else:
        _like(new, old)
        graph.replace(old, new)


def _like(new: Value, old: Value) -> None:
    new.shape, new.probe, new.dtype = old.shape, old.probe, old.dtype


def _joined(graph: Graph, forward: Node, turned: list[tuple[Value, bool]]) -> tuple[Value | None, str | None]:
    """Where both outputs, and they alone, are joined: the result, and how Keras calls it."""
    if len(turned) != 1:
        return None, None
    one, (other, steps_first) = forward.out, turned[0]
    if steps_first and len(one.uses) == 1 and one.uses[0][0].attrs.get("perm") == (1, 0, 2):
        one = one.uses[0][0].out
    elif steps_first:
        return None, None
    users = [[user for user, _ in value.uses] for value in (one, other)]
    if users[0] != users[1] or len(users[0]) != 1 or any(map(graph.is_output, (forward.out, one, other))):
        return None, None
    user = users[0][0]
    if len(user.inputs) == 2 and user.op == "ConcatV2" and user.attrs.get("axis") in (2, -1) and user.inputs[0] is one:
        return user.out, "concat"
    return (user.out, "sum") if user.op == "Add" else (None, None)


def _joined_ends(forward: Node, backward: Node) -> tuple[Value | None, str | None]:
    """As `_joined`, of what both gave last."""
    ends = [node.outputs[1] for node in (forward, backward)]
    if {"mask", "initial_state"} <= forward.attrs["kwargs"].keys():  # the last output may be 0 where the state is not
        return None, None
    for user, _ in ends[0].uses:
        pair = len(user.inputs) == 2 and user.inputs[0] is ends[0] and user.inputs[1] is ends[1]
        if pair and user.op == "ConcatV2" and user.attrs.get("axis") in (1, -1):
            return user.out, "concat"
    return None, None
