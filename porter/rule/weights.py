"""Weights that are parts of others: taken apart in the graph, whole in a Keras layer."""

from __future__ import annotations

from typing import Any

from porter.graph import Node, Value, WeightRef

PARTS = {"Split", "StridedSlice", "Transpose", "Reshape", "Squeeze", "ExpandDims", "Slice", "Unstack"}


def stored(variable: Any) -> WeightRef:
    """A variable that stands beside the graph, such as what a moving average is computed from."""
    node = Node(variable.node, "Variable", attrs={"variable": variable}, origin=(variable.node,))
    node.outputs = [Value(node, 0, variable.shape, variable.shape, variable.dtype, f"{variable.node}:0")]
    return WeightRef(node.out)


def is_trained(ref: WeightRef) -> bool:
    """True where variables are behind the numbers, not constants alone."""
    stack, seen = [leaf.value.node for leaf in ref.leaves], set()
    while stack:
        node = stack.pop()
        if node.op == "Variable":
            return True
        if id(node) not in seen:
            seen.add(id(node))
            stack.extend(value.node for value in node.inputs)
    return False


def resolved(ref: WeightRef) -> WeightRef:
    """The same numbers, told from the variable that they are a part or another arrangement of."""
    node, shape = ref.value.node, ref.value.shape
    if node.op not in PARTS or ref.others:
        return ref
    source = node.inputs[-1] if node.op == "Split" else node.inputs[0]
    if shape is None or None in shape or source.shape is None or None in source.shape:
        return ref
    whole = resolved(WeightRef(source))
    if whole.others:
        return ref
    if node.op == "Transpose" and "perm" in node.attrs:
        made = whole.transpose(*node.attrs["perm"])
    elif node.op in ("Reshape", "Squeeze", "ExpandDims"):
        made = whole.reshape(shape)  # type: ignore[arg-type]
    elif node.op == "Unstack":
        if node.attrs.get("axis", 0) != 0:
            return ref
        made = whole.rows(ref.value.index, ref.value.index + 1).reshape(shape)  # type: ignore[arg-type]
    else:
        ranges = _ranges(node, ref.value.index, source.shape)
        if ranges is None:
            return ref
        made = whole
        for axis, (start, stop) in enumerate(ranges):
            if (start, stop) == (0, source.shape[axis]):
                continue
            if axis not in (0, len(ranges) - 1):
                return ref
            made = made.columns(start, stop) if axis == len(ranges) - 1 else made.rows(start, stop)
    return WeightRef(made.value, (*made.steps, *ref.steps))


def _ranges(node, index: int, shape) -> list[tuple[int, int]] | None:
    """What a Split, Slice or StridedSlice takes of each axis of `shape`; None for what is no plain part."""
    ranges = [(0, size) for size in shape]
    if node.op == "Split":
        axis = node.attrs.get("axis")
        if axis is None:
            return None
        width = shape[axis] // len(node.outputs)
        ranges[axis] = (index * width, (index + 1) * width)
        return ranges
    if node.op == "Slice":
        if "begin" not in node.attrs:
            return None
        pairs = zip(node.attrs["begin"], node.attrs["size"], shape, strict=True)
        return [(begin, size if length == -1 else begin + length) for begin, length, size in pairs]
    slices = node.attrs.get("slices")
    if slices is None or not all(isinstance(each, slice) and each.step is None for each in slices):
        return None
    for axis, each in enumerate(slices):
        start, stop, _ = each.indices(shape[axis])
        ranges[axis] = (start, stop)
    return ranges


def together(*refs: WeightRef) -> WeightRef:
    """Weights side by side along the last axis: the one that they are all parts of, or several joined."""
    parts = [resolved(ref) for ref in refs]
    first, end = parts[0], 0
    for part, ref in zip(parts, refs, strict=True):
        width = (ref.value.shape or (0,))[-1] or 0
        before = first.steps[:-1]
        if part.value is not first.value or part.key != (
            *first.key[: len(before) + 1],
            f"columns {(end, end + width)}",
        ):
            return parts[0].join(*parts[1:]) if len(parts) > 1 else parts[0]
        end += width
    return WeightRef(first.value, first.steps[:-1])


def stacked(*vectors: WeightRef) -> WeightRef:
    """Vectors as the rows of a matrix: the one that they are the rows of, or several joined."""
    parts = [resolved(vector) for vector in vectors]
    first = parts[0].value
    rows = [(first.name, f"rows {(place, place + 1)}") for place in range(len(parts))]
    fits = len(first.shape or ()) == 2 and (first.shape or (0,))[0] == len(parts)
    if fits and all(
        part.value is first and part.key[:2] == row and _only_reshaped(part)
        for part, row in zip(parts, rows, strict=True)
    ):
        return WeightRef(first)
    leaves = [leaf for part in parts for leaf in part.leaves]
    return leaves[0].join(*leaves[1:]).reshape((len(parts), -1))


def _only_reshaped(part: WeightRef) -> bool:
    return all(what.startswith("reshaped") for what, _ in part.steps[1:])
