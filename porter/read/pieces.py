"""Partitioned variables whose pieces a checkpoint holds one by one, under `w/part_0`, `w/part_1`, …

TensorFlow's Saver stores the pieces of a partitioned variable as one; a program that saves each by itself does not. Where
the graph has the variable whole, the pieces are put together, along the axis in which they lie side by side.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np

from porter.read.model import Source
from porter.read.operations import VARIABLES, shape_of

PIECE = re.compile(r"(.+)/part_(\d+)")
Shape = tuple[int, ...]


def join_pieces(source: Source) -> None:
    """Let `source` have the wholes in the place of their pieces. A graph that has pieces itself keeps them."""
    assert source.load is not None
    variables = [node for node in source.graph_def.node if node.op in VARIABLES] if source.graph_def else []
    if any(PIECE.fullmatch(node.name) for node in variables):
        return
    declared = {node.name: shape_of(node.attr["shape"].shape) for node in variables}
    wholes = {}
    for name, pieces in _groups(source.stored).items():
        axis = _axis(name, [source.stored[piece][0] for piece in pieces], declared)
        if axis is not None:
            wholes[name] = (pieces, axis)
    if not wholes:
        return
    for name, (pieces, axis) in wholes.items():
        shapes = [source.stored.pop(piece) for piece in pieces]
        source.stored[name] = (_joined([shape for shape, _ in shapes], axis), shapes[0][1])
    source.load = _loader(source.load, wholes)
    shown = ", ".join(f"{name} of {len(pieces)} along axis {axis}" for name, (pieces, axis) in list(wholes.items())[:4])
    more = f" and {len(wholes) - 4} more" if len(wholes) > 4 else ""
    source.warnings.append(f"The checkpoint holds variables in pieces; they were put together: {shown}{more}.")


def _groups(stored: Mapping[str, tuple[Shape, str]]) -> dict[str, list[str]]:
    """The names of the pieces of each whole, in order; only where none is missing and the whole itself is not stored."""
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for name in stored:
        if match := PIECE.fullmatch(name):
            found[match[1]][int(match[2])] = name
    return {
        whole: [pieces[number] for number in range(len(pieces))]
        for whole, pieces in found.items()
        if whole not in stored and len(pieces) > 1 and pieces.keys() == set(range(len(pieces)))
    }


def _axis(name: str, shapes: list[Shape], declared: Mapping[str, tuple[int | None, ...] | None]) -> int | None:
    """The axis along which pieces lie: the one that gives the graph's shape, or else the only one in which they differ."""
    if not shapes[0] or len({len(shape) for shape in shapes}) > 1:
        return None
    axes = [at for at in range(len(shapes[0])) if len({shape[:at] + shape[at + 1 :] for shape in shapes}) == 1]
    wanted = [shape for shape in ([declared[name]] if name in declared else declared.values()) if shape is not None]
    fitting = [at for at in axes if _joined(shapes, at) in wanted]
    return fitting[0] if len(fitting) == 1 else axes[0] if len(axes) == 1 and name not in declared else None


def _joined(shapes: list[Shape], axis: int) -> Shape:
    return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])


def _loader(
    load: Callable[[str], np.ndarray], wholes: Mapping[str, tuple[list[str], int]]
) -> Callable[[str], np.ndarray]:
    def joined(name: str) -> np.ndarray:
        if name not in wholes:
            return load(name)
        pieces, axis = wholes[name]
        return np.concatenate([load(piece) for piece in pieces], axis)

    return joined
