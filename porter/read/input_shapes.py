"""Shapes of inputs that the graph does not say, or says otherwise than it means."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from porter.errors import Unsupported
from porter.read.model import Original
from porter.read.operations import shape_of
from porter.read.shapes import Shapes
from porter.read.static import imported
from porter.read.wiring import Tensor, Wiring, parse


def set_shapes(original: Original, given: Collection[Tensor]) -> None:
    """Give each input of unknown rank the shape that its consumers ask for.

    given: inputs whose shape the user gave. Raises Unsupported where nothing tells a shape.
    """
    wiring = Wiring(original.graph_def)
    shapes = Shapes(wiring)
    nodes = {name: wiring.nodes[parse(original.stands_for(name))[0]] for name in original.inputs}
    _doubt_scalars(original, nodes.values(), given)
    for name, node in nodes.items():
        if not node.attr["shape"].shape.unknown_rank:
            continue
        shape, guessed = shapes.infer((node.name, 0)), False
        if shape is None:
            shape, guessed = shapes.guess((node.name, 0)), True
        if shape is None:
            raise Unsupported(
                f"The shape of the input {name} is unknown.",
                where=", ".join(f"{user} ({wiring.op(user)})" for user, _, _ in wiring.users[node.name][:3]),
                why="the graph does not say it, nor does what consumes it",
                todo=f"give it with --shape {name.removesuffix(':0')}=?,28,28,1 (? for an unknown dimension)",
            )
        node.attr["shape"].shape.Clear()
        node.attr["shape"].shape.SetInParent()
        for size in shape:
            node.attr["shape"].shape.dim.add(size=-1 if size is None else size)
        origin = "guessed from what is computed of it" if guessed else "taken from what consumes it"
        better = f"; --shape {name.removesuffix(':0')}=... gives another" if guessed else ""
        original.warnings.append(f"The shape of {name} is not in the graph; {origin}: {_written(shape)}{better}.")


def fix_batches(original: Original, counts: Mapping[str, int]) -> None:
    """A queue gives as many samples at once as the training took: where the graph counts on it, so must we.

    counts: by input, how many samples its queue gives at once.
    """
    graph = imported(original.graph_def) if counts else None
    if graph is None:
        return
    shapes = [graph.get_tensor_by_name(original.stands_for(name)).shape for name in original.outputs]
    fixed = {size for shape in shapes if shape.rank for size in shape.as_list()[:1]}
    nodes = {node.name: node for node in original.graph_def.node}
    for name, count in counts.items():
        dims = nodes[parse(original.stands_for(name))[0]].attr["shape"].shape.dim
        if count in fixed and dims and dims[0].size == -1:
            dims[0].size = count
            original.warnings.append(f"The graph is written for batches of {count}: {name} takes no other.")


def _doubt_scalars(original: Original, nodes: Iterable[Any], given: Collection[Tensor]) -> None:
    """Graphs out of TensorFlow 1's freezer have no version, and before version 22 a scalar was written as an unknown rank
    is: where TensorFlow finds that the scalars do not fit, they are none."""
    scalars = [n for n in nodes if shape_of(n.attr["shape"].shape) == () and (n.name, 0) not in given]
    if original.source.graph_def.versions.producer == 0 and scalars and imported(original.graph_def) is None:
        for node in scalars:
            node.attr["shape"].shape.unknown_rank = True


def _written(shape: tuple[int | None, ...]) -> str:
    return (
        "(" + ", ".join("?" if size is None else str(size) for size in shape) + ("," if len(shape) == 1 else "") + ")"
    )
