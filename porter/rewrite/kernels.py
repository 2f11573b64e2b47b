"""Kernels that come out of arithmetic: a rule for them wraps the layer, or puts another in its place, and training goes on.

By then each layer is raised, whatever it is, with its kernel bound to the arithmetic's result; that is what these rules
match. What none of them covers stays as it is, and the kernel gets the numbers that come out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from porter.graph import Graph, Node, WeightRef
from porter.pattern import Matcher, Miss
from porter.rule.calls import Layer
from porter.rule.rule import Rule


def raise_kernels(
    graph: Graph,
    rules: Sequence[Rule],
    holds: Callable[[str, Sequence[str]], bool],
    note: Callable[[Node, str, int, Miss], None],
) -> None:
    """Apply `rules` to the kernel of every layer.

    holds: whether a rule may be used on a layer that stands for these nodes. note: takes why a rule missed.
    """
    matcher = Matcher(graph)
    for node in graph.ordered():
        kernel = node.attrs.get("weights", {}).get("kernel") if "config" in node.attrs else None
        if kernel is None or kernel.others or kernel.after or kernel.steps:
            continue
        if kernel.value.node.op not in ("Const", "Variable"):
            _raise(node, kernel, rules, matcher, holds, note)


def _raise(
    node: Node,
    kernel: WeightRef,
    rules: Sequence[Rule],
    matcher: Matcher,
    holds: Callable[[str, Sequence[str]], bool],
    note: Callable[[Node, str, int, Miss], None],
) -> None:
    args, kwargs = node.attrs["config"]
    layer = Layer(node.op, args, kwargs).bind(**node.attrs["weights"])
    for rule in rules:
        if not holds(rule.name, node.origin):
            continue
        for match in matcher.matches(rule.pattern, kernel.value, {"layer": layer}):  # type: ignore[dict-item]
            try:
                made = rule.propose(match)
            except Miss as miss:
                note(kernel.value.node, rule.name, len(match.nodes), miss)
                continue
            assert isinstance(made, Layer)
            node.op = made.op
            node.attrs.update(config=(made.args, made.kwargs), weights=made.weights, rule=rule.name)
            return
        if matcher.miss is not None:
            note(kernel.value.node, rule.name, 0, matcher.miss)
