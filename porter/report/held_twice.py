"""Finds weights of the original of which the model holds several copies: equal at first, but trained apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from porter.graph import Graph, Node, WeightRef

WHOLE = ("transposed", "reshaped", "blocks", "plus", "deviation", "dealt")  # steps that keep all of a weight
NAMED = 3  # layers, and weights, that a sentence names


def held_twice(graph: Graph, bindings: Sequence[Any], names: dict[str, str]) -> list[str]:
    """A sentence for each set of layers that hold the same weights.

    A decoder that was written once and runs twice, in training and in use, is two loops here, each with its cell; a table
    that embeds words and, turned, gives their scores is an `Embedding` and a `Dense`. Parts of one weight that do not
    overlap, such as the two kernels of a recurrent cell, are no copies.

    bindings: what fills each Keras weight. names: the checkpoint's name of each variable's node.
    """
    holders: dict[str, dict[tuple[str, ...], list[str]]] = {}
    layer_of = {f"{each.layer}.{each.path}": each.layer for each in bindings}
    for each in bindings:
        for leaf in each.ref.leaves:
            for variable, part in _parts(graph, leaf):
                places = holders.setdefault(variable, {}).setdefault(part, [])
                places.append(f"{each.layer}.{each.path}")
    found: dict[tuple[str, ...], list[str]] = {}
    for variable, parts in holders.items():
        groups = [list(chain.from_iterable(parts.values()))] if () in parts else list(parts.values())
        for group in groups:
            places = list(dict.fromkeys(group))
            layers = tuple(dict.fromkeys(layer_of[place] for place in places))
            if len(places) > 1:
                found.setdefault(layers if len(layers) > 1 else tuple(places), []).append(names.get(variable, variable))
    return [_sentence(held_by, list(dict.fromkeys(weights))) for held_by, weights in found.items()]


def _parts(graph: Graph, leaf: WeightRef) -> list[tuple[str, tuple[str, ...]]]:
    """The trainable variables that one part of a weight comes from, each with what tells this part; () is all of it."""
    cut = tuple(what for what, _ in leaf.steps if not what.startswith(WHOLE))
    node = leaf.value.node
    if node.op == "Variable":
        return [(node.name, cut)] if _is_trainable(node) else []
    made_of = [each for each in graph.ancestors([node]) if each.op == "Variable" and _is_trainable(each)]
    return [(each.name, (leaf.value.name, *cut)) for each in made_of]


def _is_trainable(node: Node) -> bool:
    variable = node.attrs.get("variable")
    return variable is not None and variable.trainable


def _sentence(held_by: tuple[str, ...], weights: list[str]) -> str:
    return (
        f"{_listed(list(held_by))} each hold a copy of {_listed(weights)}, of which the original has one. The copies are "
        "equal now, but training changes each alone."
    )


def _listed(names: list[str]) -> str:
    """The names, or the first of them and how many more there are."""
    rest = [f"{len(names) - NAMED} more"] if len(names) > NAMED + 1 else names[NAMED:]
    *first, last = names[:NAMED] + rest
    return f"{', '.join(first)} and {last}" if first else last
