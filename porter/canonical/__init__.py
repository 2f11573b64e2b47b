"""Brings a graph into the one form that rules are written for.

Weight arithmetic is never folded here: it would destroy `rsqrt(variance + epsilon) * gamma`, a standardised kernel or a
spectral norm before a rule could see them.
"""

from porter.canonical.array_shapes import array_elements, array_shapes, later_loops
from porter.canonical.biases_at_products import biases_at_products
from porter.canonical.broadcasts import broadcasts
from porter.canonical.channels import channels_last
from porter.canonical.conditionals import resolve_conditionals
from porter.canonical.counted_loops import counted_loops
from porter.canonical.derivatives import derivatives
from porter.canonical.einsum_products import einsum_products
from porter.canonical.first_beams import first_beams
from porter.canonical.fold_integers import fold_integers
from porter.canonical.growing_arrays import growing_arrays
from porter.canonical.heads_apart import heads_apart
from porter.canonical.identities import drop_identities
from porter.canonical.infer_shapes import infer_shapes
from porter.canonical.joined_parts import joined_parts
from porter.canonical.kept_reductions import kept_reductions
from porter.canonical.loop_variables import loop_variables
from porter.canonical.loops import functional_loops
from porter.canonical.mapped_pictures import mapped_pictures
from porter.canonical.merge_equal import merge_equal
from porter.canonical.names import unify_names
from porter.canonical.reshaped_sides import reshaped_sides
from porter.canonical.rows import rows
from porter.canonical.single_entries import single_entries
from porter.canonical.single_numbers import single_numbers
from porter.canonical.sizes_at_origin import sizes_at_origin
from porter.canonical.sizes_behind_layers import sizes_behind_layers
from porter.canonical.static_arguments import static_arguments
from porter.canonical.uniform_sides import uniform_sides
from porter.canonical.weight_loops import weight_loops
from porter.graph import Graph

# Over the whole graph, frames of loops included; then over it and over the graphs inside it.
WHOLE = (
    unify_names,
    resolve_conditionals,
    drop_identities,
    single_numbers,
    functional_loops,
    fold_integers,
    derivatives,
    single_numbers,
    growing_arrays,
    mapped_pictures,
    loop_variables,
    infer_shapes,
    array_shapes,
    infer_shapes,
    array_elements,
    counted_loops,
    weight_loops,
    sizes_at_origin,
    sizes_behind_layers,
    later_loops,
)
PASSES = (
    drop_identities,
    static_arguments,
    broadcasts,
    joined_parts,
    single_entries,
    channels_last,
    drop_identities,
    reshaped_sides,
    first_beams,
    uniform_sides,
    heads_apart,
    rows,
    sizes_behind_layers,
    einsum_products,
    biases_at_products,
    merge_equal,
    kept_reductions,
    merge_equal,
)


def canonical(graph: Graph) -> Graph:
    """Bring `graph` into canonical form, in place."""
    for each in WHOLE:
        each(graph)
        graph.prune()
    return _simplify(graph)


def _simplify(graph: Graph) -> Graph:
    for each in PASSES:
        each(graph)
        graph.prune()
    for node in list(graph):
        for inner in node.attrs.values():
            if isinstance(inner, Graph):
                _simplify(inner)
    return graph


__all__ = ["PASSES", "WHOLE", "canonical"]
