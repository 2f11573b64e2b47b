"""What is known of sizes and of zeros outside of a loop."""

from __future__ import annotations

from porter.graph import Node, Value
from porter.pattern.matcher import scalar

KEEPS_SHAPE = {
    "Add", "Cast", "BiasAdd", "Dropout", "Identity", "Mul", "Relu", "ReverseSequence", "ReverseV2", "Sigmoid",
    "StopGradient", "Sub", "Tanh", "RealDiv",
}  # fmt: skip
KEEPS_NUMBER = {
    "BroadcastTo", "Cast", "ExpandDims", "GatherV2", "Identity", "Max", "Reshape", "Slice", "Split", "SplitV", "Squeeze",
    "StridedSlice", "Tile", "Transpose", "Unstack",
}  # fmt: skip
PRODUCTS = {"Mul", "MatMul", "Conv2D"}


def is_zero(value: Value) -> bool:
    """True for a tensor that holds nothing but 0, whatever its size."""
    return is_filled(value, 0)


def is_filled(value: Value, number: float) -> bool:
    """True for a tensor that holds nothing but `number`, whatever its size."""
    for _ in range(50):
        node = value.node
        if node.op == "Const":
            array = node.attrs["value"]
            return array.dtype.kind in "iufb" and bool((array == number).all())
        if node.op == "ZerosLike":
            return number == 0
        if node.op == "OnesLike":
            return number == 1
        if node.op == "Fill":
            return scalar(node.inputs[-1]) == number
        if node.op in PRODUCTS:
            if number or not any(each.node.op == "Const" and is_zero(each) for each in node.inputs):
                if number or not node.inputs:
                    return False
                value = node.inputs[0]
                continue
            return True
        if node.op in ("ConcatV2", "Stack"):
            data = [each for each in node.inputs if not each.dtype.startswith("int")]
            return bool(data) and all(is_filled(each, number) for each in data)
        if node.op not in KEEPS_NUMBER and (number or node.op not in ("Sum", "Mean")) or not node.inputs:
            return False
        value = node.inputs[1] if node.op == "Split" and len(node.inputs) == 2 else node.inputs[0]
    return False


def same_size(one: Value, other: Value, axis: int = 0, other_axis: int = 0) -> bool:
    """True if two are known to be, or to have along an axis, the same size. An integer scalar is a size."""
    sizes = [_size(one, axis), _size(other, other_axis)]
    (static, probe, origin), (other_static, other_probe, other_origin) = sizes
    if static is not None and other_static is not None:
        return static == other_static
    if probe is not None and other_probe is not None:
        return probe == other_probe
    return origin is not None and origin == other_origin


def _size(value: Value, axis: int = 0) -> tuple[int | None, int | None, tuple[int, int] | None]:
    """A size: as a number, in the probe, and the value and axis that it is of."""
    node = value.node
    while node.op == "Cast" and value.rank == 0:
        value, node = node.inputs[0], node.inputs[0].node
    if value.rank == 0 and value.dtype.startswith("int"):
        if node.op == "Const":
            number = int(node.attrs["value"])
            return number, number, None
        if node.op == "StridedSlice" and node.inputs[0].node.op == "Shape":
            slices = node.attrs.get("slices", ())
            if len(slices) == 1 and isinstance(slices[0], int):
                return _dimension(node.inputs[0].node.inputs[0], slices[0])
        if node.op in ("Minimum", "Maximum"):
            found = [_size(each) for each in node.inputs]
            least = [size[0] for size in found]
            if found[0] == found[1] or node.op == "Maximum" and least[0] == 1:
                return found[1]  # a size is 1 at least
            if node.op == "Maximum" and least[1] == 1:
                return found[0]
            known = [size for size in least if size is not None]
            both = node.op == "Minimum" and len(known) == len(least)
            return (min(known), min(known), None) if both else (None, None, None)
        return None, None, None
    return _dimension(value, axis)


def _dimension(value: Value, axis: int) -> tuple[int | None, int | None, tuple[int, int] | None]:
    if value.shape is None or not -len(value.shape) <= axis < len(value.shape):
        return None, None, None
    axis %= len(value.shape)
    return value.shape[axis], value.probe[axis] if value.probe else None, _origin(value, axis)


def _origin(value: Value, axis: int) -> tuple[int, int]:
    """The value and the axis that this dimension comes from, through what keeps it."""
    while True:
        node: Node = value.node
        if node.op == "Transpose" and "perm" in node.attrs:
            value, axis = node.inputs[0], node.attrs["perm"][axis]
        elif node.op == "GatherV2" and node.inputs[1].rank is not None and axis < node.inputs[1].rank:
            if node.attrs.get("axis", 0) != 0:
                return id(value), axis
            value = node.inputs[1]
        elif node.op in KEEPS_SHAPE and _keeps(node.inputs, value, axis):
            value = node.inputs[0]
        else:
            return id(value), axis


def _keeps(inputs: list[Value], value: Value, axis: int) -> bool:
    """True if the dimension is the first input's, not one that it was broadcast to."""
    shape = inputs[0].shape if inputs else None
    return shape is not None and len(shape) == len(value.shape or ()) and (shape[axis] != 1 or value.shape[axis] == 1)  # type: ignore[index]
