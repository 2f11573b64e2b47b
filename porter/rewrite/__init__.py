"""Raises TensorFlow operations to Keras calls.

Rules run in one visible list, larger clusters first; then single operations. Each step removes TensorFlow nodes and adds
none, so this ends without a limit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from porter.errors import Unsupported
from porter.graph import Graph, Node, Value
from porter.pattern import Matcher, Miss
from porter.pattern.matcher import Match
from porter.rewrite.activations import fold_activations
from porter.rewrite.batch_coupling import Coupling
from porter.rewrite.batch_report import kept, made_safe
from porter.rewrite.batch_safe import keep_samples_apart
from porter.rewrite.by_hand import as_functions, check_form, of_one_call
from porter.rewrite.kept_axes import kept_axes
from porter.rewrite.kernels import raise_kernels
from porter.rewrite.recurrent import forget_masks, raise_chains, raise_fused, raise_loops, raise_single_steps, settle
from porter.rewrite.settings import settings
from porter.rewrite.sizes import Sizes, outline
from porter.rewrite.step_numbers import number_steps
from porter.rewrite.transposes import cancel_transposes
from porter.rewrite.zero_products import zero_products
from porter.rule.cell import Cell
from porter.rule.context import Context, use
from porter.rule.rule import OPS, Rule

LEAVES = ("Placeholder", "Const", "Variable", "Knob", "Table")
BATCH_SAFE = "batch-safe"  # in the place of a rule's name, for what `keep_samples_apart` does


@dataclass
class Rewriting:
    """What was found out on the way.

    misses: by TensorFlow node, (rule, how much of it fitted, why it missed), for `porter explain`. couplings: what let
    the samples of a batch influence each other; changes: what was done about it. sizes_of_one: whether the proof must
    try inputs whose unknown sizes are 1.
    """

    warnings: list[str] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    couplings: list[Coupling] = field(default_factory=list)
    misses: dict[str, list[tuple[str, int, Miss]]] = field(default_factory=lambda: defaultdict(list))
    refuted: dict[tuple[str, str], str] = field(default_factory=dict)
    sizes_of_one: bool = False

    def coupled(self, layers: Sequence[dict[str, Any]]) -> list[str]:
        """Warnings of what still lets samples influence each other, told by the report's rows of `layers`."""
        return list(kept(self.couplings, layers))


def rewrite(
    graph: Graph,
    rules: Sequence[Rule],
    *,
    exact: bool = False,
    normalisation: str = "layer",
    result: Rewriting | None = None,
    refuted: Mapping[tuple[str, str], str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Rewriting:
    """Raise `graph` in place until only Keras calls are left, beside inputs, weights and arithmetic on weights alone.

    normalisation: how those that were written by hand are written, see `by_hand`. refuted: by rule and TensorFlow node,
    proposals that were run and computed something else, and how far they were off.
    Raises `Unsupported` with every operation that no rule covers.
    """
    result = result or Rewriting()
    result.refuted = dict(refuted or {})
    check_form(normalisation)
    as_ops, legacy = normalisation == "ops", normalisation == "legacy"
    context = Context(exact=exact, as_ops=as_ops, legacy=legacy, batch=graph.sizes.get("batch"))
    doubtful = next((why for (rule, _), why in result.refuted.items() if rule == BATCH_SAFE), "")
    result.couplings = keep_samples_apart(graph, context.batch, exact=exact or bool(doubtful))
    for coupling in result.couplings if doubtful else ():
        coupling.why = doubtful
    kept = kept_axes(graph)
    with use(context):
        waiting: list[Rule] | None = []  # loops are left alone until what is recurrent was taken out of them
        for index, each in enumerate(rules):
            if each.place == "kernels":
                continue
            if isinstance(each, Cell):
                if waiting is not None:
                    _raise_recurrent(graph, rules, context, result)
                    _apply_in_loops(waiting, graph, context, result)
                waiting = None
                continue
            if each.place != "loops":
                _apply(each, graph, context, result)
            if waiting is None:
                _apply_in_loops([each], graph, context, result)
            else:
                waiting.append(each)
            if progress:
                progress(index + 1, len(rules))
        _settle_training(graph, result)
        number_steps(graph)
        zero_products(graph)
        _apply_operations(graph, context, result)
        if normalisation == "lambda":
            as_functions(graph)
        cancel_transposes(graph)
        fold_activations(graph)
        forget_masks(graph)
        _raise_kernels(graph, rules, result)
        outline(graph)
    result.changes = [*made_safe(graph, result.couplings), *kept]
    result.sizes_of_one = context.sizes_of_one
    return result


def _apply_in_loops(rules: Sequence[Rule], graph: Graph, context: Context, result: Rewriting) -> None:
    for part in _insides(graph):
        for each in rules:
            if each.place != "outside":
                _apply(each, part, context, result)


def _raise_recurrent(graph: Graph, rules: Sequence[Rule], context: Context, result: Rewriting) -> None:
    """Put recurrent layers in the place of loops and of cells that were written out step by step."""
    cells = [each for each in rules if isinstance(each, Cell)]
    around = [each for each in rules if each.in_steps]

    def simplify(step: Graph) -> None:
        for each in around:
            _apply(each, step, context, result)

    def note(node: Node, miss: Miss) -> None:
        result.misses[node.name].append(("recurrent", 1, miss))

    def holds(rule: str, origin: Sequence[str]) -> bool:
        return not any((rule, name) in result.refuted for name in origin)

    raise_loops(graph, cells, simplify, holds, note, result.warnings.append)
    raise_fused(graph, cells)
    raise_chains(graph, cells, holds)
    settle(graph)
    for part in _insides(graph):
        raise_single_steps(part, cells)


def _raise_kernels(graph: Graph, rules: Sequence[Rule], result: Rewriting) -> None:
    """Give layers whose kernel comes out of arithmetic that arithmetic."""

    def holds(rule: str, origin: Sequence[str]) -> bool:
        return not any((rule, name) in result.refuted for name in origin)

    def note(node: Node, rule: str, depth: int, miss: Miss) -> None:
        result.misses[node.name].append((rule, depth, miss))

    raise_kernels(graph, [each for each in rules if each.place == "kernels"], holds, note)


def _apply(rule: Rule, graph: Graph, context: Context, result: Rewriting) -> None:
    """Try `rule` on every node it can end in, those nearest to the outputs first."""
    if not any(node.op in rule.roots for node in graph):
        return
    candidates = [node for node in reversed(graph.ordered()) if node.op in rule.roots]
    matcher = Matcher(graph)
    for node in candidates:
        if graph.nodes.get(node.name) is not node or not graph.is_used(node):
            continue
        for value in node.outputs:
            if value.uses or graph.is_output(value):
                _apply_at(rule, value, graph, matcher, context, result)
    if any(graph.nodes.get(node.name) is not node for node in candidates):
        graph.prune()  # what only a raised cluster used must not count as a use for the next rule


def _apply_at(rule: Rule, value: Value, graph: Graph, matcher: Matcher, context: Context, result: Rewriting) -> None:
    if matcher.is_static(value):
        return
    miss, depth = None, 0
    off = next(
        (result.refuted[rule.name, name] for name in value.node.origin if (rule.name, name) in result.refuted), None
    )
    if off is not None:
        miss = Miss(f"what it proposed was run and computes something else: {off}", value.node)
        result.misses[value.node.name].append((rule.name, 99, miss))
        result.warnings.append(f"near miss of the rule {rule.name} at {value.node.name}: {miss.reason}")
        return
    for match in matcher.matches(rule.pattern, value):
        context.warnings = []
        try:
            proposed = rule.propose(match)
            if context.as_ops and (layer := of_one_call(_new_nodes(graph, proposed))):
                raise Miss(f"{layer} is to be written as plain operations", value.node)
        except Miss as problem:
            if len(match.nodes) > depth:
                miss, depth = problem, len(match.nodes)
            continue
        _put(graph, match, value, proposed, rule.name)
        result.warnings += context.warnings
        return
    miss = miss or matcher.miss
    if miss is not None:
        result.misses[value.node.name].append((rule.name, depth, miss))


def _put(graph: Graph, match: Match, root: Value, proposed: Value | tuple[Value, ...], rule: str) -> None:
    """Put the proposed calls in the place of the matched nodes."""
    values = proposed if isinstance(proposed, tuple) else (proposed,)
    outputs = root.node.outputs if len(values) > 1 else [root]
    origin = tuple(dict.fromkeys(name for node in reversed(match.nodes) for name in node.origin))
    _insert(graph, values, rule, origin, root.node.name)
    for old, new in zip(outputs, values, strict=False):
        _inherit(new, old)
        graph.replace(old, new)
    for node in match.nodes:
        if graph.nodes.get(node.name) is node and not graph.is_used(node):
            graph.remove(node)


def _insert(graph: Graph, values: Sequence[Value], rule: str, origin: tuple[str, ...], name: str) -> None:
    """Add the calls that `values` come from, and that are not in the graph yet."""
    pending = _new_nodes(graph, values)
    for node in reversed(pending):
        node.attrs["rule"] = rule
        node.origin = origin
        node.name = f"{name}~"
        graph.add(node)


def _new_nodes(graph: Graph, proposed: Value | Sequence[Value]) -> list[Node]:
    """The calls that these values come from and that are not in the graph yet, the last first."""
    values = [proposed] if isinstance(proposed, Value) else proposed
    pending: list[Node] = []
    stack = [value.node for value in values]
    while stack:
        node = stack.pop()
        if node.is_call and graph.nodes.get(node.name) is not node and not any(node is each for each in pending):
            pending.append(node)
            stack.extend(value.node for value in node.inputs)
    return pending


def _inherit(new: Value, old: Value) -> None:
    if new.node.is_call and new.shape is None:
        new.shape, new.probe, new.dtype = old.shape, old.probe, old.dtype


def _insides(graph: Graph) -> list[Graph]:
    """The graphs inside the loops of `graph`, and inside theirs."""
    inner = [each for node in graph for each in node.attrs.values() if isinstance(each, Graph)]
    return [*inner, *(deeper for each in inner for deeper in _insides(each))]


def _settle_training(graph: Graph, result: Rewriting) -> None:
    """What still depends on training after all rules takes its inference form; the user is told."""
    for each in _insides(graph):
        _settle_training(each, result)
    for node in list(graph):
        if node.op == "Cond" and node.inputs[0].node.op == "Knob":
            training, inference = node.inputs[1:]
            result.warnings.append(
                f"{node.name}: what it does in training ({training.node.op}) has no rule; the model always does what the "
                f"original does in inference ({inference.node.op})"
            )
            graph.replace(node.out, inference)
    graph.prune()
    for node in list(graph):
        if node.op == "Knob" and not any(node is value.node for value in graph.inputs):
            node.op = "Const"
            node.attrs = {"value": np.asarray(node.attrs["inference"], dtype=_numpy_dtype(node.out.dtype))}


def _numpy_dtype(name: str) -> Any:
    return None if name in ("string", "bfloat16") else name


def _apply_operations(graph: Graph, context: Context, result: Rewriting) -> None:
    """Write what is left as single calls. Raises `Unsupported` with all that has no form."""
    problems = _operations(graph, context, result, inside=False)
    if problems:
        first, *others = problems
        raise Unsupported(first.what, where=first.where, why=first.why, todo=first.todo, also=list(others))


def _operations(graph: Graph, context: Context, result: Rewriting, *, inside: bool) -> list[Unsupported]:
    """As `_apply_operations`, for a graph `inside` a loop too: there, arithmetic on constants is not left for later."""
    matcher = Matcher(graph)
    sizes = Sizes(graph)
    problems: list[Unsupported] = []
    for node in graph.ordered():
        for inner in node.attrs.values():
            if isinstance(inner, Graph):
                problems += _operations(inner, context, result, inside=True)
        if node.op in LEAVES or node.op == "ArrayNew" or node.is_call:
            continue
        if not inside and node.outputs and matcher.is_static(node.outputs[0]):
            continue
        if node.op == "While":
            node.op = "ops.while_loop"
            node.attrs.update(args=(), kwargs={}, rule="while")
            continue
        if not graph.is_used(node) or all(value in sizes for value in node.outputs):
            continue
        miss: Miss | None = None
        context.inputs = [] if inside else graph.inputs
        for each in OPS.get(node.op, []):
            context.warnings = []
            try:
                proposed = each.propose(node)
            except Miss as problem:
                miss = problem if miss is None or not problem.other_form else miss
                continue
            _put(graph, Match({}, (node,)), node.outputs[0], proposed, node.op)
            result.warnings += context.warnings
            break
        else:
            problems.append(_unsupported(node, miss, result))
    graph.prune()
    return problems


def _unsupported(node: Node, miss: Miss | None, result: Rewriting) -> Unsupported:
    near = max(result.misses.get(node.name, []), key=lambda found: found[1], default=None)
    why = str(miss) if miss else "no rule covers this operation"
    if near and near[1] > (1 if miss else 0):
        why += f"; the nearest rule is {near[0]}, which missed because {near[2]}"
    todo = "name outputs before it with --outputs, or tensors behind it with --inputs, to convert the rest"
    fed = settings(node)
    if fed and miss is not None and miss.other_form:
        todo = f"{' '.join(f'--freeze {name}=…' for name in fed)} gives it for good; or {todo}"
    return Unsupported(f"{node.op} has no Keras form here", where=node.name, why=why, todo=todo)
