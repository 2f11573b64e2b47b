"""The statements of a generated layer's `call`, and of the loops in it."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from porter.emit import names as naming
from porter.emit.expressions import Text, call, fill, layer, text
from porter.emit.held import layer_key, lookup
from porter.emit.literals import array, is_uniform, literal
from porter.emit.size_arithmetic import CHOICES, size_expression, size_inputs
from porter.errors import Unsupported
from porter.graph import Graph, Made, Node, Ref, Value, WeightRef
from porter.graph.uniform import uniform

SMALL = 32  # a constant with no more numbers stands in the source
SHORT = 64  # an expression that is used once and is no longer stands where it is used
BRIEF = 20  # the same for one that is only returned

PARTS = {"ops.split": "part", "ops.unstack": "entry"}  # names for what these give

# Layers without weights, as the function that a `call` uses instead.
FUNCTIONS = {"ReLU": "relu", "Softmax": "softmax", "ELU": "elu"}


class Writer:
    """Writes the statements of a body, and of the loops in it."""

    def __init__(self, lent: Container[tuple[Any, ...]] = ()) -> None:
        self.names = naming.Names(
            {"self", "ops", "keras", "layers", "math", "np", "states", "seeds", "training", *naming.BUILTINS}
        )
        self.attributes = _attributes()
        self.texts: dict[int, Text] = {}
        self.weights: dict[str, WeightRef] = {}
        self.constructions: list[str] = []
        self.custom: set[str] = set()
        self.compiles = True  # False once a size depends on the data, which JAX cannot compile
        self.sizes: set[int] = set()  # values that are plain numbers or tuples of them
        self._held: dict[object, str] = {}  # weight or layer -> the attribute that holds it
        self._lent = lent  # what tells layers that others use, too
        self.lent: dict[str, Node] = {}  # by attribute, such a layer's call
        self._given: set[int] = set()  # values that a scope gives
        self._wanted: dict[int, str] = {}
        self.dropouts: list[tuple[str, ...]] = []  # in loops, each of which draws a seed: their origins
        self._counters: list[str] = []  # of the loops around

    def argument(self, value: Value, wanted: str) -> str:
        """The name of a value that comes in."""
        name = self.names.unique(wanted)
        self.texts[id(value)] = text(name)
        return name

    def scope(self, nodes: list[Node], outputs: list[Value], returning: bool = True) -> list[str]:
        """The lines of a function that computes `nodes` and gives `outputs`."""
        self._given.update(id(value) for value in outputs)
        weighted = [node for node in nodes if node.attrs.get("weights")]
        if weighted:
            self._wanted.update(naming.layer_names(_graph_of(nodes), weighted))
        lines: list[str] = []
        for node in nodes:
            if node.op == "ops.while_loop":
                lines += self._loop(node)
            elif node.is_call:
                lines += self._call(node)
            elif node.op not in ("Const", "Variable", "Placeholder"):
                lines += self._size(node)
        return self._returning(lines, outputs) if returning else lines

    def tensor(self, value: Value) -> Text:
        """`value` as a tensor."""
        found = self._text(value)
        if id(value) in self.sizes:
            return text(f'ops.convert_to_tensor({found}, dtype="{value.dtype}")')
        return found

    def _returning(self, lines: list[str], values: list[Value]) -> list[str]:
        """The lines with a return at their end; the last assignment becomes one if it can."""
        results = [str(self.tensor(value)) for value in values]
        if len(results) == 1 and lines and lines[-1].startswith(f"{results[0]} = "):
            return [*lines[:-1], "return " + lines[-1].split(" = ", 1)[1]]
        return [*lines, f"return {', '.join(results)}"]

    # Values

    def _text(self, value: Value) -> Text:
        if id(value) not in self.texts:
            held = value.node.attrs.get("value") if value.node.op == "Const" else uniform(value)
            rows = lookup(value)
            if held is not None and (held.size <= SMALL or is_uniform(held)):
                self.texts[id(value)] = text(array(held), tensor=False)
            elif rows is not None:
                self.texts[id(value)] = text(f"self.{self._hold(rows)}({self._text(rows.inputs[0])})")
            else:
                self.texts[id(value)] = self._weight(value)
        return self.texts[id(value)]

    def _weight(self, value: Value) -> Text:
        """A weight of the layer itself."""
        if value.name not in self._held:
            name = self._held[value.name] = self.attributes.unique(naming.weight_name(value))
            variable = value.node.attrs.get("variable")
            trainable = "" if variable is not None and variable.trainable else ", trainable=False"
            kind = "" if value.dtype == "float32" else f', dtype="{value.dtype}"'
            shape = literal(tuple(value.shape or ()))
            self.constructions.append(
                f'self.{name} = self.add_weight(shape={shape}, initializer="zeros"{kind}{trainable}, name="{name}")'
            )
            self.weights[name] = WeightRef(value)
        return text(f"self.{self._held[value.name]}")

    def _numbers(self, value: Value) -> Text:
        """`value` as plain numbers, or as single tensors where the data tell them."""
        found = self._text(value)
        if id(value) in self.sizes or value.node.op == "Const" or not value.rank:
            return found
        if value.rank == 1:
            return text(f"ops.unstack({found})")
        return text(f"[ops.unstack(each) for each in ops.unstack({found})]")

    # Calls

    def _call(self, node: Node) -> list[str]:
        numbers = size_inputs(node)
        self.compiles &= "at_run_time" not in node.attrs
        inputs = [self._numbers(v) if slot in numbers else self.tensor(v) for slot, v in enumerate(node.inputs)]
        if node.op == "ops.getitem" and node.inputs[0].node.op == "Const":
            inputs[0] = text(
                f"ops.convert_to_tensor({inputs[0]})"
            )  # a size may be a tensor, which numpy cannot slice by
        prefix, kind = node.op.split(".")
        if prefix == "ops":
            expression = call(node.op, node.attrs["args"], node.attrs["kwargs"], inputs)
        else:
            expression = self._layer(node, prefix, kind, inputs)
        returned = id(node.out) in self._given and not node.out.uses and len(expression) <= BRIEF
        if len(node.outputs) == 1 and (returned or len(expression) <= SHORT and self._once(node.out)):
            self.texts[id(node.out)] = expression
            return []
        wanted = PARTS.get(node.op) or naming.value_name(node)
        if node.attrs.get("gives_states"):
            return [f"{self._output_and_states(node)} = {expression}"]
        several = len(node.outputs) > 1
        targets = [self.names.unique(f"{wanted}_{i + 1}" if several else wanted) for i in range(len(node.outputs))]
        self.texts.update({id(value): text(target) for value, target in zip(node.outputs, targets, strict=True)})
        return [f"{', '.join(targets)} = {expression}"]

    def _output_and_states(self, node: Node) -> str:
        """What a cell's results are assigned to: its output, and a list of states."""
        targets = []
        for value, wanted in zip(node.outputs, naming.result_names(node), strict=True):
            used = bool(value.uses) or id(value) in self._given
            targets.append(self.names.unique(wanted) if used else "_")
            self.texts[id(value)] = text(targets[-1])
        return f"{targets[0]}, [{', '.join(targets[1:])}]"

    def _once(self, value: Value) -> bool:
        """True for a value that one call takes once."""
        if id(value) in self._given or len(value.uses) != 1:
            return False
        user, slot = value.uses[0]
        return user.is_call and user.op != "ops.while_loop" and _mentions(user, slot) == 1

    def _layer(self, node: Node, prefix: str, kind: str, inputs: list[Text]) -> Text:
        """A call of a layer that this one holds; one without weights as the function it applies, if there is one."""
        args, kwargs = node.attrs["config"]
        given = [str(fill(each, inputs)) for each in node.attrs["args"]]
        given += [f"{name}={fill(each, inputs)}" for name, each in node.attrs["kwargs"].items()]
        called = ", ".join(given)
        if kind == "Activation" and args and isinstance(args[0], str):
            return text(f"ops.{args[0]}({called})")
        if kind in FUNCTIONS and not args and set(kwargs) <= {"axis"}:
            return call(f"ops.{FUNCTIONS[kind]}", node.attrs["args"], kwargs, inputs)
        if kind == "Reshape":
            first = f"ops.shape({called})[0]" if -1 in args[0] else "-1"
            return text(f"ops.reshape({called}, ({', '.join([first, *map(str, args[0])])}))")
        if kind == "Dropout" and self._counters:
            return self._dropout(node, called)
        self.compiles &= prefix != "porter_layers" or _compiles(kind, node.attrs["config"])
        # Keras calls no layer with plain numbers, which sizes are where they are known
        sized = ".call" if size_inputs(node) else ""
        return text(f"self.{self._hold(node)}{sized}({called})")

    def _hold(self, node: Node) -> str:
        """The attribute that holds the layer which `node` calls."""
        key, weights = layer_key(node), node.attrs.get("weights", {})
        if key in self._held:
            return self._held[key]
        wanted = self._wanted.get(id(node)) or naming.snake(node.op.split(".")[1])
        name = self._held[key] = self.attributes.unique(wanted)
        shape = literal(node.inputs[0].shape)
        if key in self._lent:
            self.lent[name] = node
            self.constructions += [f"self.{name} = {name}", f"if not {name}.built:", f"    {name}.build({shape})"]
        else:
            head, arguments = layer(node.op, node.attrs["config"], None)
            self.constructions.append(f"self.{name} = {head}({', '.join(map(str, arguments))})")
            self.constructions += [f"self.{name}.build({shape})"] if weights else []
        self.weights.update({f"{name}__{path}": ref for path, ref in weights.items()})
        self._uses(Made(node.op, node.attrs["config"]))
        return name

    def _dropout(self, node: Node, x: str) -> Text:
        """Dropout in a loop, whose mask is another in each step."""
        args, kwargs = node.attrs["config"]
        self.custom.add("drop_in_step")
        step = " * 4096 + ".join(self._counters)  # the inner loops of a few thousand steps each have their own
        given = [x, literal(args[0]), f"seeds[{len(self.dropouts)}]", step]
        given += [f"{name}={literal(value)}" for name, value in kwargs.items()]
        self.dropouts.append(node.origin)
        return text(f"drop_in_step({', '.join(given)})")

    def _uses(self, each: Made) -> None:
        """Remember the custom layers and functions that `each` is made of."""
        args, kwargs = each.arguments or ((), {})
        for argument in (*args, *kwargs.values()):
            if isinstance(argument, Made):
                self._uses(argument)
        if each.op.startswith("porter_layers."):
            self.custom.add(each.op.split(".")[1])

    # Loops

    def _loop(self, node: Node) -> list[str]:
        """`ops.while_loop` with its two functions; the second alone, repeated, where the number of steps is fixed."""
        cond: Graph = node.attrs["cond"]
        body: Graph = node.attrs["body"]
        count = node.attrs["count"]
        lines: list[str] = [""]
        initial = [self._initial(value) for value in node.inputs[:count]]
        functions = []
        outer, before = self.names, self.compiles
        grows = any(map(_changes, node.inputs, node.outputs))
        self.compiles = not grows
        wanted_names = _loop_names(node)
        steps = node.attrs.get("steps")
        for wanted, graph in (("go_on", cond), ("step", body))[steps is not None :]:
            name = outer.unique(wanted)
            self.names = naming.Names(outer.taken)  # a function's names are its own
            arguments = []
            for place, value in enumerate(graph.inputs):
                if place < count:
                    arguments.append(self.argument(value, wanted_names[place]))
                else:
                    self.texts[id(value)] = self.tensor(node.inputs[place])
            counted = graph is body and "counter" in node.attrs
            self._counters += [arguments[node.attrs["counter"]]] if counted else []
            nodes = [each for each in graph.ordered() if each.op != "Placeholder"]
            inner = self.scope(nodes, graph.outputs)
            if graph is body and count == 1:
                inner[-1] += "," if inner[-1].startswith("return ") else ""
            del self._counters[len(self._counters) - counted :]
            lines += [f"def {name}({', '.join(arguments)}):", *(f"    {each}" if each else "" for each in inner), ""]
            functions.append(name)
        self.names = outer
        targets = [self.names.unique(name) for name in wanted_names]
        self.texts.update({id(value): text(target) for value, target in zip(node.outputs, targets, strict=True)})
        for place, counter in node.attrs.get("filled", {}).items():
            end, start = targets[counter], node.inputs[counter].node
            if start.op != "Const":  # it counts from elsewhere; without a step nothing was written
                end = f" ops.where({end} > {initial[counter]}, {end}, 0)"
            self.texts[id(node.outputs[place])] = text(f"{targets[place]}[:{end}]")
        comma = "," if count == 1 else ""
        if steps is not None:
            self.compiles &= before
            again = f"{', '.join(targets)}{comma} = {functions[0]}({', '.join(targets)})"
            return [*lines, f"{', '.join(targets)} = {', '.join(initial)}", f"for _ in range({steps}):", f"    {again}"]
        loop = "ops.while_loop" if self.compiles else "repeat_while"
        if not self.compiles:
            self.custom.add(loop)
        self.compiles &= before and not node.attrs.get("filled")
        started = (
            f"{loop}({functions[0]}, {functions[1]}, ({', '.join(initial)}{comma}){', grows=True' if grows else ''})"
        )
        return [*lines, f"{', '.join(targets)}{comma} = {started}"]

    def _initial(self, value: Value) -> str:
        """A loop variable's first value; always a tensor."""
        found = self.tensor(value)
        if found.startswith("self.") and "(" not in found:
            return f"ops.convert_to_tensor({found})"
        if value.node.op == "Const":
            return f'ops.convert_to_tensor({found}, dtype="{value.dtype}")'
        return str(found)

    # Sizes

    def _size(self, node: Node) -> list[str]:
        """Arithmetic on sizes, in plain Python; arrays that a loop fills."""
        if node.op == "ArrayNew":
            target = self.names.unique("array")
            self.texts[id(node.out)] = text(target)
            return [f'{target} = ops.zeros({self._array_shape(node)}, dtype="{node.out.dtype}")']
        self.sizes.update(id(value) for value in node.outputs)
        if node.op == "Shape":
            self.texts[id(node.out)] = text(f"ops.shape({self.tensor(node.inputs[0])})")
            return []
        if node.op in CHOICES:
            self.custom.add(CHOICES[node.op])
        for value in node.outputs:
            self.texts[id(value)] = text(size_expression(node, value, [self._size_text(v) for v in node.inputs]))
        return []

    def _array_shape(self, node: Node) -> str:
        """The size of a new array and of its elements; unknown sizes are those of an input."""
        element = node.attrs.get("element", (node.out.shape or (None, None))[1:])
        if node.attrs.get("grows"):
            raise Unsupported(
                "A loop fills an array that grows for as long as the data want",
                where=node.name,
                why="nothing says how many steps it makes at most, so no size is large enough",
                todo="name outputs before the loop with --outputs, or give it maximum_iterations",
            )
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
        if value.node.op != "Const":
            return str(self._text(value))
        held = value.node.attrs["value"].tolist()
        return literal(tuple(held) if isinstance(held, list) else held)


def _compiles(kind: str, config: tuple[tuple[Any, ...], dict[str, Any]]) -> bool:
    """Whether a custom layer says that JAX can compile it."""
    from porter import layers as custom

    args, kwargs = config
    if any(isinstance(each, Made) for each in (*args, *kwargs.values())):
        return True
    return bool(getattr(custom, kind)(*args, **{**kwargs, "name": "tried"}).supports_jit)


def _attributes() -> naming.Names:
    """Names for what a layer holds, none of which Keras' own layers have."""
    from keras import layers

    own = {"state_size", "output_size", "seeds"}
    modules = {"keras", "kwargs", "layers", "math", "np", "ops"}  # which arguments of `__init__` would hide
    return naming.Names(set(dir(layers.Layer)) | own | modules)


def _graph_of(nodes: list[Node]) -> Graph:
    """A graph to look up what weights are made of."""
    graph = Graph()
    graph.nodes = {node.name: node for node in nodes}
    return graph


def _loop_names(node: Node) -> list[str]:
    """Names for a loop's variables: i for what counts, array for what it fills, state for the rest."""
    found = []
    for value in node.inputs[: node.attrs["count"]]:
        if value.node.op == "ArrayNew":
            found.append("array")
        else:
            found.append("i" if value.shape == () and value.dtype.startswith("int") else "state")
    return [f"{name}_{found[: i + 1].count(name)}" if found.count(name) > 1 else name for i, name in enumerate(found)]


def _changes(before: Value, after: Value) -> bool:
    """Whether a loop variable has another size in each step."""
    known = before.shape is not None and after.shape is not None and before.node.op != "ArrayNew"
    return known and any(old and new is None for old, new in zip(before.shape, after.shape, strict=False))  # type: ignore[arg-type]


def _mentions(user: Node, slot: int) -> int:
    """How often a call's source names one of its inputs."""
    found = 0
    stack = [user.attrs["args"], list(user.attrs["kwargs"].values())]
    while stack:
        item = stack.pop()
        if isinstance(item, Ref):
            found += item.index == slot
        elif isinstance(item, slice):
            stack += [item.start, item.stop, item.step]
        elif isinstance(item, (list, tuple)):
            stack += item
    return found
