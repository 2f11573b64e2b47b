"""Finds shapes that TensorFlow's import leaves open: in loops, behind TensorArrays, and of what follows from those.

A loop variable is taken to keep the shape of its initial value as far as one step through the body keeps it.

A rank that is found so is a number like any other: `tf.tensordot` of TensorFlow 1.4 to 1.12 counts the axes of what it
is given to find its permutation, by which the rank of its own result is known, and with it that of the next one.
"""

from __future__ import annotations

from porter.canonical.chosen_shapes import CHOSEN
from porter.canonical.dimensions import Dims, dims_of, refine
from porter.canonical.fold_integers import fold, fold_rank
from porter.canonical.shape_rules import RULES
from porter.errors import Unsupported
from porter.graph import Graph, Node, Value

ALL_RULES = {**RULES, **CHOSEN}


def infer_shapes(graph: Graph) -> None:
    """Fill in shapes that are not known yet, in `graph` and in the loops inside it. Known sizes stay as they are."""
    if any(node.op == "While" or any(_is_open(value) for value in node.outputs) for node in graph):
        _infer(graph, settled=True)


def _is_open(value: Value) -> bool:
    """Whether a rank is not known, or the channels of what may be images."""
    return value.shape is None or len(value.shape) > 3 and value.shape[-1] is None


def _infer(graph: Graph, settled: bool) -> bool:
    """Fill in shapes in the order of the graph, and numbers that follow from ranks found on the way.

    Gives whether ranks were found.

    settled: the shapes of the graph's inputs are certain, not those that a step through a loop is tried with.
    """
    found_ranks = False
    for node in graph.ordered():
        if node.op == "While":
            _loop(node, settled)
        elif settled and (fold_rank(graph, node) or found_ranks and fold(graph, node)):
            found_ranks = True
        else:
            refine_outputs(node)
    return found_ranks


def refine_outputs(node: Node) -> None:
    """Fill in what the shapes of its inputs tell of the shapes that `node` gives."""
    if node.op in ALL_RULES and node.outputs and all(value.shape is not None for value in node.inputs):
        found = ALL_RULES[node.op](node)
        if found is not None:
            for value in node.outputs:
                refine(value, found)


def _require_same_ranks(node: Node) -> None:
    """Refuse a loop whose steps give another rank than the one that they were found to count on."""
    body = node.attrs["body"]
    for place in range(node.attrs["count"]):
        before, after = body.inputs[place], body.outputs[place]
        if before.rank is not None and after.rank not in (None, before.rank):
            raise Unsupported(
                "A loop changes how many axes a value has, and counts them.",
                where=f"{node.inputs[place].name}, in the loop {node.name}",
                why=f"it has {before.rank} before the first step, {after.rank} after it",
                todo="name outputs before it with --outputs, or tensors behind it with --inputs, to convert the rest",
            )


def _loop(node: Node, settled: bool) -> None:
    body, cond = node.attrs["body"], node.attrs["cond"]
    count = node.attrs["count"]
    start: list[Dims | None] = [dims_of(value) if value.shape is not None else None for value in node.inputs]
    imported = [(value, value.shape, value.probe) for each in body for value in each.outputs]
    for _ in range(3):
        for place, dims in enumerate(start):
            for inner in (body.inputs[place], cond.inputs[place]):
                if dims is not None:
                    inner.shape = tuple(size for size, _ in dims)
                    inner.probe = tuple(p for _, p in dims) if all(p is not None for _, p in dims) else None
        _infer(body, settled=False)
        kept, resizes = list(start), False
        for place in range(count):
            after, before = body.outputs[place], start[place]
            if before is None or after.shape is None:
                continue
            if len(after.shape) != len(before):
                kept[place], resizes = None, True
                continue
            kept[place] = [
                old if old[0] == new[0] and (new[1] is None or old[1] == new[1]) else (None, None)
                for old, new in zip(before, dims_of(after), strict=True)
            ]
            resizes |= any(
                None not in (old[1], new[1]) and old[1] != new[1]
                for old, new in zip(before, dims_of(after), strict=True)
            )
        if kept == start:
            if settled and _infer(body, settled=True):
                _require_same_ranks(node)
            break
        start = kept
        if resizes:  # what was found in the body holds for the first step alone
            node.attrs["resizes"] = True
            for value, shape, probe in imported:
                value.shape, value.probe = shape, probe
    _infer(cond, settled=False)
    for value in node.outputs:
        dims = start[value.index]
        if dims is not None:
            cut = dims and value.index in node.attrs.get("filled", ())
            refine(value, [(None, None), *dims[1:]] if cut else dims)
