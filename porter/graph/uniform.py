"""Values that hold one number throughout, such as the zeros that a recurrent network begins with."""

from __future__ import annotations

import numpy as np

from porter.graph.graph import Value

# These arrange numbers anew: out of equal ones come equal ones.
ARRANGING = ("ConcatV2", "ExpandDims", "Reshape", "Slice", "Squeeze", "Stack", "StridedSlice", "Tile", "Transpose")


def uniform(value: Value) -> np.ndarray | None:
    """The array of a value that holds one number throughout, such as a state of zeros; None for others."""
    if value.shape is None or None in value.shape:
        return None
    number, seen, stack = None, set(), [value]
    while stack:
        node = stack.pop().node
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.op in ARRANGING:
            stack += node.inputs[:1] if node.op not in ("ConcatV2", "Stack") else node.inputs
        elif node.op == "Fill" and node.inputs:
            stack.append(node.inputs[-1])
        elif node.op == "Const":
            held = np.asarray(node.attrs["value"])
            if not held.size or held.dtype.kind not in "biuf" or (held != held.flat[0]).any():
                return None
            if number is not None and number != held.flat[0]:
                return None
            number = held.flat[0]
        else:
            return None
    return None if number is None else np.full(value.shape, number, number.dtype)  # type: ignore[arg-type]
