"""Where a graph ends: its variables, its placeholders, and the tensors at which it is cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from porter.errors import Unsupported, UsageError
from porter.read.contexts import Contexts
from porter.read.cut import TABLES, Plan, Shape, Stand
from porter.read.flow import NUMBERS, Flow
from porter.read.operations import VARIABLES, output_types
from porter.read.static import channels_of, declared, shape_behind
from porter.read.tables import Tables
from porter.read.values import Values
from porter.read.wiring import Tensor, Wiring, spell


def make_plan(
    wiring: Wiring,
    contexts: Contexts,
    flow: Flow,
    values: Values,
    tables: Tables,
    inputs: Iterable[Tensor],
    shapes: Mapping[Tensor, Shape],
) -> Plan:
    """Variables and placeholders stand for themselves; the graph is cut at queues, iterators, decoders, lookups of text that
    a Keras model cannot make, and `inputs`.

    shapes: those that the user gave. Raises Unsupported for an input of unknown type, UsageError for a shape of
    something that is no input.
    """
    plan, inputs = Plan(), list(inputs)
    for name, node in wiring.nodes.items():
        if node.op in VARIABLES or node.op in ("Placeholder", "PlaceholderV2"):
            plan.stands[name] = declared(wiring, (name, 0))
        elif node.op == "PlaceholderWithDefault":
            _add_default(plan, wiring, flow, values, name, (name, 0) in inputs)
        elif node.op in TABLES:
            if (table := tables.of(name)) is not None:
                plan.tables[name] = table
        elif flow.is_boundary(name) and name not in tables.lookups:
            for index, dtype in enumerate(output_types(node) or []):
                if dtype in NUMBERS:
                    stand = declared(wiring, (name, index))
                    plan.cuts[name, index] = Stand(dtype, stand.shape or channels_of(wiring, (name, index)))
    for tensor in inputs:
        if tensor[0] not in plan.stands:
            plan.cuts[tensor] = _input(plan, wiring, contexts, tensor)
    for tensor, shape in shapes.items():
        variable = wiring.op(tensor[0]) in VARIABLES
        known = plan.cuts.get(tensor) or plan.stands.get(tensor[0])
        if known is None or variable:
            raise UsageError(
                f"{spell(tensor)} is {'a variable' if variable else 'no input'}, so that it cannot be given a shape.",
                todo="name a placeholder with --shape",
            )
        if not _refines(shape, known.shape):
            raise UsageError(
                f"{spell(tensor)} cannot be of the shape {_words(shape)}.",
                why=f"the graph says {_words(known.shape)}",
                todo="give what the graph leaves open (?), and the sizes that it says as they are",
            )
        if tensor in plan.cuts:
            plan.cuts[tensor] = Stand(known.dtype, shape)
        else:
            plan.stands[tensor[0]] = Stand(known.dtype, shape)
    return plan


def _refines(shape: Shape, known: Shape) -> bool:
    """Whether a placeholder of the shape `known` may be taken for one of `shape`."""
    if shape is None or known is None:
        return True
    return len(shape) == len(known) and all(size in (None, wanted) for wanted, size in zip(shape, known, strict=True))


def _words(shape: Shape) -> str:
    return "[" + ", ".join("?" if size is None else str(size) for size in shape or ()) + "]"


def _add_default(plan: Plan, wiring: Wiring, flow: Flow, values: Values, name: str, wanted: bool) -> None:
    """A placeholder with a default is an input when its default is an array or read from files; a default that is
    computed from something else stays. One with a constant scalar is decided on when the knobs are known."""
    source = wiring.inputs[name][0]
    behind = wiring.before([source[0]], stop=flow.sources)
    constant = all(wiring.op(n) in ("Const", "Identity", "Fill", "Cast") for n in behind)
    if not wanted and not constant and not any(flow.is_boundary(n) for n in behind):
        plan.defaults.add(name)
        return
    stand = declared(wiring, (name, 0))
    if stand.shape is None and constant:
        value = values.of(source)
        stand = Stand(stand.dtype, () if value is not None and value.ndim == 0 else None)
    plan.stands[name] = stand


def _input(plan: Plan, wiring: Wiring, contexts: Contexts, tensor: Tensor) -> Stand:
    """What stands for a tensor that the user wants as an input."""
    stand = declared(wiring, tensor)
    if not stand.dtype:
        raise Unsupported(
            f"{spell(tensor)} cannot become an input: its type is unknown.",
            where=spell(tensor),
            why=f"today's TensorFlow does not know the operation {wiring.op(tensor[0])}",
            todo="cut the graph behind it",
        )
    shape = stand.shape if stand.shape is not None else shape_behind(wiring, contexts, tensor, plan)
    return Stand(stand.dtype, shape)
