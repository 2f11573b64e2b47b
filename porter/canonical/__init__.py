"""Brings a graph into the one form that rules are written for.

Weight arithmetic is never folded here: it would destroy `rsqrt(variance + epsilon) * gamma`, a standardised kernel or a
spectral norm before a rule could see them.
"""

from porter.canonical.conditionals import resolve_conditionals
from porter.canonical.identities import drop_identities
from porter.canonical.merge_equal import merge_equal
from porter.canonical.names import unify_names
from porter.canonical.static_arguments import static_arguments
from porter.graph import Graph

PASSES = (unify_names, resolve_conditionals, drop_identities, static_arguments, drop_identities, merge_equal)


def canonical(graph: Graph) -> Graph:
    """Bring `graph` into canonical form, in place."""
    for each in PASSES:
        each(graph)
        graph.prune()
    return graph


__all__ = ["PASSES", "canonical"]
