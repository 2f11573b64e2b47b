"""Where the best of the first part, or of all parts, are looked for, the other parts are hidden instead of left out.

The beam search of TensorFlow 1.2 to 1.4 starts with beams that are all alike, so its first step takes the best words of
the first beam, the others those of all beams one after the other: a `tf.cond` with sides of different widths, which a
loop of Keras' operations cannot choose between. A place in the first beam is the same in both.
Source: tensorflow/contrib/seq2seq/python/ops/beam_search_decoder.py, `_beam_search_step`, 1.2 to 1.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from porter.graph import Graph, Node, Value


def first_beams(graph: Graph) -> None:
    """TopK(Cond(p, Reshape(x, [batch, -1]), x[:, 0]), k) of x [batch, beams, words] becomes TopK(Where(p or the place is
    in the first beam, Reshape(x), -inf), k), for k no more than `words`.

    Of equal entries TopK takes the first, so that even what is -inf itself is found in the first beam. That the reshape
    keeps the batch follows from the two sides going into one result of `k` for each sample, whichever is taken.
    Left as they are: sides that anything but a TopK takes.
    """
    for node in graph.ordered():
        if node.op == "Cond" and (found := _beams(node)) is not None and not graph.is_output(node.out):
            words, total = found
            counts = [_count(user) for user, slot in node.out.uses if user.op == "TopKV2" and slot == 0]
            if counts and len(counts) == len(node.out.uses) and all(count and count <= words for count in counts):
                _hide(graph, node, words, total)


def _beams(node: Node) -> tuple[int, int] | None:
    """The words of one beam and of all of them, where `node` chooses between all beams in a row and the first one."""
    flat, first = node.inputs[1].node, node.inputs[2].node
    if flat.op != "Reshape" or first.op != "StridedSlice" or flat.inputs[0] is not first.inputs[0]:
        return None
    whole = slice(None)
    if first.attrs.get("slices") not in ((whole, 0), (whole, 0, whole)) or flat.out.rank != 2:
        return None
    shape = flat.inputs[0].shape
    if shape is None or len(shape) != 3 or None in shape[1:] or not _flattens(flat, shape[1] * shape[2]):  # type: ignore
        return None
    return shape[2], shape[1] * shape[2]  # type: ignore[operator, return-value]


def _flattens(flat: Node, total: int) -> bool:
    """Whether `flat` asks for rows of all that one sample has, as a number or as what is left."""
    if "shape" in flat.attrs:
        return flat.attrs["shape"][1:] in ((total,), (-1,))
    sizes = flat.inputs[1].node
    last = sizes.inputs[-1].node if sizes.op == "Stack" else sizes
    return last.op == "Const" and last is not sizes and last.attrs["value"].reshape(-1)[-1] in (-1, total)


def _count(top: Node) -> int | None:
    """How many `top` takes, where that is the same for both sides."""
    return top.attrs["k"] if "k" in top.attrs else _same_number(top.inputs[1])


def _same_number(value: Value) -> int | None:
    """An integer that is the same whatever a condition says: the lesser of 3 and either of 42 or 14 is 3."""
    numbers = _either(value)
    return numbers.pop() if numbers is not None and len(numbers) == 1 else None


def _either(value: Value) -> set[int] | None:
    """The numbers that an integer may be; None where that is not known."""
    node = value.node
    if node.op == "Const":
        return {int(node.attrs["value"])} if node.attrs["value"].size == 1 else None
    if node.op not in ("Cond", "Minimum"):
        return None
    one, other = (_either(side) for side in node.inputs[-2:])
    if one is None or other is None:
        return None
    return one | other if node.op == "Cond" else {min(a, b) for a in one for b in other}


def _hide(graph: Graph, node: Node, words: int, total: int) -> None:
    """Let `node` choose among all beams, of which the first alone can be seen unless its predicate holds."""

    def add(name: str, op: str, inputs: list[Value], shape: tuple[int, ...], dtype: str, **attrs: Any) -> Value:
        made = Node(f"{node.name}/{name}", op, inputs, attrs, origin=node.origin)
        made.outputs = [Value(made, 0, shape, shape, dtype)]
        graph.add(made)
        return made.out

    def number(name: str, count: float, dtype: str = "int32") -> Value:
        return add(name, "Const", [], (), dtype, value=np.asarray(count, dtype))

    predicate, flat, _ = node.inputs
    ends = [number("start", 0), number("total", total), number("step", 1)]
    places = add("places", "Range", ends, (total,), "int32")
    first = add("first", "Less", [places, number("words", words)], (total,), "bool")
    seen = add("seen", "LogicalOr", [predicate, first], (total,), "bool")
    for user in [user for user, _ in node.out.uses]:
        if "k" not in user.attrs:
            user.attrs["k"] = _same_number(user.inputs[1])
            graph.set_inputs(user, user.inputs[:1])
    node.op = "SelectV2"
    graph.set_inputs(node, [seen, flat, number("hidden", -np.inf, node.out.dtype)])
