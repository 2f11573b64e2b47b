"""Source of the layers that are made for one model: parts of its graph that run in a layer's `call`."""

from __future__ import annotations

from typing import Any

from porter.emit import names as naming
from porter.emit.expressions import Text, call, text
from porter.emit.literals import array, index, literal
from porter.graph import Body, Node, Ref, Value

# Where calls take sizes as plain numbers: positions and names of these arguments.
SIZE_ARGUMENTS: dict[str, set[int | str]] = {
    "ops.reshape": {1, "newshape"},
    "ops.tile": {1, "repeats"},
    "ops.broadcast_to": {1, "shape"},
    "ops.full": {0, "shape"},
    "ops.zeros": {0, "shape"},
    "ops.ones": {0, "shape"},
    "ops.arange": {0, 1, 2, "start", "stop", "step"},
    "ops.one_hot": {1, "num_classes"},
    "ops.repeat": {1, "repeats"},
    "ops.slice": {1, 2, "start_indices", "shape"},
    "ops.split": {1},
    "ops.pad": {1, "pad_width"},
    "ops.eye": {0, 1},
    "ops.convert_to_tensor": {0},
}


def layer_class(name: str, body: Body, outputs: list[Value], about: str) -> str:
    """The class of a layer whose `call` computes `body`. Without decorator."""
    writer = _Body(body)
    lines = writer.run()
    shapes = [_spec(value) for value in outputs]
    spec = shapes[0] if len(shapes) == 1 else f"[{', '.join(shapes)}]"
    arguments = ", ".join(["self", *writer.arguments])
    source = [f"class {name}(layers.Layer):", f'    """{about}"""', "", f"    def call({arguments}):"]
    source += [f"        {line}" for line in lines]
    if all(value.shape is not None for value in outputs):
        source += ["", f"    def compute_output_spec({arguments}):", f"        return {spec}"]
    return "\n".join(source)


def _spec(value: Value) -> str:
    return f'keras.KerasTensor({literal(tuple(value.shape or ()))}, dtype="{value.dtype}")'


class _Body:
    """Writes the statements of a body."""

    def __init__(self, body: Body):
        self.body = body
        self.names = naming.Names({"self", "ops", "keras", "layers", "math", "np"})
        self.texts: dict[int, Text] = {}
        self.arguments = []
        for value in body.inputs:
            argument = self.names.unique("x" if not self.arguments else "y" if len(self.arguments) == 1 else "z")
            self.arguments.append(argument)
            self.texts[id(value)] = text(argument)
        self.lines: list[str] = []

    def run(self) -> list[str]:
        for node in self.body.nodes:
            if node.is_call:
                self._call(node)
            else:
                self._size(node)
        results = [str(self.texts[id(value)]) for value in self.body.outputs]
        if len(results) == 1 and self.lines and self.lines[-1].startswith(f"{results[0]} = "):
            self.lines[-1] = "return " + self.lines[-1].split(" = ", 1)[1]
        else:
            self.lines.append(f"return {', '.join(results)}")
        return self.lines

    def _text(self, value: Value) -> Text:
        if id(value) in self.texts:
            return self.texts[id(value)]
        return text(array(value.node.attrs["value"]), tensor=False)

    def _call(self, node: Node) -> None:
        plain = SIZE_ARGUMENTS.get(node.op, set())
        wanted = _positions(node, plain)
        inputs = []
        for slot, value in enumerate(node.inputs):
            found = self._text(value)
            if not value.node.is_call and id(value) in self.texts and value not in self.body.inputs and slot not in wanted:
                found = text(f'ops.convert_to_tensor({found}, dtype="{value.dtype}")')
            inputs.append(found)
        expression = call(node.op, node.attrs["args"], node.attrs["kwargs"], inputs, operators=False)
        targets = [self.names.unique("result") for _ in node.outputs]
        for value, target in zip(node.outputs, targets, strict=True):
            self.texts[id(value)] = text(target)
        self.lines.append(f"{', '.join(targets)} = {expression}")

    def _size(self, node: Node) -> None:
        """Arithmetic on sizes, in plain Python."""
        if node.op == "Shape":
            target = self.names.unique("shape")
            self.lines.append(f"{target} = ops.shape({self._text(node.inputs[0])})")
            self.texts[id(node.out)] = text(target)
            return
        for value in node.outputs:
            self.texts[id(value)] = text(_size_expression(node, value, [self._size_text(v) for v in node.inputs]))

    def _size_text(self, value: Value) -> str:
        if id(value) in self.texts:
            return str(self.texts[id(value)])
        held = value.node.attrs["value"].tolist()
        return literal(tuple(held) if isinstance(held, list) else held)


def _positions(node: Node, plain: set[int | str]) -> set[int]:
    """The inputs of a call that stand in arguments which take plain numbers."""
    def refs(item: Any) -> set[int]:
        if isinstance(item, Ref):
            return {item.index}
        return set().union(*map(refs, item)) if isinstance(item, (list, tuple)) else set()

    found: set[int] = set()
    for place, argument in [*enumerate(node.attrs["args"]), *node.attrs["kwargs"].items()]:
        if place in plain:
            found |= refs(argument)
    if node.op == "ops.getitem":
        found |= set().union(*map(refs, node.attrs["args"][1:]))
    return found


SIGNS = {"Add": "+", "Sub": "-", "Mul": "*", "FloorDiv": "//", "FloorMod": "%"}


def _size_expression(node: Node, value: Value, inputs: list[str]) -> str:
    """Plain Python for one operation on sizes: scalars are numbers, vectors tuples."""
    is_vector = value.rank == 1
    if node.op == "Size":
        return f"math.prod(ops.shape({inputs[0]}))"
    if node.op in SIGNS or node.op in ("Maximum", "Minimum"):
        form = f"a {SIGNS[node.op]} b" if node.op in SIGNS else f"{node.op[:3].lower()}(a, b)"
        if not is_vector:
            left, right = (f"({each})" if " " in each and not each.endswith(")") else each for each in inputs)
            return f"{left} {SIGNS[node.op]} {right}" if node.op in SIGNS else f"{node.op[:3].lower()}({left}, {right})"
        vectors = [each if v.rank == 1 else f"({each},) * {value.shape[0]}" for each, v in zip(inputs, node.inputs, strict=True)]
        return f"tuple({form} for a, b in zip({vectors[0]}, {vectors[1]}))"
    if node.op == "Neg":
        return f"tuple(-a for a in {inputs[0]})" if is_vector else f"-{inputs[0]}"
    if node.op == "StridedSlice":
        return f"{inputs[0]}[{index(node.attrs['slices'])}]"
    if node.op == "Slice":
        (begin,), (size,) = node.attrs["begin"], node.attrs["size"]
        return f"{inputs[0]}[{begin}:{'' if size < 0 else begin + size}]"
    if node.op == "Stack":
        return f"({', '.join(inputs)},)" if len(inputs) == 1 else f"({', '.join(inputs)})"
    if node.op == "Unstack":
        return f"{inputs[0]}[{value.index}]"
    if node.op == "ConcatV2":
        return f"({', '.join('*' + each for each in inputs)},)"
    if node.op == "Prod":
        return inputs[0] if node.inputs[0].rank == 0 else f"math.prod({inputs[0]})"
    if node.op == "GatherV2":
        place = node.inputs[1]
        return f"tuple({inputs[0]}[i] for i in {inputs[1]})" if place.rank == 1 else f"{inputs[0]}[{inputs[1]}]"
    before = node.inputs[0].rank
    if before == value.rank:
        return inputs[0]
    return f"({inputs[0]},)" if is_vector else f"{inputs[0]}[0]"
