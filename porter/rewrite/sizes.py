"""Arithmetic on sizes that are known only when the model runs.

A Functional model knows no size while it is built, so a call that needs one (a tile by the batch's size, a reshape to the
rows of another tensor) goes into a layer of its own, together with the arithmetic that leads from `Shape` to its argument.
There, on every backend, sizes are plain numbers as far as they are static.
"""

from __future__ import annotations

from porter.graph import Body, Graph, Node, Ref, Value
from porter.pattern import Matcher

# Operations that make sizes out of sizes.
ARITHMETIC = {"Add", "Sub", "Mul", "FloorDiv", "FloorMod", "Maximum", "Minimum", "Neg"}
REARRANGE = {"StridedSlice", "Slice", "Stack", "Unstack", "ConcatV2", "Prod", "GatherV2", "ExpandDims", "Squeeze",
             "Reshape", "Cast", "SplitV"}  # fmt: skip
SOURCES = {"Shape", "Size"}


class Sizes:
    """Tells which values of a graph are sizes."""

    def __init__(self, graph: Graph):
        self._known: set[int] = set()
        for node in graph.ordered():
            if self._is_size(node):
                self._known.update(id(value) for value in node.outputs)

    def __contains__(self, value: Value) -> bool:
        return id(value) in self._known

    def _is_size(self, node: Node) -> bool:
        if node.op in SOURCES:
            return True
        if node.op not in ARITHMETIC | REARRANGE or not node.inputs:
            return False
        deepest = 2 if node.op == "Stack" and node.attrs.get("axis", 0) == 0 else 1  # pairs of paddings
        if any(value.rank is None or value.rank > deepest for value in node.outputs):
            return False
        if any(value.dtype not in ("int32", "int64") for value in node.outputs):
            return False
        if node.op == "StridedSlice" and "slices" not in node.attrs or node.op == "Slice" and "begin" not in node.attrs:
            return False
        if node.op == "SplitV" and "sizes" not in node.attrs:
            return False
        if node.op == "Reshape" and node.attrs.get("shape") not in ((), (1,), (-1,), (None,)):
            return False
        sizes = [value for value in node.inputs if id(value) in self._known]
        return bool(sizes) and all(v.node.op == "Const" or id(v) in self._known for v in node.inputs)


def outline(graph: Graph) -> None:
    """Put every call that takes sizes, and every loop, into a layer of its own."""
    sizes = Sizes(graph)
    for place, value in enumerate(graph.outputs):
        if value in sizes:
            node = Node(
                f"{value.node.name}~",
                "ops.convert_to_tensor",
                [value],
                {"args": (Ref(0),), "kwargs": {"dtype": value.dtype}},
            )
            node.attrs["rule"] = "sizes"
            node.origin = value.node.origin
            node.outputs = [Value(node, 0, value.shape, value.probe, value.dtype, value.tensor)]
            graph.add(node)
            graph.outputs[place] = node.out
    matcher = Matcher(graph)
    for node in graph.ordered():
        takes_sizes = "at_run_time" in node.attrs or any(
            value in sizes or value.node.op == "ArrayNew" for value in node.inputs
        )
        if node.op == "ops.while_loop" or (node.is_call and takes_sizes):
            _outline(graph, node, sizes, matcher)
    graph.prune()


def _outline(graph: Graph, node: Node, sizes: Sizes, matcher: Matcher) -> None:
    def goes_inside(value: Value) -> bool:
        return value in sizes or value.node.op == "ArrayNew"

    order = graph.ancestors([value.node for value in node.inputs if goes_inside(value)], goes_inside)
    inputs: dict[int, Value] = {}
    for each in (*order, node):
        for value in each.inputs:
            if not goes_inside(value) and not matcher.is_static(value):
                inputs[id(value)] = value
    if not inputs:
        inputs = {id(value): value for value in graph.inputs[:1]}
    kind = node.op.split(".")[1]
    name = "Loop" if kind == "while_loop" else "".join(part.capitalize() for part in kind.split("_")) + "BySize"
    layer = Node(node.name, f"runtime.{name}", list(inputs.values()))
    used = [value for value in node.outputs if value.uses or graph.is_output(value)]
    layer.attrs = {
        "body": Body(list(inputs.values()), [*order, node], used),
        "args": tuple(Ref(index) for index in range(len(inputs))),
        "kwargs": {},
        "rule": node.attrs.get("rule", ""),
    }
    layer.origin = tuple(dict.fromkeys([*(name for each in order for name in each.origin), *node.origin]))
    layer.outputs = [Value(layer, index, v.shape, v.probe, v.dtype) for index, v in enumerate(used)]
    graph.add(layer)
    for old, new in zip(used, layer.outputs, strict=True):
        graph.replace(old, new)
    graph.remove(node)
