"""Where a size comes from: the dimension of another tensor, or a number that is computed."""

from __future__ import annotations

from dataclasses import dataclass

from porter.canonical.dimensions import constant
from porter.canonical.shape_rules import SHAPED_LIKE_FIRST
from porter.graph import Node, Value
from porter.graph.operations import BROADCASTING, DRAWN


@dataclass(frozen=True)
class Origin:
    """The size of `axis` of `value`, or (`axis` None) the number that `value` is."""

    value: Value
    axis: int | None

    @property
    def size(self) -> int | None:
        """The size, if it is known."""
        if self.axis is None:
            held = self.value.node.attrs.get("value")
            return int(held.reshape(())) if self.value.node.op == "Const" and held is not None else None
        return self.value.shape[self.axis] if self.value.shape else None


def origin(value: Value, axis: int) -> Origin:
    """The farthest that the size of one axis can be followed back."""
    found = Origin(value, axis)
    for _ in range(10_000):
        before = _before(found)
        if before is None:
            return found
        found = before
    return found


def _before(found: Origin) -> Origin | None:
    """One operation back; None where it stops."""
    value, axis = found.value, found.axis
    node = value.node
    if axis is None:
        return _number(node, value)
    if not node.inputs or value.shape is None:
        return None
    if axis < 0:
        axis += len(value.shape)
    first = node.inputs[0]
    if node.op in SHAPED_LIKE_FIRST:
        return Origin(first, axis)
    if node.op in BROADCASTING or node.op in ("Select", "Cond"):
        return _broadcast(node, value, axis)
    if node.op == "Fill" or node.op in DRAWN:
        return _entry(first, axis)
    if node.op == "BroadcastTo":
        return _entry(node.inputs[1], axis)
    if node.op == "MatMul":
        if axis == 0:
            return Origin(first, 1 if node.attrs.get("transpose_a") else 0)
        return Origin(node.inputs[1], 0 if node.attrs.get("transpose_b") else 1)
    if node.op == "BatchMatMul":
        return _product(node, value, axis)
    if node.op == "ConcatV2":
        place = constant(node, -1)
        apart = place is not None and int(place) % len(value.shape) != axis
        return Origin(first, axis) if apart else None
    if node.op in ("Split", "SplitV"):
        slot = 0 if node.op == "Split" else 2
        place, source = constant(node, slot), node.inputs[1 if node.op == "Split" else 0]
        return Origin(source, axis) if place is not None and int(place) % len(value.shape) != axis else None
    if node.op == "Transpose":
        perm = constant(node, 1)
        return None if perm is None else Origin(first, int(perm.reshape(-1)[axis]))
    if node.op == "ExpandDims":
        place = constant(node, 1)
        if place is None or int(place.reshape(())) % len(value.shape) == axis:
            return None
        return Origin(first, axis - (axis > int(place.reshape(())) % len(value.shape)))
    if node.op in ("Stack", "Unstack"):
        place = node.attrs.get("axis", 0) % (len(value.shape) if node.op == "Stack" else len(value.shape) + 1)
        if node.op == "Stack":
            return None if axis == place else Origin(first, axis - (axis > place))
        return Origin(first, axis + (axis >= place))
    if node.op == "ArrayRead":
        return Origin(first, axis + 1)
    if node.op == "GatherV2" and constant(node, 2) is not None and node.inputs[1].rank is not None and first.rank:
        return _gathered(node, axis)
    if node.op == "OneHot" and node.attrs.get("axis", -1) in (-1, len(value.shape) - 1) and axis < len(value.shape) - 1:
        return Origin(first, axis)
    if node.op in ("ArgMax", "ArgMin") and constant(node, 1) is not None and first.rank:
        reduced = int(constant(node, 1).reshape(())) % first.rank  # type: ignore[union-attr]
        return Origin(first, axis + (axis >= reduced))
    if node.op in ("Sum", "Mean", "Max", "Min", "Prod", "Any", "All") and constant(node, 1) is not None and first.rank:
        gone = {int(each) % first.rank for each in constant(node, 1).reshape(-1)}  # type: ignore[union-attr]
        if node.attrs.get("keep_dims"):
            return None if axis in gone else Origin(first, axis)
        return Origin(first, [place for place in range(first.rank) if place not in gone][axis])
    if node.op in ("LSTMBlockCell", "GRUBlockCell"):
        return Origin(node.inputs[1], axis)
    if (node.op == "Conv2D" and axis == 0) or (node.op == "FusedBatchNorm" and value.index == 0):
        return Origin(first, 0)
    if node.op in ("TopKV2", "Slice", "StridedSlice", "Tile", "Pad", "Squeeze", "Reshape") and first.rank is not None:
        return _kept(node, value, axis)
    return None


def _broadcast(node: Node, value: Value, axis: int) -> Origin | None:
    """The input whose dimension the result has: one that is no 1."""
    found = None
    inputs = node.inputs[1:] if node.op == "Select" else node.inputs
    if node.op == "Cond":  # what counts at inference first, so that nothing hangs on what only training computes
        inputs = node.inputs[:0:-1]
    for each in inputs:
        place = axis - len(value.shape or ()) + (each.rank or 0)
        if each.shape is None or place < 0 or each.shape[place] == 1:
            continue
        if each.shape[place] is not None or found is None or _is_leaf(each):
            found = Origin(each, place)
    return found


def _product(node: Node, value: Value, axis: int) -> Origin | None:
    """Of matrices: the rows of the first, the columns of the second; the axes before these where both have them."""
    first, second = node.inputs
    rank = len(value.shape or ())
    if axis == rank - 1 and second.rank:
        return Origin(second, second.rank - (2 if node.attrs.get("adj_y") else 1))
    if axis == rank - 2 and first.rank:
        return Origin(first, first.rank - (1 if node.attrs.get("adj_x") else 2))
    return Origin(first, axis) if first.rank == rank and axis < rank - 2 else None


def _gathered(node: Node, axis: int) -> Origin:
    """Of what is gathered, those axes without the one along which it is; in its place those of the places."""
    first, places = node.inputs[:2]
    at = int(constant(node, 2).reshape(())) % (first.rank or 1)  # type: ignore[union-attr]
    shared = node.attrs.get("batch_dims", 0)
    wide = (places.rank or 0) - shared
    if axis < at:
        return Origin(first, axis)
    return Origin(places, axis - at + shared) if axis < at + wide else Origin(first, axis - wide + 1)


def _is_leaf(value: Value) -> bool:
    return value.node.op == "Placeholder"


def _kept(node: Node, value: Value, axis: int) -> Origin | None:
    """The same axis of the first input, where the operation leaves it as it is."""
    first = node.inputs[0]
    rank = len(value.shape or ())
    if node.op == "TopKV2":
        return Origin(first, axis) if axis < rank - 1 else None
    if node.op == "Tile":
        times = constant(node, 1)
        return Origin(first, axis) if times is not None and times.reshape(-1)[axis] == 1 else None
    if node.op == "Pad":
        wide = constant(node, 1)
        return Origin(first, axis) if wide is not None and not wide[axis].any() else None
    if node.op == "Slice":
        begin, size = constant(node, 1), constant(node, 2)
        if size is None:
            return _entry(node.inputs[2], axis)
        return Origin(first, axis) if begin is not None and begin[axis] == 0 and size[axis] == -1 else None
    if node.op == "Squeeze":
        axes = [each % (first.rank or 1) for each in node.attrs.get("squeeze_dims", ())]
        left = [place for place in range(first.rank or 0) if place not in axes]
        return Origin(first, left[axis]) if axes and len(left) == rank else None
    if node.op == "Reshape":
        return _entry(node.inputs[1], axis) or _reshaped(node, value, axis)
    begin, end = constant(node, 1), constant(node, 2)
    masks = {
        name: node.attrs.get(f"{name}_mask", 0) for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    if begin is None or end is None or masks["ellipsis"] or masks["new_axis"]:
        return None
    left = [place for place in range(first.rank or 0) if not masks["shrink_axis"] >> place & 1]
    place = left[axis]
    bit = 1 << place
    whole = place >= len(begin) or (masks["begin"] & bit and masks["end"] & bit)
    return Origin(first, place) if whole else None


def _reshaped(node: Node, value: Value, axis: int) -> Origin | None:
    """The batch that a reshape leaves where it is: [-1, 8] of [batch, 2, 4]."""
    first = node.inputs[0]
    rest, kept = (value.shape or ())[1:], (first.shape or ())[1:]
    if axis or None in rest or None in kept or not first.shape:
        return None
    product, other = 1, 1
    for size in rest:
        product *= size or 1
    for size in kept:
        other *= size or 1
    return Origin(first, 0) if product == other else None


def _entry(sizes: Value, place: int) -> Origin | None:
    """What one entry of a vector of sizes is."""
    node = sizes.node
    if node.op == "Const":
        return None
    if node.op == "Stack":
        found = Origin(node.inputs[place], None)
        return None if found.size is not None and found.size < 0 else found  # -1: whatever is left
    if node.op == "Shape":
        return Origin(node.inputs[0], place)
    if node.op == "ConcatV2":
        for part in node.inputs[:-1]:
            length = (part.shape or (None,))[0]
            if length is None:
                return None
            if place < length:
                return _entry(part, place)
            place -= length
        return None
    if node.op in ("Cast", "Identity"):
        return _entry(node.inputs[0], place)
    return Origin(sizes, None) if sizes.shape == (1,) else None


def _number(node: Node, value: Value) -> Origin | None:
    """Where a number comes from."""
    if node.op in ("ExpandDims", "Reshape", "Squeeze", "Cast", "Identity"):
        return Origin(node.inputs[0], None)
    if node.op == "StridedSlice" and node.attrs.get("shrink_axis_mask") == 1 and value.rank == 0:
        place = constant(node, 1)
        length = (node.inputs[0].shape or (None,))[0]
        if place is not None and (place.reshape(-1)[0] >= 0 or length is not None):
            at = int(place.reshape(-1)[0])
            return _entry(node.inputs[0], at if at >= 0 else at + (length or 0))
    return None
