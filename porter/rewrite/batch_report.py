"""Says what became of the couplings between the samples of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from porter.graph import Graph, Node
from porter.rewrite.batch_coupling import Coupling


def made_safe(graph: Graph, couplings: Sequence[Coupling]) -> Iterator[dict[str, Any]]:
    """What was changed on purpose, layer by layer, as report.json has it. outputs: the places of the graph's outputs.

    tensors: those of the original in which samples influence each other, and those that stand for them do not.
    """
    undone = [each for each in couplings if each.undone]
    if not undone:
        return
    calls: dict[str, Node] = {}
    for node in graph.ordered():
        for name in node.origin if node.is_call else ():
            calls.setdefault(name, node)
    key: Any
    layers: dict[Any, tuple[str, list[Coupling]]] = {}
    for coupling in undone:
        met = coupling.meets[-1]
        call = calls.get((met.node.origin or ("",))[-1])
        if call is None or call.op.startswith("ops."):  # several calls, told as one
            key, layer = tuple(coupling.outputs), met.tensor
        else:
            key, layer = id(call), call.out.tensor or met.tensor
        layers.setdefault(key, (layer, []))[1].append(coupling)
    for layer, found in layers.values():
        names = list(dict.fromkeys(coupling.what for coupling in found))
        words = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        they = ("were", "they are") if " and " in words else ("was", "it is")
        unfolded = ", and rows and columns that were folded into the batch have an axis of their own"
        yield {
            "kind": "batch-safe",
            "layer": layer,
            "outputs": sorted({place for coupling in found for place in coupling.outputs}),
            "tensors": sorted({value.tensor for coupling in found for value in coupling.meets if value.tensor}),
            "why": f"{words} {they[0]} taken over the whole batch, so that an answer depended on its neighbours; "
            f"{they[1]} now each sample's own{unfolded if any(each.unfolds for each in found) else ''}",
        }


def kept(couplings: Sequence[Coupling], layers: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Warnings of the couplings that are still there, one for each of the report's `layers` that holds some.

    What has gone into a recurrent layer, such as the greatest length of a batch, is none of its own any more.
    """
    rows = {name: row for row in layers for name in row["nodes"]}
    found: dict[int, tuple[dict[str, Any], list[Coupling]]] = {}
    for coupling in couplings:
        row = rows.get(coupling.origin[0])
        if row is not None and not coupling.undone:
            found.setdefault(id(row), (row, []))[1].append(coupling)
    for row, held in found.values():
        words = " and ".join(dict.fromkeys(coupling.what for coupling in held))
        why = next((coupling.why for coupling in held if coupling.why), "")
        layer = f"layer {row['name']}, {row['class']}" if row["name"] else row["class"]
        yield (
            f"{held[0].origin[0]} ({layer}): {words} over the batch; an answer depends on its neighbours, as in the "
            f"original{f': {why}' if why else ''}"
        )
