"""From a graph of Keras calls to the source of model.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from porter.emit import names as naming
from porter.emit.blocks import roll
from porter.emit.classes import Classes
from porter.emit.constants import Evaluate, settle_constants, wrap_outputs
from porter.emit.expressions import BINARY, Text, call, fill, layer, text
from porter.emit.held import layer_key, layers_inside
from porter.emit.literals import array, literal
from porter.emit.module import module
from porter.emit.statements import Argument, Statement, wrap
from porter.emit.vocabularies import WORDS, in_files
from porter.errors import Unsupported
from porter.graph import Graph, Made, Node, Ref, WeightRef


@dataclass(frozen=True)
class Binding:
    """One weight of one layer, and where its numbers come from. path: such as "kernel" or "cell.kernel"."""

    layer: str
    path: str
    ref: WeightRef


@dataclass
class Emitted:
    """The source of model.py with what is needed to fill and to report it.

    variables: the nodes of the variables that went into weights. files: text that the source reads from files beside it.
    """

    source: str
    bindings: list[Binding] = field(default_factory=list)
    layers: list[dict[str, Any]] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)


def emit(
    graph: Graph,
    *,
    name: str,
    package: str = "",
    input_tensors: Sequence[str],
    output_tensors: Sequence[str],
    evaluate: Evaluate,
    about: str = "",
    notes: Sequence[str] = (),
) -> Emitted:
    """Write `graph` down.

    name: the model's. package: under which its custom layers are registered. input_tensors,
    output_tensors: TensorFlow's names, in the order of the graph's inputs and outputs.
    evaluate: gives the arrays of values that depend on weights and constants alone. about: where the model comes from,
    notes: paragraphs for the docstring of the module.
    """
    return _Emitter(graph, name, package or name, evaluate).run(
        list(input_tensors), list(output_tensors), about, list(notes)
    )


class _Emitter:
    def __init__(self, graph: Graph, name: str, package: str, evaluate: Evaluate):
        self.graph, self.evaluate = graph, evaluate
        self.name = naming.model_name(name)
        # a variable of the same name would hide the class
        classes = {node.op.split(".")[1] for node in graph if node.op.startswith("porter_layers.")}
        self.value_names = naming.Names(naming.RESERVED | classes)
        self.texts: dict[int, Text] = {}  # value -> how the source calls it
        self.layer_variables: dict[Any, str] = {}
        self.called: dict[Any, str | None] = {}  # node, or what tells a shared layer -> the layer's name, if it has one
        self.rows_inside: dict[int, list[dict[str, Any]]] = {}  # value -> rows of what its expression calls
        self.statements: list[Statement] = []
        self.classes = Classes(naming.identifier(package), self.value_names.taken)
        self.result = Emitted("")

    def run(self, input_tensors: list[str], output_tensors: list[str], about: str, notes: list[str]) -> Emitted:
        if not self.graph.inputs:
            raise Unsupported(
                "The outputs depend on no input",
                where=", ".join(output_tensors),
                why="a Keras model has at least one",
                todo="name other outputs with --outputs, or what they are to be computed from with --inputs",
            )
        wrap_outputs(self.graph)
        ends = zip(self.graph.outputs, output_tensors, strict=True)
        self.output_names = {id(value): naming.tensor_name(tensor) for value, tensor in ends}
        self.constants = settle_constants(self.graph, self.evaluate)
        self.calls = [node for node in self.graph.ordered() if node.is_call]
        self.layer_names = naming.LayerNames(self.calls)
        self._inputs(input_tensors)
        self.uses = self._count_uses()
        self.paragraphs = naming.paragraphs(self.calls)
        self.wanted_names = naming.layer_names(self.graph, self.calls)
        self.outside: set[Any] = set()
        self.lent: set[Any] = set()
        self.shared = self._find_shared()
        inlined = {id(node) for node in self.calls if self._can_inline(node)}
        written = [node for node in self.calls if id(node) not in inlined]
        following = {id(node): after for node, after in zip(written, written[1:], strict=False)}
        for node in self.calls:
            statement = self._statement(node)
            rows = self._rows(node)
            if id(node) in inlined and len(statement.expression) < 70:
                self.texts[id(node.out)] = statement.expression  # type: ignore[assignment]
                self.rows_inside[id(node.out)] = rows
            else:
                self.result.layers += rows
                self._assign(statement, node, following.get(id(node)))
        end = self._end(output_tensors)
        functions, statements = roll(self.statements, {*self.value_names.taken, *naming.RESERVED})
        self.result.source = module(
            about,
            notes,
            self.result.inputs,
            self.result.outputs,
            [*self.classes.sources, *([WORDS] if self.result.files else [])],
            functions,
            statements,
            end,
        )
        return self.result

    # Inputs, constants and outputs

    def _inputs(self, tensors: list[str]) -> None:
        for value, tensor in zip(self.graph.inputs, tensors, strict=True):
            keras_name = self.layer_names.unique(naming.identifier(tensor.split(":")[0].split("/")[-1]), "input")
            variable = self.value_names.unique("inputs" if keras_name == "x" else naming.clean(keras_name))
            shape = value.shape or ()
            if shape and shape[0] is None:
                where = literal(tuple(shape[1:]))
            else:
                where = f"batch_shape={literal(tuple(shape))}"
            dtype = "" if value.dtype == "float32" else f', dtype="{value.dtype}"'
            self.statements.append(Statement(variable, expression=f'keras.Input({where}{dtype}, name="{keras_name}")'))
            self.texts[id(value)] = text(variable)
            self.result.inputs.append(
                {"tensor": tensor, "keras": keras_name, "shape": list(shape), "dtype": value.dtype}
            )

    def _end(self, tensors: list[str]) -> str:
        """The statement that returns the model."""
        texts = []
        for value, tensor in zip(self.graph.outputs, tensors, strict=True):
            texts.append(str(self.texts[id(value)]))
            keras_name = naming.clean(tensor.split(":")[0].split("/")[-1])
            self.result.outputs.append(
                {"tensor": tensor, "keras": keras_name, "shape": list(value.shape or ()), "dtype": value.dtype}
            )
        inputs = [str(self.texts[id(value)]) for value in self.graph.inputs]
        ends = [one[0] if len(one) == 1 else f"[{', '.join(one)}]" for one in (inputs, texts)]
        return wrap(f'return keras.Model({ends[0]}, {ends[1]}, name="{self.name}")')

    # Calls

    def _count_uses(self) -> dict[int, list[Node]]:
        uses: dict[int, list[Node]] = {}
        for node in self.calls:
            for value in {id(value): value for value in node.inputs}:
                uses.setdefault(value, []).append(node)
        return uses

    def _can_inline(self, node: Node) -> bool:
        """True for arithmetic that is used once, by other arithmetic or as a layer's only input."""
        operator = node.op in BINARY or node.op in ("ops.getitem", "ops.negative")
        users = self.uses.get(id(node.out), [])
        return operator and len(node.outputs) == 1 and len(users) == 1 and not self.graph.is_output(node.out)

    def _find_shared(self) -> dict[int, Any]:
        """Layers that are called more than once: by node, what tells its layer from others. Those that a generated layer
        calls, and something else, too, are lent to it."""
        groups: dict[Any, list[Node]] = {}
        holders: dict[Any, int] = {}
        for node in self.calls:
            if node.attrs.get("weights"):
                groups.setdefault(layer_key(node), []).append(node)
            if "body" in node.attrs:
                for key in {layer_key(each) for each in layers_inside(node.attrs["body"])}:
                    holders[key] = holders.get(key, 0) + 1
        self.outside = set(groups)
        self.lent = {key for key, count in holders.items() if count + (key in groups) > 1}
        return {id(node): key for key, group in groups.items() if len(group) > 1 or key in self.lent for node in group}

    def _input_texts(self, node: Node) -> list[Text]:
        found = []
        for value in node.inputs:
            if id(value) in self.constants:
                # a number takes the type of its neighbour; a layer needs an array
                is_operation = node.op.startswith("ops.")
                found.append(text(array(self.constants[id(value)], numbers=is_operation), tensor=False))
            else:
                found.append(self.texts[id(value)])
        return found

    def _statement(self, node: Node) -> Statement:
        """What makes the value of a call, without a target yet."""
        inputs = self._input_texts(node)
        paragraph = self.paragraphs[id(node)]
        if node.op.startswith("ops."):
            self.called[id(node)] = None
            source = call(node.op, node.attrs["args"], node.attrs["kwargs"], inputs)
            return Statement("", expression=source, paragraph=paragraph)
        args = [str(fill(arg, inputs)) for arg in node.attrs["args"]]
        args += [f"{name}={fill(value, inputs)}" for name, value in node.attrs["kwargs"].items()]
        called = ", ".join(args)
        key = self.shared.get(id(node))
        if key in self.layer_variables:
            self.called[id(node)] = self.called[key]
            return Statement("", expression=text(f"{self.layer_variables[key]}({called})"), paragraph=paragraph)
        kind, lent = self.classes.of_layer(node, self.lent) if "body" in node.attrs else ("", {})
        if "step" in node.attrs:
            args, kwargs = node.attrs["config"]
            node.attrs["config"] = ((Made(f"runtime.{self.classes.of_cell(node)}", ((), {})), *args), kwargs)
        name = self.called[id(node)] = self._layer_name(node)
        if kind:
            arguments = [Argument(each, self._lend(inner, each, str(name)), True) for each, inner in lent.items()]
            statement = Statement("", kind, [*arguments, Argument("name", literal(name))], called)
        else:
            node.attrs["config"] = in_files(node.attrs["config"], self.result.files)
            statement = Statement("", *layer(node.op, node.attrs["config"], name), called)
        self.classes.copy_used(Made(node.op, node.attrs.get("config")))
        weights = node.attrs.get("weights", {})
        own = {path: ref for path, ref in weights.items() if path.split("__")[0] not in lent}
        self.result.bindings += [Binding(str(name), path.replace("__", "."), ref) for path, ref in own.items()]
        for ref in weights.values():
            used = naming.variables(self.graph, ref)
            self.result.variables.update(each.name for each in used if each.op == "Variable")
        statement.paragraph = paragraph
        if key is None:
            alone = len(node.inputs) == 1 and node.attrs["args"] == (Ref(0),) and not node.attrs["kwargs"]
            statement.chained = alone and not lent
            return statement
        self.called[key] = name
        variable = self.layer_variables[key] = self.value_names.unique(naming.clean(str(name)))
        construction = f"{statement.head}({', '.join(map(str, statement.arguments))})"
        self.statements.append(Statement(variable, expression=construction, paragraph=paragraph))
        return Statement("", expression=text(f"{variable}({called})"), paragraph=paragraph)

    def _lend(self, node: Node, wanted: str, holder: str) -> str:
        """The variable of a layer that `holder` is given under the name `wanted`, which `node` inside it calls."""
        key = layer_key(node)
        if key not in self.layer_variables:
            name = self.called[key] = self.layer_names.unique(wanted)
            head, arguments = layer(node.op, node.attrs["config"], name)
            self.classes.copy_used(Made(node.op, node.attrs["config"]))
            variable = self.layer_variables[key] = self.value_names.unique(naming.clean(name))
            construction = f"{head}({', '.join(map(str, arguments))})"
            self.statements.append(Statement(variable, expression=construction))
            where, inside = (name, "") if key in self.outside else (holder, f"{wanted}.")
            for path, ref in node.attrs["weights"].items():
                self.result.bindings.append(Binding(where, inside + path.replace("__", "."), ref))
        return self.layer_variables[key]

    def _layer_name(self, node: Node) -> str | None:
        """A name for what holds weights or is not Keras' own; the rest is named by Keras."""
        if node.attrs.get("weights"):
            return self.layer_names.unique(self.wanted_names.get(id(node)) or naming.snake(node.op.split(".")[-1]))
        return None if node.op.startswith("layers.") else self.layer_names.unique(naming.value_name(node))

    def _rows(self, node: Node) -> list[dict[str, Any]]:
        """The report's rows for a call and for what stands inside its expression, in the order in which Python calls."""
        rows = []
        for index in _refs((node.attrs["args"], list(node.attrs["kwargs"].values()))):
            rows += self.rows_inside.pop(id(node.inputs[index]), [])
        row = {
            "name": self.called[id(node)],
            "class": node.op.split(".")[-1] if not node.op.startswith("ops.") else node.op,
            "rule": node.attrs.get("rule", ""),
            "nodes": list(node.origin),
            "inputs": [value.tensor for value in node.inputs if id(value) not in self.constants],
            "outputs": [value.tensor for value in node.outputs],
            "weights": {
                path.replace("__", "."): naming.source_of(ref) for path, ref in node.attrs.get("weights", {}).items()
            },
        }
        return [*rows, row]

    def _assign(self, statement: Statement, node: Node, following: Node | None) -> None:
        """Give the statement its target."""
        if len(node.outputs) > 1:
            used = [bool(value.uses) or self.graph.is_output(value) for value in node.outputs]
            if sum(used) <= 6 and len(used) <= 12:
                each_used = zip(naming.result_names(node), used, strict=True)
                targets = [self.value_names.unique(name) if use else "_" for name, use in each_used]
                statement.target = ", ".join(targets)
            else:
                statement.target = self.value_names.unique(naming.value_name(node))
                targets = [f"{statement.target}[{index}]" for index in range(len(used))]
            self.texts.update({id(value): text(target) for value, target in zip(node.outputs, targets, strict=True)})
        else:
            users = self.uses.get(id(node.out), [])
            passing = following is not None and len(users) == 1 and users[0] is following
            if passing and not self.graph.is_output(node.out):
                statement.target = "x"
            else:
                named = next((argument.text for argument in statement.arguments if argument.name == "name"), None)
                wanted = naming.clean(named) if named else naming.value_name(node)
                statement.target = self.value_names.unique(self.output_names.get(id(node.out)) or wanted)
            self.texts[id(node.out)] = text(statement.target)
        self.statements.append(statement)


def _refs(template: Any) -> Iterator[int]:
    """The inputs that an argument's template stands for, as they come in the source."""
    if isinstance(template, Ref):
        yield template.index
    elif isinstance(template, slice):
        yield from _refs((template.start, template.stop, template.step))
    elif isinstance(template, (list, tuple)):
        for item in template:
            yield from _refs(item)
