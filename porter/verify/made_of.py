"""What trained weights were made from, number by number: whose gradient is whose."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from porter.verify.finding import Context
from porter.verify.graphdef import ancestors, split
from porter.verify.reference import Reference
from porter.verify.steps import parts, places, read
from porter.verify.weights import Origins, find_weight, layers_by_name


@dataclass
class Made:
    """A weight and the tensors of the original that it was made from.

    places: for each of its numbers, the place among all numbers of these tensors; None where it simply is the tensor.
    """

    path: str
    weight: Any
    tensors: list[str]
    shapes: list[tuple[int, ...]]
    places: np.ndarray | None = None

    def apart(self, array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """The weight's gradient, told apart by tensor."""
        if self.places is None:
            yield self.tensors[0], array
            return
        total = np.zeros(sum(math.prod(shape) for shape in self.shapes), array.dtype)
        np.add.at(total, self.places.reshape(-1), array.reshape(-1))
        start = 0
        for tensor, shape in zip(self.tensors, self.shapes, strict=True):
            yield tensor, total[start : start + math.prod(shape)].reshape(shape)
            start += math.prod(shape)

    def together(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """The other way: what the weight is where its tensors are `arrays`."""
        flat = np.concatenate([array.reshape(-1) for array in arrays]) if self.places is not None else arrays[0]
        return flat if self.places is None else flat[self.places]


def trained_weights(context: Context, reference: Reference) -> tuple[list[Made], list[str]]:
    """The trained weights with what they come from, and the others that come from the same.

    As far as a gradient by what they come from can be told from gradients by them.
    """
    layers = layers_by_name(context.model)
    origins = Origins(reference, [])
    found: list[Made] = []
    seen: set[int] = set()
    unclear: dict[str, str] = {}
    sources: dict[str, None] = {}
    for path, source in _sources(context.report):
        layer, key = path.rsplit("/", 1)
        weight = find_weight(layers[layer], key) if layer in layers else None
        if weight is None or not str(weight.dtype).startswith("float") or id(weight) in seen:
            continue
        seen.add(id(weight))
        tensors = [origins.resolve(read(piece)[0]) for piece in parts(source)[0]]
        sources.update(dict.fromkeys(tensor for tensor in tensors if reference.has(tensor)))
        made = _made(reference, path, weight, tensors, source)
        if isinstance(made, str):
            unclear.update(dict.fromkeys(tensors, f"{path}: {made}"))
        else:
            found.append(made)
    trained = {tensor for each in found if each.weight.trainable for tensor in each.tensors}
    found = [each for each in found if trained & set(each.tensors)]
    tensors = list(dict.fromkeys(tensor for each in found for tensor in each.tensors))
    nodes = {name: split(reference.original.stands_for(name))[0] for name in tensors}
    known = {node: name for name, node in nodes.items()}
    for name in sources:  # those of weights that are not trained too: what was computed once no longer follows
        node = split(reference.original.stands_for(name))[0]
        for behind in sorted(ancestors(reference.nodes, [node]) & known.keys() - {node}):
            unclear.setdefault(known[behind], f"{behind} also goes into {name}, of which the model holds a copy")
    for name, why in _computed_twice(context, reference, nodes).items():
        unclear.setdefault(name, why)
    for name, why in _shared_constants(reference, found, nodes).items():
        unclear.setdefault(name, why)
    notes = [f"{why}; the gradient by {name} is not compared" for name, why in unclear.items()]
    return [each for each in found if not unclear.keys() & set(each.tensors)], notes


def _computed_twice(context: Context, reference: Reference, nodes: Mapping[str, str]) -> dict[str, str]:
    """Computed tensors that share a variable with something else on the way to the outputs, as what a layer that is
    called twice makes of its kernel in each call; and why their gradient is not that of a weight.
    """
    variables = reference.original.variables.keys()
    computed = {name: node for name, node in nodes.items() if node not in variables}
    outputs = [reference.original.stands_for(name) for name in context.trials.converted.outputs]
    around = ancestors(reference.nodes, outputs, stop=computed.values()) & variables
    why = {}
    for name, node in computed.items() if around else ():
        shared = sorted(ancestors(reference.nodes, [node]) & around)
        if shared:
            why[name] = f"{name} is computed from {shared[0]}, which goes into the outputs by another way, too"
    return why


def _shared_constants(reference: Reference, found: list[Made], nodes: Mapping[str, str]) -> dict[str, str]:
    """Constants of a frozen graph that stand for more than the weights that name them, and why."""
    constants = {name: node for name, node in nodes.items() if reference.nodes[node].op == "Const"}
    if not constants:
        return {}
    users = Counter(split(source)[0] for node in reference.nodes.values() for source in node.input)
    weights = Counter(tensor for each in found for tensor in each.tensors)
    digests = {
        node.name: sha256(node.attr["value"].tensor.SerializeToString(deterministic=True)).digest()
        for node in reference.nodes.values()
        if node.op == "Const"
    }
    alike = Counter(digests.values())
    why = {}
    for name, node in constants.items():
        if users[node] > weights[name]:
            why[name] = f"{node} is a constant that several operations share"
        elif alike[digests[node]] > 1:
            why[name] = f"another constant holds the numbers of {node}, and is one with it"
    return why


def _made(reference: Reference, path: str, weight: Any, tensors: list[str], source: str) -> Made | str:
    """One weight with what it was made from, or why that cannot be told."""
    if not all(reference.has(tensor) for tensor in tensors):
        return "its source is not in the original"
    shapes = [reference.gradient_point(tensor).shape for tensor in tensors]
    if not all(shape.is_fully_defined() for shape in shapes):
        return "the shape of its source is not known"
    plain = [tuple(shape.as_list()) for shape in shapes]
    simple = len(tensors) == 1 and not read(parts(source)[0][0])[1]
    made = Made(path, weight, tensors, plain, None if simple else places(source, plain))
    if not simple and made.places is None:
        return f"how it was made from {source} is not known here"
    shape = plain[0] if made.places is None else made.places.shape
    return made if shape == tuple(weight.shape) else f"{source} has another shape"


def _sources(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Path and source of each weight that has a tensor as its source."""
    for row in report["layers"]:
        for key, source in (row.get("weights") or {}).items():
            if isinstance(source, str):
                yield f"{row['name']}/{key}", source
