"""Namespaces that write calls down instead of making them.

`layers.Conv2D(8, 3).bind(kernel=kernel)(x)` gives the value of a node `layers.Conv2D`, `ops.add(x, y)` that of a node
`ops.add`. The nodes are in no graph until the rewriting puts them there.
"""

from __future__ import annotations

from typing import Any

from porter.graph import Made, Node, Ref, Value, WeightRef
from porter.rule.context import warn

# A Keras layer casts these to float32 unless it is told its dtype.
OTHER_FLOATS = ("float64", "float16", "bfloat16")
SHORT_FLOATS = ("float16", "bfloat16")


def _template(item: Any, inputs: list[Value]) -> Any:
    """`item` with every Value in it replaced by a Ref, the Values appended to `inputs`."""
    if isinstance(item, Value):
        for index, value in enumerate(inputs):
            if value is item:
                return Ref(index)
        inputs.append(item)
        return Ref(len(inputs) - 1)
    if isinstance(item, (list, tuple)):
        return type(item)(_template(each, inputs) for each in item)
    if isinstance(item, slice):
        return slice(*(_template(each, inputs) for each in (item.start, item.stop, item.step)))
    return item


def call(op: str, *args: Any, **kwargs: Any) -> Value:
    """The value of a call such as "ops.add", arguments as written."""
    inputs: list[Value] = []
    template = _template(args, inputs)
    node = Node(op, op, inputs, {"args": template, "kwargs": {k: _template(v, inputs) for k, v in kwargs.items()}})
    value = Value(node, 0, dtype=inputs[0].dtype if inputs else "float32")
    node.outputs = [value]
    return value


def many(value: Value, count: int) -> tuple[Value, ...]:
    """The `count` outputs of a call that returns several tensors."""
    node = value.node
    node.outputs = [value, *(Value(node, index, dtype=value.dtype) for index in range(1, count))]
    return tuple(node.outputs)


def at_run_time(value: Value) -> Value:
    """Let a call be made when the model runs, in a layer of its own: tensors stand where Keras wants plain numbers.

    A shape that follows from data rather than from shapes cannot be compiled by JAX: the layer says so to Keras, and the
    user is told.
    """
    value.node.attrs["at_run_time"] = True
    warn(f"{value.node.op} takes a size from the data: JAX runs this model without compiling it")
    return value


class Layer:
    """A Keras layer with its arguments; calling it on values gives its output."""

    def __init__(self, op: str, args: tuple[Any, ...], kwargs: dict[str, Any]):
        self.op, self.args, self.kwargs = op, args, kwargs
        self.weights: dict[str, WeightRef] = {}

    def bind(self, **weights: WeightRef | None) -> Layer:
        """Say where weights come from, by the layer's attribute ("kernel", "cell__kernel" for cell.kernel)."""
        self.weights.update({name: ref for name, ref in weights.items() if ref is not None})
        return self

    def wrapped(self, name: str, **kwargs: Any) -> Layer:
        """This layer inside the custom layer `name`, weights included."""
        outer = Layer(f"porter_layers.{name}", (self.made(),), kwargs)
        return outer.bind(**{f"layer__{path}": ref for path, ref in self.weights.items()})

    def made(self) -> Made:
        """The layer as an argument of another."""
        return Made(self.op, (self.args, self.kwargs))

    def __call__(self, *args: Any, **kwargs: Any) -> Value:
        value = call(self.op, *args, **kwargs)
        dtype = next((each.dtype for each in value.node.inputs if each.dtype in OTHER_FLOATS), None)
        config = {"dtype": dtype, **self.kwargs} if dtype else self.kwargs
        wide = any(leaf.value.dtype == "float32" for weight in self.weights.values() for leaf in weight.leaves)
        if wide and config.get("dtype") in SHORT_FLOATS:  # a fused norm's statistics, which are not to be rounded
            config = {**config, "dtype": f"mixed_{config['dtype']}"}
        value.node.attrs["config"] = (self.args, config)
        value.node.attrs["weights"] = self.weights
        return value


class _Layers:
    def __init__(self, prefix: str):
        self._prefix = prefix

    def __getattr__(self, name: str):
        return lambda *args, **kwargs: Layer(f"{self._prefix}.{name}", args, kwargs)

    def function(self, name: str) -> Made:
        """A function that stands beside the layers, as an argument of one."""
        return Made(f"{self._prefix}.{name}")


class _Ops:
    def __getattr__(self, name: str):
        return lambda *args, **kwargs: call(f"ops.{name}", *args, **kwargs)


layers = _Layers("layers")
porter_layers = _Layers("porter_layers")
ops = _Ops()
