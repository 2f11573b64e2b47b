"""Source of the layers that are made for one model: parts of its graph that run in a layer's `call`."""

from __future__ import annotations

from typing import Any

from porter.emit import names as naming
from porter.emit.expressions import Text, call, fill, layer, text
from porter.errors import Unsupported
from porter.emit.literals import array, index, literal
from porter.graph import Body, Graph, Node, Ref, Value, WeightRef

SMALL = 32  # a constant with no more numbers stands in the source

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
    "ops.top_k": {1, "k"},
    "ops.scatter": {2, "shape"},
    "ops.roll": {1, "shift"},
    "ops.linspace": {2, "num"},
    "ops.in_top_k": {2, "k"},
}

# Layers without weights, as the function that a `call` uses instead.
FUNCTIONS = {"ReLU": "relu", "Softmax": "softmax", "ELU": "elu"}


def layer_class(name: str, body: Body, outputs: list[Value], about: str) -> tuple[str, dict[str, WeightRef], set[str]]:
    """The class of a layer whose `call` computes `body`, without decorator.

    Also gives the weights that it holds, by attribute, and the names of the custom layers that it uses.
    """
    writer = _Body(body)
    lines = writer.statements(body.nodes)
    lines = writer.returning(lines, body.outputs)
    arguments = ", ".join(["self", *writer.arguments])
    source = [f"class {name}(layers.Layer):", f'    """{about}"""', ""]
    if writer.weights:
        source += ["    def __init__(self, **kwargs):", "        super().__init__(**kwargs)"]
        source += [f"        {line}" for line in writer.constructions] + [""]
    source += [f"    def call({arguments}):"]
    source += [f"        {line}" for line in lines]
    if all(value.shape is not None for value in outputs):
        shapes = [f'keras.KerasTensor({literal(tuple(v.shape or ()))}, dtype="{v.dtype}")' for v in outputs]
        spec = shapes[0] if len(shapes) == 1 else f"({', '.join(shapes)})"
        source += ["", f"    def compute_output_spec({arguments}):", f"        return {spec}"]
    return "\n".join(source), writer.weights, writer.custom


class _Body:
    """Writes the statements of a body, and of the loops in it."""

    def __init__(self, body: Body):
        self.names = naming.Names({"self", "ops", "keras", "layers", "math", "np", *naming.BUILTINS})
        self.texts: dict[int, Text] = {}
        self.weights: dict[str, WeightRef] = {}
        self.constructions: list[str] = []
        self.custom: set[str] = set()
        self.sizes: set[int] = set()  # values that are plain numbers or tuples of them
        self.inputs = list(body.inputs)
        self.arguments = []
        for place, value in enumerate(body.inputs):
            self.arguments.append(self.names.unique(("x", "y", "z")[min(place, 2)]))
            self.texts[id(value)] = text(self.arguments[-1])

    def statements(self, nodes: list[Node]) -> list[str]:
        """The lines that compute `nodes`."""
        lines: list[str] = []
        for node in nodes:
            if node.op == "ops.while_loop":
                lines += self._loop(node)
            elif node.is_call:
                lines.append(self._call(node))
            elif node.op not in ("Const", "Variable", "Placeholder"):
                lines += self._size(node)
        return lines

    def returning(self, lines: list[str], values: list[Value]) -> list[str]:
        """The lines with a return at their end; the last assignment becomes one if it can."""
        results = [str(self._text(value)) for value in values]
        if len(results) == 1 and lines and lines[-1].startswith(f"{results[0]} = "):
            return [*lines[:-1], "return " + lines[-1].split(" = ", 1)[1]]
        return [*lines, f"return {', '.join(results)}"]

    def _text(self, value: Value) -> Text:
        if id(value) not in self.texts:
            held = value.node.attrs.get("value")
            small = value.node.op == "Const" and held.size <= SMALL  # type: ignore[union-attr]
            self.texts[id(value)] = text(array(held), tensor=False) if small else self._weight(value)  # type: ignore[arg-type]
        return self.texts[id(value)]

    def _weight(self, value: Value) -> Text:
        """A weight of the layer itself."""
        name = self.names.unique(naming.weight_name(value))
        variable = value.node.attrs.get("variable")
        trainable = "" if variable is not None and variable.trainable else ", trainable=False"
        kind = "" if value.dtype == "float32" else f', dtype="{value.dtype}"'
        shape = literal(tuple(value.shape or ()))
        self.constructions.append(
            f'self.{name} = self.add_weight(shape={shape}, initializer="zeros"{kind}{trainable}, name="{name}")'
        )
        self.weights[name] = WeightRef(value)
        return text(f"self.{name}")

    def _argument(self, value: Value) -> Text:
        """`value` as a tensor."""
        found = self._text(value)
        if id(value) in self.sizes:
            return text(f'ops.convert_to_tensor({found}, dtype="{value.dtype}")')
        return found

    def _numbers(self, value: Value) -> Text:
        """`value` as plain numbers, or as single tensors where the data tell them."""
        found = self._text(value)
        if id(value) in self.sizes or value.node.op == "Const" or not value.rank:
            return found
        if value.rank == 1:
            return text(f"ops.unstack({found})")
        return text(f"[ops.unstack(each) for each in ops.unstack({found})]")

    def _call(self, node: Node) -> str:
        wanted = _positions(node, SIZE_ARGUMENTS.get(node.op, set()))
        inputs = [self._numbers(v) if slot in wanted else self._argument(v) for slot, v in enumerate(node.inputs)]
        prefix, kind = node.op.split(".")
        if prefix == "ops":
            expression = call(node.op, node.attrs["args"], node.attrs["kwargs"], inputs)
        else:
            expression = self._layer(node, prefix, kind, inputs)
        targets = [self.names.unique(naming.value_name(node)) for _ in node.outputs]
        self.texts.update({id(value): text(target) for value, target in zip(node.outputs, targets, strict=True)})
        return f"{', '.join(targets)} = {expression}"

    def _layer(self, node: Node, prefix: str, kind: str, inputs: list[Text]) -> Text:
        """A layer without weights, as the function it applies where there is one."""
        args, kwargs = node.attrs["config"]
        called = ", ".join(str(fill(each, inputs)) for each in node.attrs["args"])
        if prefix == "porter_layers":
            self.custom.add(kind)
        elif kind == "Activation" and args and isinstance(args[0], str):
            return text(f"ops.{args[0]}({called})")
        elif kind in FUNCTIONS and not args and set(kwargs) <= {"axis"}:
            return call(f"ops.{FUNCTIONS[kind]}", node.attrs["args"], kwargs, inputs)
        elif kind == "Reshape":
            first = f"ops.shape({called})[0]" if -1 in args[0] else "-1"
            return text(f"ops.reshape({called}, ({', '.join([first, *map(str, args[0])])}))")
        head, given = layer(node.op, node.attrs["config"], None)
        return text(f"{head}({', '.join(map(str, given))})({called})")

    def _loop(self, node: Node) -> list[str]:
        """`ops.while_loop` with its two functions."""
        cond: Graph = node.attrs["cond"]
        body: Graph = node.attrs["body"]
        count = node.attrs["count"]
        lines: list[str] = []
        initial = [self._initial(value) for value in node.inputs[:count]]
        functions = []
        for wanted, graph in (("go_on", cond), ("step", body)):
            name = self.names.unique(wanted)
            arguments = []
            for place, value in enumerate(graph.inputs):
                if place < count:
                    arguments.append(self.names.unique(naming.loop_variable(value)))
                    self.texts[id(value)] = text(arguments[-1])
                else:
                    self.texts[id(value)] = self._argument(node.inputs[place])
            inner = self.statements([each for each in graph.ordered() if each.op != "Placeholder"])
            if graph is body:
                results = [str(self._argument(value)) for value in graph.outputs]
                inner.append(f"return {', '.join(results)}{',' if len(results) == 1 else ''}")
            else:
                inner = self.returning(inner, graph.outputs)
            lines += [f"def {name}({', '.join(arguments)}):", *(f"    {line}" for line in inner), ""]
            functions.append(name)
        targets = [self.names.unique(naming.loop_variable(value)) for value in graph.outputs]
        self.texts.update({id(value): text(target) for value, target in zip(node.outputs, targets, strict=True)})
        for place, counter in node.attrs.get("filled", {}).items():
            self.texts[id(node.outputs[place])] = text(f"{targets[place]}[:{targets[counter]}]")
        comma = "," if count == 1 else ""
        lines.append(
            f"{', '.join(targets)}{comma} = ops.while_loop({functions[0]}, {functions[1]}, ({', '.join(initial)}{comma}))"
        )
        return lines

    def _initial(self, value: Value) -> str:
        """A loop variable's first value; always a tensor."""
        found = self._argument(value)
        if found.startswith("self."):
            return f"ops.convert_to_tensor({found})"
        if value.node.op == "Const":
            return f'ops.convert_to_tensor({found}, dtype="{value.dtype}")'
        return str(found)

    def _size(self, node: Node) -> list[str]:
        """Arithmetic on sizes, in plain Python; arrays that a loop fills."""
        if node.op == "ArrayNew":
            if node.attrs.get("grows"):
                raise Unsupported(
                    "A loop fills an array that grows for as long as the data want",
                    where=node.name,
                    why="nothing says how many steps it makes at most, so no size is large enough",
                    todo="name outputs before the loop with --outputs, or give it maximum_iterations",
                )
            target = self.names.unique("array")
            self.texts[id(node.out)] = text(target)
            return [f'{target} = ops.zeros({self._array_shape(node)}, dtype="{node.out.dtype}")']
        self.sizes.update(id(value) for value in node.outputs)
        if node.op == "Shape":
            target = self.names.unique("shape")
            source = f"{target} = ops.shape({self._text(node.inputs[0])})"
            self.texts[id(node.out)] = text(target)
            return [source]
        for value in node.outputs:
            self.texts[id(value)] = text(_size_expression(node, value, [self._size_text(v) for v in node.inputs]))
        return []

    def _array_shape(self, node: Node) -> str:
        """The size of a new array and of its elements; unknown sizes are those of an input."""
        element = node.attrs.get("element", (node.out.shape or (None, None))[1:])
        if None in element:
            raise Unsupported(
                "A loop fills an array of unknown size",
                where=node.name,
                why="the size of its elements is not that of any of the loop's inputs",
                todo="name outputs before the loop with --outputs, or tensors behind it with --inputs",
            )
        sizes = [self._size_text(node.inputs[0])]
        for size in element:
            if isinstance(size, tuple):
                found = self._size_text(node.inputs[size[0]])
                sizes.append(found if len(size) == 1 else f"ops.shape({found})[{size[1]}]")
            else:
                sizes.append(str(size))
        return f"({', '.join(sizes)},)" if len(sizes) == 1 else f"({', '.join(sizes)})"

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
        if isinstance(item, slice):
            item = (item.start, item.stop, item.step)
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
        vectors = [t if v.rank == 1 else f"({t},) * {value.shape[0]}" for t, v in zip(inputs, node.inputs, strict=True)]
        return f"tuple({form} for a, b in zip({vectors[0]}, {vectors[1]}))"
    if node.op == "Neg":
        return f"tuple(-a for a in {inputs[0]})" if is_vector else f"-({inputs[0]})" if " " in inputs[0] else f"-{inputs[0]}"
    if node.op == "StridedSlice":
        return f"{inputs[0]}[{index(node.attrs['slices'])}]"
    if node.op == "Slice":
        (begin,), (size,) = node.attrs["begin"], node.attrs["size"]
        return f"{inputs[0]}[{begin}:{'' if size < 0 else begin + size}]"
    if node.op == "Stack":
        return f"({', '.join(inputs)},)" if len(inputs) == 1 else f"({', '.join(inputs)})"
    if node.op == "Unstack":
        return f"{inputs[0]}[{value.index}]"
    if node.op == "SplitV":
        first = sum(node.attrs["sizes"][: value.index])
        return f"{inputs[0]}[{first}:{first + node.attrs['sizes'][value.index]}]"
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

