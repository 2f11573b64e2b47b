"""Source of the layers that are made for one model: parts of its graph that run in a layer's `call`."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from porter.emit import names as naming
from porter.emit.calls_inside import Writer
from porter.emit.literals import literal
from porter.emit.statements import indented
from porter.graph import Body, Graph, Node, Value, WeightRef

FEW = ("x", "y", "z")


@dataclass
class Written:
    """The source of a class without its decorator, the weights that it holds, and the custom layers that it uses.

    weights: by attribute, "__" standing for a dot. lent: by attribute, the call of a layer that it is given. dropouts:
    for each in a loop, the TensorFlow nodes it stands for.
    """

    source: str
    weights: dict[str, WeightRef] = field(default_factory=dict)
    custom: set[str] = field(default_factory=set)
    dropouts: list[tuple[str, ...]] = field(default_factory=list)
    lent: dict[str, Node] = field(default_factory=dict)


def layer_class(
    name: str, body: Body, outputs: list[Value], about: str, lent: Container[tuple[Any, ...]] = ()
) -> Written:
    """The class of a layer whose `call` computes `body`. lent: what tells layers that it is given, as others use them."""
    writer = Writer(lent)
    arguments = [writer.argument(value, wanted) for value, wanted in zip(body.inputs, _names(body), strict=True)]
    lines = writer.scope(body.nodes, body.outputs)
    if writer.dropouts:
        arguments.append("training=None")
        lines.insert(0, f"seeds = [self.seeds.next() if training else None for _ in range({len(writer.dropouts)})]")
        writer.constructions.append("self.seeds = keras.random.SeedGenerator()")
    given = ", ".join(["self", *arguments])
    source = [*_head(name, about, writer), *indented([f"def call({given}):"], 4), *indented(lines, 8)]
    if all(value.shape is not None for value in outputs):
        shapes = [f'keras.KerasTensor({literal(tuple(v.shape or ()))}, dtype="{v.dtype}")' for v in outputs]
        spec = shapes[0] if len(shapes) == 1 else f"({', '.join(shapes)})"
        if len(body.inputs) > len(FEW):
            given = ", ".join(["self", "*inputs", *arguments[len(body.inputs) :]])
        source += ["", f"    def compute_output_spec({given}):", *indented([f"return {spec}"], 8)]
    if writer.lent:
        writer.custom |= {"lent_config"}
        source += ["", *indented(_configured(list(writer.lent)), 4)]
    return Written("\n".join(source), writer.weights, writer.custom, writer.dropouts, writer.lent)


def _configured(names: list[str]) -> list[str]:
    """How a layer that is given others is saved and made again."""
    lent = ", ".join(f"{name}=self.{name}" for name in names)
    return [
        "def get_config(self):",
        f"    return {{**super().get_config(), **lent_config({lent})}}",
        "",
        "@classmethod",
        "def from_config(cls, config):",
        f"    return cls(**with_lent(config, {', '.join(map(literal, names))}))",
    ]


def cell_class(name: str, step: Graph, about: str) -> Written:
    """The class of a cell for Keras' RNN: `step` takes an input and states, and gives an output and states."""
    writer = Writer()
    x = writer.argument(step.inputs[0], "x")
    before = step.inputs[1:]
    states = [
        writer.argument(value, f"state_{i + 1}" if len(before) > 1 else "state") for i, value in enumerate(before)
    ]
    nodes = [node for node in step.ordered() if node.op != "Placeholder"]
    lines = writer.scope(nodes, step.outputs, returning=False)
    output, *after = (str(writer.tensor(value)) for value in step.outputs)
    sizes = [int((value.shape or (0,))[-1] or 0) for value in before]
    writer.constructions.insert(0, f"self.state_size = {sizes if len(sizes) > 1 else sizes[0]}")
    width = (step.outputs[0].shape or (None,))[-1]
    writer.constructions.insert(1, f"self.output_size = {width}")
    unpack = [f"({states[0]},) = states" if len(states) == 1 else f"{', '.join(states)} = states"]
    end = [f"return {output}, [{', '.join(after)}]"]
    source = [*_head(name, about, writer), f"    def call(self, {x}, states):", *indented([*unpack, *lines, *end], 8)]
    return Written("\n".join(source), writer.weights, writer.custom)


def _names(body: Body) -> list[str]:
    """Names for what comes in: a few are x, y and z, so that equal layers are one class; many are called what they are."""
    if len(body.inputs) <= len(FEW):
        return list(FEW[: len(body.inputs)])
    return [naming.result_names(value.node)[value.index] for value in body.inputs]


def _head(name: str, about: str, writer: Writer) -> list[str]:
    lines = [f"class {name}(layers.Layer):", f'    """{about}"""', ""]
    constructions = writer.constructions
    if not writer.compiles:
        constructions = [
            "self.supports_jit = False  # a size depends on the data, which JAX cannot compile",
            *constructions,
        ]
    if constructions:
        given = ", ".join(["self", *writer.lent, "**kwargs"])
        lines += [*indented([f"def __init__({given}):"], 4), "        super().__init__(**kwargs)"]
        lines += [*indented(constructions, 8), ""]
    return lines
