"""The parts of a Keras model, and where along its graph each is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from porter.transplant.parts import KERNELS, Part, family_of, lone, taken_apart
from porter.transplant.rows import Layout, layout_behind

BESIDE = ("query", "key", "value")  # the layers inside an attention that take the attention's inputs
SETTINGS = (
    "epsilon", "strides", "padding", "dilation_rate", "activation", "recurrent_activation", "groups", "pool_size",
)  # fmt: skip


@dataclass(eq=False)
class Step:
    """One call in a model's graph. before: the steps whose results it takes. layout: of what goes in, and what comes out."""

    layer: Any
    before: list[Step] = field(default_factory=list)
    layouts: tuple[Layout, Layout] = (Layout(), Layout())


def parts_of(model: Any, rename: Callable[[Any, str], str] | None = None) -> list[Part]:
    """The parts of `model` in the order of its graph; of a model without a graph, in the order of its layers.

    rename: gives the name of a weight (layer, role) that people know it by.
    """
    steps = _steps(model)
    called = _attributes([model, *(step.layer for step in steps or ())])
    if steps is None:
        return _numbered(_of_layer(model, rename, called))
    held = {id(step): _of_layer(step.layer, rename, called) for step in steps}
    seen: set[int] = set()
    for step in steps:  # a shared layer counts where it is called first
        held[id(step)] = [part for part in held[id(step)] if not seen & {id(each) for each in part.weights.values()}]
        seen |= {id(each) for part in held[id(step)] for each in part.weights.values()}
    for step in steps:
        for part in held[id(step)]:
            if part.main == "kernel" and len(part.shape()) == 2 and step.layouts[0].rows is not None:
                part.rows = step.layouts[0].rows
    found = _numbered([part for step in steps for part in held[id(step)]])
    _place(steps, held)
    return found


def _numbered(parts: list[Part]) -> list[Part]:
    for order, part in enumerate(parts):
        part.order = order
    return parts


def _of_layer(layer: Any, rename: Callable[[Any, str], str] | None, called: dict[int, str]) -> list[Part]:
    """The parts of a layer: one for each layer inside it that holds weights itself."""
    import keras

    found = []
    backwards: dict[int, bool] = {}
    for each in _within(layer):
        if hasattr(each, "go_backwards") and hasattr(each, "cell"):
            backwards |= {id(cell): each.go_backwards for cell in _within(each.cell)}
        own = [*each._trainable_variables, *each._non_trainable_variables]
        weights = {variable.name: variable for variable in own if "seed_generator" not in variable.path}
        if not weights:
            continue
        names = {role: variable.path for role, variable in weights.items()}
        if rename is not None:
            names = {role: rename(each, role) or name for role, name in names.items()}
        path = next(iter(weights.values())).path.rpartition("/")[0]
        weights, names = lone(weights, names)
        settings = {name: getattr(each, name) for name in SETTINGS if hasattr(each, name)}
        settings = {name: getattr(value, "__name__", value) for name, value in settings.items()}
        part = Part(path, weights, names, family_of(type(each).__name__, set(weights)), settings=settings)
        part.shapes = _as_matrix(each)
        part.called = called.get(id(each), "")
        part.backwards = backwards.get(id(each))
        part.made_in = None if _is_keras_own(layer) else id(layer)
        part.beside = each is not layer and (each.name in BESIDE or isinstance(layer, keras.layers.Bidirectional))
        found += taken_apart(part)
    return found


def _within(layer: Any) -> list[Any]:
    """A layer and those inside it, each behind the one that holds it, in the order in which they were made.

    Keras' own list turns the order round from the second depth on.
    """
    found: dict[int, Any] = {}
    stack = [layer] if hasattr(layer, "_layers") else []
    while stack:
        each = stack.pop()
        if id(each) not in found:
            found[id(each)] = each
            stack += reversed(each._layers)
    return list(found.values())


def _is_keras_own(layer: Any) -> bool:
    return type(layer).__module__.partition(".")[0] == "keras"


def _attributes(roots: list[Any]) -> dict[int, str]:
    """By the id of each layer inside `roots`, the names of the attributes that lead to it: an author's own words.

    What stands in a list has its number there, and what a model in a row or a layer of Keras' own holds its number in it.
    """
    import keras

    found: dict[int, str] = {}
    stack = list(reversed(roots))
    while stack:
        holder = stack.pop()
        told = {name: held for name, held in vars(holder).items() if not name.startswith("_")}
        told |= {"": _in_a_row(holder)}
        for name, held in told.items():
            many = dict(enumerate(held)) if isinstance(held, list | tuple) else held
            many = many if isinstance(many, dict) else {"": many}
            for key, each in many.items():
                if isinstance(each, keras.layers.Layer) and id(each) not in found:
                    found[id(each)] = f"{found.get(id(holder), '')} {name} {key}".rstrip()
                    stack.append(each)
    return found


def _in_a_row(holder: Any) -> list[Any]:
    """What a layer or model holds, where the order is known: a model whose calls are a chain, or a layer of Keras' own."""
    import keras

    if isinstance(holder, keras.Sequential):
        return list(holder.layers)
    if getattr(holder, "_nodes_by_depth", None):
        nodes = list(_ordered(holder))
        return [node.operation for node in nodes] if len(nodes) == len(holder._nodes_by_depth) else []
    return list(holder._layers) if isinstance(holder, keras.layers.Layer) and _is_keras_own(holder) else []


def _as_matrix(layer: Any) -> dict[str, tuple[int, ...]]:
    """The shapes that the weights of an EinsumDense have as those of a dense layer, as attention's heads often are."""
    before, _, after = getattr(layer, "equation", "").replace(" ", "").partition("->")
    letters = before.rpartition(",")[2]
    summed = [letter for letter in letters if letter not in after]
    if not after or not summed or letters[: len(summed)] != "".join(summed):
        return {}
    sizes = [int(size) for size in layer.kernel.shape]
    units = int(np.prod(sizes[len(summed) :]))
    return {"kernel": (int(np.prod(sizes[: len(summed)])), units), "bias": (units,)}


def _steps(model: Any) -> list[Step] | None:
    """The calls of a functional model in topological order, those of models inside it too; None if it has no graph."""
    inner = getattr(model, "_functional", None) or model
    if not getattr(inner, "outputs", None) or not hasattr(inner, "_nodes"):
        return None
    found: list[Step] = []
    given: dict[tuple[int, int, int], Step] = {}
    _walk(inner, {}, given, found)
    return found


def _walk(model: Any, fed: dict[int, Step], made: dict[tuple[int, int, int], Step], found: list[Step]) -> list[Step]:
    """Add the steps of `model`, whose input tensors stand for the steps `fed`; gives the steps of its outputs."""

    def of(tensor: Any) -> Step:
        operation, node_index, index = tensor._keras_history
        if id(tensor) in fed:
            return fed[id(tensor)]
        key = (id(model), id(operation._inbound_nodes[node_index]), index)
        return made.get(key) or made[(*key[:2], 0)]

    for node in _ordered(model):
        operation = node.operation
        before = [of(tensor) for tensor in node.input_tensors]
        inner = getattr(operation, "_functional", None) or operation
        if hasattr(inner, "_nodes") and getattr(inner, "outputs", None) and node.input_tensors:
            ends = _walk(
                inner, {id(tensor): step for tensor, step in zip(inner.inputs, before, strict=False)}, {}, found
            )
            for index, end in enumerate(ends):
                made[(id(model), id(node), index)] = end
            continue
        step = Step(operation, before)
        if before and len(node.output_tensors) == 1:
            given = before[0].layouts[1]
            shapes = node.input_tensors[0].shape, node.output_tensors[0].shape
            step.layouts = given, layout_behind(operation, given, shapes)
        found.append(step)
        made[(id(model), id(node), 0)] = step
    return [of(tensor) for tensor in model.outputs]


def _ordered(model: Any) -> Iterator[Any]:
    """The nodes of a functional model, each behind those that it needs; inputs that are fed from outside are left out."""
    for depth in sorted(model._nodes_by_depth, reverse=True):
        yield from model._nodes_by_depth[depth]


def _place(steps: list[Step], held: dict[int, list[Part]]) -> None:
    """Give the parts their signatures: how many kernels are before and behind them on the longest way, and what else."""
    before: dict[int, int] = {}
    behind: dict[int, int] = {}
    kernel: dict[int, int | None] = {}
    kinds: dict[int, tuple[str, ...]] = {}
    every = {part.order: part for step in steps for part in held[id(step)]}
    for part in every.values():
        part.short = False
    for step in steps:
        parts, sources = held[id(step)], step.before
        start = max((before[id(each)] for each in sources), default=0)
        bits = 0
        for each in sources:
            bits |= behind[id(each)]
        for each in sources:
            ending = kernel[id(each)]
            if ending is not None and before[id(each)] < start:
                every[ending].short = True
        last = kernel[id(sources[0])] if len(sources) == 1 else None
        between = kinds[id(sources[0])] if len(sources) == 1 else ("meeting",) if sources else ()
        name = type(step.layer).__name__
        if "Pool" in name or "UpSampling" in name:
            between = (*between, "pooling" if "Pool" in name else "upsampling")
        for group in _together(parts):
            for part in group:
                part.behind, part.after = bits, last if part.family in ("norm", "scale") else None
                part.signature = (start + (part.family in KERNELS), between)
            start += group[-1].family in KERNELS
            for part in group:
                bits |= 1 << part.order
            if group[-1].family in KERNELS:
                last = group[-1].order
        before[id(step)], behind[id(step)], kernel[id(step)] = start, bits, last
        kinds[id(step)] = () if any(part.family in KERNELS for part in parts) else between
    after: dict[int, int] = {id(step): 0 for step in steps}
    for step in reversed(steps):
        rest = after[id(step)]
        for group in reversed(_together(held[id(step)])):
            for part in group:
                assert part.signature is not None
                part.signature = (part.signature[0], rest, part.signature[1])
            rest += group[-1].family in KERNELS
        for each in step.before:
            after[id(each)] = max(after[id(each)], rest)


def _together(parts: list[Part]) -> list[list[Part]]:
    """The parts of a layer one after the other, those that take the same together."""
    found: list[list[Part]] = []
    for part in parts:
        if found and part.beside and found[-1][-1].beside:
            found[-1].append(part)
        else:
            found.append([part])
    return found
