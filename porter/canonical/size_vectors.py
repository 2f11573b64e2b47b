"""Arithmetic on shapes as `tf.gradients` writes it, done with the sizes that are not known as letters.

The derivative of a mean divides the shape by the shape with ones in the place of the axes that are gone, and repeats what
came back as many times: with letters, [n, 6] // [n, 1] is [1, 6]. Products of sizes divide as fractions do.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from porter.canonical.names import constant
from porter.graph import Graph, Node, Value

MOST = 64  # entries of a vector that are followed
HANDED_ON = ("Cast", "Identity", "Snapshot")


@dataclass(frozen=True)
class Product:
    """A whole number times sizes that are not known, each by the letter that stands for it, in order."""

    factor: int
    letters: tuple[Any, ...] = ()

    def times(self, other: Product) -> Product:
        return Product(self.factor * other.factor, tuple(sorted((*self.letters, *other.letters), key=str)))

    def over(self, other: Product) -> Product | None:
        """The quotient where it is whole whatever the sizes are, else None. A size is never 0."""
        left, right = Counter(self.letters), Counter(other.letters)
        if not other.factor or self.factor % other.factor or right - left:
            return None
        return Product(self.factor // other.factor, tuple(sorted((left - right).elements(), key=str)))


Vector = list[Product]


@dataclass
class SizeVectors:
    """Vectors of sizes, and single ones as vectors of one, by the value that holds them.

    origins: for each letter a tensor and the axis that is as long.
    """

    graph: Graph
    origins: dict[Any, tuple[Value, int]] = field(default_factory=dict)
    _known: dict[int, Vector | None] = field(default_factory=dict)

    def of(self, value: Value) -> Vector | None:
        """What `value` holds, None where it is no arithmetic on sizes."""
        if id(value) not in self._known and value.node.op == "Const":
            self.settle(value.node)
        return self._known.get(id(value))

    def settle(self, node: Node) -> None:
        """Find out what `node` gives, from what its inputs hold."""
        if node.op == "Const":
            array = np.asarray(node.attrs["value"])
            whole = array.dtype.kind in "iu" and array.ndim < 2 and array.size <= MOST
            self._known[id(node.out)] = [Product(int(each)) for each in array.reshape(-1)] if whole else None
        elif node.op == "Shape":
            self._known[id(node.out)] = self.shape(node.inputs[0])
        elif node.op in RULES and all(self.of(value) is not None for value in node.inputs):
            inputs = [self.of(value) or [] for value in node.inputs]
            results = RULES[node.op](node, *inputs)
            for value, found in zip(node.outputs, results or (), strict=False):
                self._known[id(value)] = found

    def shape(self, value: Value) -> Vector | None:
        """The sizes of a tensor, None where its rank is not known."""
        if value.shape is None:
            return None
        return [
            Product(size) if size is not None else self._letter(value, axis) for axis, size in enumerate(value.shape)
        ]

    def _letter(self, value: Value, axis: int) -> Product:
        letter = value.probe[axis] if value.probe is not None else f"{value.name} {axis}"
        self.origins.setdefault(letter, (value, axis))
        return Product(1, (letter,))

    def write(self, value: Value) -> Value | None:
        """The same vector, or single size, made of constants and sizes of tensors; None where it is not known."""
        found = self.of(value)
        if found is None or value.rank == 2 and any(each.letters for each in found):
            return None
        if not any(each.letters for each in found):
            array = np.array([each.factor for each in found], value.dtype)
            array = array.reshape(() if value.rank == 0 else (-1, 2) if value.rank == 2 else -1)
            return constant(self.graph, f"{value.node.name}/sizes_{value.index}", array)
        name = f"{value.node.name}/sizes_{value.index}"
        entries = [self._entry(each, f"{name}_{at}", value.dtype) for at, each in enumerate(found)]
        if value.rank == 0:
            return entries[0]
        stacked = Node(name, "Stack", entries, {"axis": 0}, origin=value.node.origin)
        stacked.outputs = [Value(stacked, 0, (len(entries),), (len(entries),), value.dtype)]
        return self.graph.add(stacked).out

    def _entry(self, product: Product, name: str, dtype: str) -> Value:
        parts = [self._size(*self.origins[letter], f"{name}/{at}", dtype) for at, letter in enumerate(product.letters)]
        if product.factor != 1 or not parts:
            parts.append(constant(self.graph, f"{name}/factor", np.array(product.factor, dtype)))
        made = parts[0]
        for at, part in enumerate(parts[1:]):
            node = Node(f"{name}/product_{at}", "Mul", [made, part])
            node.outputs = [Value(node, 0, (), (), dtype)]
            made = self.graph.add(node).out
        return made

    def _size(self, value: Value, axis: int, name: str, dtype: str) -> Value:
        """tf.shape(value)[axis]"""
        whole = Node(f"{name}/shape", "Shape", [value])
        whole.outputs = [Value(whole, 0, (value.rank,), (value.rank or 0,), dtype)]
        self.graph.add(whole)
        ends = [constant(self.graph, f"{name}/{what}", np.array([at], "int32"))
                for what, at in (("begin", axis), ("end", axis + 1), ("step", 1))]  # fmt: skip
        node = Node(name, "StridedSlice", [whole.out, *ends], {"shrink_axis_mask": 1})
        node.outputs = [Value(node, 0, (), (), dtype)]
        return self.graph.add(node).out


def _numbers(vector: Vector) -> list[int] | None:
    return None if any(each.letters for each in vector) else [each.factor for each in vector]


def _pairs(one: Vector, other: Vector) -> list[tuple[Product, Product]] | None:
    size = max(len(one), len(other))
    if len(one) not in (1, size) or len(other) not in (1, size):
        return None
    return list(zip(one * (size if len(one) == 1 else 1), other * (size if len(other) == 1 else 1), strict=True))


def _over(_: Node, one: Vector, other: Vector) -> list[Vector] | None:
    found = [a.over(b) for a, b in _pairs(one, other) or ()]
    return None if not found or None in found else [[each for each in found if each is not None]]


def _times(_: Node, one: Vector, other: Vector) -> list[Vector] | None:
    pairs = _pairs(one, other)
    return None if pairs is None else [[a.times(b) for a, b in pairs]]


def _at_least(_: Node, one: Vector, other: Vector) -> list[Vector] | None:
    """The larger of sizes and 1, which sizes themselves are; of numbers the larger."""
    found = []
    for a, b in _pairs(one, other) or ():
        if not a.letters and not b.letters:
            found.append(Product(max(a.factor, b.factor)))
        elif Product(1) in (a, b):
            found.append(a if b == Product(1) else b)
        else:
            return None
    return [found] if found else None


def _product(node: Node, sizes: Vector, axes: Vector) -> list[Vector] | None:
    if node.inputs[0].rank != 1 or not axes:
        return None
    found = Product(1)
    for each in sizes:
        found = found.times(each)
    return [[found]]


def _stitch(node: Node, *inputs: Vector) -> list[Vector] | None:
    """DynamicStitch: later ones in the place of earlier ones."""
    count = len(inputs) // 2
    found: dict[int, Product] = {}
    for places, sizes in zip(inputs[:count], inputs[count:], strict=True):
        numbers = _numbers(places)
        if numbers is None or len(numbers) != len(sizes):
            return None
        found.update(zip(numbers, sizes, strict=True))
    return [[found[place] for place in range(len(found))]] if sorted(found) == list(range(len(found))) else None


def _filled(_: Node, dims: Vector, entry: Vector) -> list[Vector] | None:
    numbers = _numbers(dims)
    count = int(np.prod(numbers)) if numbers is not None and len(numbers) < 2 else MOST + 1
    return [entry * count] if count <= MOST else None


def _gather(node: Node, sizes: Vector, places: Vector, *axis: Vector) -> list[Vector] | None:
    numbers = _numbers(places)
    return None if numbers is None or node.inputs[0].rank != 1 else [[sizes[at] for at in numbers]]


def _offsets(node: Node, axis: Vector, *shapes: Vector) -> list[Vector] | None:
    """ConcatOffset: where each part begins."""
    place, found, start = _numbers(axis), [], 0
    if place is None:
        return None
    for shape in shapes:
        size = shape[place[0]]
        if size.letters and shape is not shapes[-1]:
            return None
        found.append([Product(start if at == place[0] % len(shape) else 0) for at in range(len(shape))])
        start += size.factor
    return found


def _joined(node: Node, *inputs: Vector) -> list[Vector] | None:
    """Vectors one behind the other; columns [count, 1] side by side."""
    *parts, axis = inputs
    if all(value.rank == 1 for value in node.inputs[:-1]):
        return [[each for part in parts for each in part]]
    if _numbers(axis) == [1] and all(value.shape and value.shape[1:] == (1,) for value in node.inputs[:-1]):
        return [[each for row in zip(*parts, strict=True) for each in row]]
    return None


def _stacked(node: Node, *rows: Vector) -> list[Vector] | None:
    """Single sizes beside each other, or vectors as the rows of a matrix, which is held row by row."""
    return [[each for row in rows for each in row]] if node.attrs.get("axis", 0) == 0 else None


def _transposed(node: Node, entries: Vector, order: Vector) -> list[Vector] | None:
    shape = node.inputs[0].shape
    if shape is None or len(shape) != 2 or None in shape or _numbers(order) != [1, 0]:
        return None
    columns = shape[1] or 0
    return [[entries[row * columns + column] for column in range(columns) for row in range(shape[0] or 0)]]


def _difference(_: Node, one: Vector, other: Vector) -> list[Vector] | None:
    found = []
    for a, b in _pairs(one, other) or ():
        if a.letters != b.letters and b != Product(0):
            return None
        found.append(Product(a.factor - b.factor, a.letters if a.factor != b.factor else ()))
    return [found] if found else None


def _reshaped(node: Node, sizes: Vector, shape: Vector) -> list[Vector] | None:
    """A vector as a column, or a column as a vector; what it holds stays in order."""
    return [sizes] if len(shape) < 3 else None


RULES: dict[str, Any] = {
    **dict.fromkeys(HANDED_ON, lambda _, x: [x]),
    "ConcatOffset": _offsets,
    "ConcatV2": _joined,
    "DynamicStitch": _stitch,
    "Fill": _filled,
    "FloorDiv": _over,
    "GatherV2": _gather,
    "Maximum": _at_least,
    "Mul": _times,
    "ParallelDynamicStitch": _stitch,
    "Prod": _product,
    "RealDiv": _over,
    "Reshape": _reshaped,
    "Stack": _stacked,
    "Sub": _difference,
    "Transpose": _transposed,
}
