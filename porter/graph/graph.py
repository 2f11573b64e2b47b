"""`Graph`, `Node` and `Value`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Ref:
    """Stands for `node.inputs[index]` inside the arguments of a Keras call."""

    index: int


@dataclass(frozen=True)
class Made:
    """A Keras object that is an argument of a call: a layer made from arguments, or (`arguments` None) a function."""

    op: str
    arguments: tuple[tuple[Any, ...], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Words:
    """A vocabulary, as an argument of a call.

    file: where it stands beside model.py, if it is too long for the source; "" until that is decided.
    """

    words: tuple[str, ...]
    file: str = ""


@dataclass(eq=False)
class Value:
    """One tensor: output number `index` of `node`.

    shape: what is known of it, None for an unknown dimension; None as a whole for an unknown rank.
    probe: the shape it takes when every unknown dimension of the inputs is given a size of its own (`Graph.sizes`).
        Two dimensions with the same probe are the same dimension, and one that the batch's size divides holds the batch.
        None where TensorFlow could not say.
    dtype: TensorFlow's name of it, such as "float32".
    tensor: the original's tensor that holds the same numbers, with the steps from there to here: "conv/Relu:0",
        "conv/Relu:0, transposed (0, 2, 3, 1)"; "" where there is none. What verification compares with.
    """

    node: Node
    index: int
    shape: Shape | None = None
    probe: tuple[int, ...] | None = None
    dtype: str = "float32"
    tensor: str = ""
    uses: list[tuple[Node, int]] = field(default_factory=list, repr=False)

    @property
    def name(self) -> str:
        """The tensor's name, as TensorFlow writes it."""
        return f"{self.node.name}:{self.index}"

    def transposed(self, perm: Iterable[int]) -> str:
        """What `tensor` is for this value transposed."""
        return f"{self.tensor}, transposed {tuple(perm)}" if self.tensor else ""

    @property
    def rank(self) -> int | None:
        return None if self.shape is None else len(self.shape)

    def __repr__(self) -> str:
        return f"<{self.name} {self.node.op} {self.dtype} {self.shape}>"


@dataclass(eq=False)
class Node:
    """An operation, or a Keras call.

    op: TensorFlow's operation ("Conv2D"), or a call ("layers.Conv2D", "ops.add").
    attrs: what the operation was given beside tensors. For TensorFlow's operations only what differs from the
        operation's defaults; static arguments such as axes are here too once the graph is canonical.
    origin: names of the TensorFlow nodes that it stands for.
    """

    name: str
    op: str
    inputs: list[Value] = field(default_factory=list)
    attrs: dict[str, Any] = field(default_factory=dict)
    outputs: list[Value] = field(default_factory=list)
    origin: tuple[str, ...] = ()

    @property
    def is_call(self) -> bool:
        """True for a Keras call."""
        return "." in self.op

    @property
    def out(self) -> Value:
        """The first output."""
        return self.outputs[0]

    def __repr__(self) -> str:
        return f"<{self.op} {self.name}>"


class Graph:
    """Nodes by name, with the values that go in and come out.

    inputs, outputs: the model's own, in the order the user sees. An output may be an input or occur twice.
    sizes: the sizes that unknown dimensions were given for `Value.probe`; `sizes["batch"]` is the batch's.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.sizes: dict[str, int] = {}

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def add(self, node: Node) -> Node:
        """Add `node`, whose inputs are already in the graph. A taken name gets a number."""
        name, count = node.name, 1
        while node.name in self.nodes:
            node.name = f"{name}_{count}"
            count += 1
        self.nodes[node.name] = node
        for slot, value in enumerate(node.inputs):
            value.uses.append((node, slot))
        return node

    def set_inputs(self, node: Node, inputs: Iterable[Value]) -> None:
        """Give `node` other inputs."""
        for slot, value in enumerate(node.inputs):
            value.uses.remove((node, slot))
        node.inputs = list(inputs)
        for slot, value in enumerate(node.inputs):
            value.uses.append((node, slot))

    def replace(self, old: Value, new: Value) -> None:
        """Let all that uses `old`, the graph's outputs included, use `new`, which holds the same numbers."""
        new.tensor = new.tensor or old.tensor
        for user, slot in old.uses:
            user.inputs[slot] = new
            new.uses.append((user, slot))
        old.uses = []
        self.outputs = [new if value is old else value for value in self.outputs]

    def remove(self, node: Node) -> None:
        """Remove `node`, which nobody uses any more."""
        for slot, value in enumerate(node.inputs):
            value.uses.remove((node, slot))
        del self.nodes[node.name]

    def is_output(self, value: Value) -> bool:
        return any(value is output for output in self.outputs)

    def is_used(self, node: Node) -> bool:
        return any(value.uses or self.is_output(value) for value in node.outputs)

    def prune(self) -> None:
        """Remove every node that no output depends on, inputs excepted."""
        keep = {id(value.node) for value in self.inputs}
        keep.update(id(node) for node in self.ancestors(value.node for value in self.outputs))
        for node in [node for node in self if id(node) not in keep]:
            for slot, value in enumerate(node.inputs):
                value.uses.remove((node, slot))
            del self.nodes[node.name]

    def ancestors(self, nodes: Iterable[Node], through: Callable[[Value], bool] | None = None) -> list[Node]:
        """`nodes` and all that they depend on, in an order in which inputs come first.

        through: which values are followed. All are by default, and control inputs too, as long as there are any (attribute
        "^"): they say on which side of a tf.cond a constant lies.
        """
        done: set[int] = set()
        order: list[Node] = []
        stack: list[tuple[Node, bool]] = [(node, False) for node in reversed(list(nodes))]
        entered: set[int] = set()
        while stack:
            node, leaving = stack.pop()
            if leaving:
                done.add(id(node))
                order.append(node)
            elif id(node) not in entered:
                entered.add(id(node))
                stack.append((node, True))
                before = [value.node for value in node.inputs if through is None or through(value)]
                if through is None:
                    before += [self.nodes[name] for name in node.attrs.get("^", ()) if name in self.nodes]
                stack.extend((each, False) for each in reversed(before) if id(each) not in entered)
        return order

    def ordered(self) -> list[Node]:
        """All nodes, inputs of the graph first, each after what it depends on."""
        return self.ancestors([*(value.node for value in self.inputs), *(value.node for value in self.outputs), *self])


@dataclass(eq=False)
class Body:
    """A part of a graph that runs inside a layer's `call`, where sizes are known.

    inputs: the tensors it is called with. nodes: in an order in which each comes after what it depends on.
    outputs: what it returns. weights: values that the layer holds itself, by attribute.
    """

    inputs: list[Value]
    nodes: list[Node]
    outputs: list[Value]
    weights: dict[str, Value] = field(default_factory=dict)
