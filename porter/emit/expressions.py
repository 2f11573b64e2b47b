"""Source text of one call."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import numpy as np

from porter.emit import literals
from porter.emit.statements import Argument
from porter.graph import Made, Ref, Words

# Calls that read better as operators, and how tightly these bind.
BINARY = {
    "ops.add": ("+", 1), "ops.subtract": ("-", 1), "ops.multiply": ("*", 2), "ops.true_divide": ("/", 2),
    "ops.divide": ("/", 2), "ops.matmul": ("@", 2), "ops.power": ("**", 4),
    "ops.greater": (">", 0), "ops.greater_equal": (">=", 0), "ops.less": ("<", 0), "ops.less_equal": ("<=", 0),
}  # fmt: skip
ATOM = 9


class Text(str):
    """Source text that knows how tightly its outermost operator binds, and whether it is a tensor's."""

    binds: int = ATOM
    tensor: bool = False


def text(source: str, binds: int = ATOM, tensor: bool = True) -> Text:
    """`source` as a Text; see there."""
    result = Text(source)
    result.binds, result.tensor = binds, tensor
    return result


def fill(template: Any, inputs: list[Text]) -> Text:
    """An argument's template with the inputs' texts in place of its Refs."""
    if isinstance(template, Ref):
        return inputs[template.index]
    if isinstance(template, Made):
        return made(template)
    if isinstance(template, Words):
        where = f'read_words("{template.file}")' if template.file else literals.literal(list(template.words))
        return text(where, tensor=False)
    if isinstance(template, (list, tuple)) and (_has_ref(template) or any(isinstance(each, Made) for each in template)):
        items = ", ".join(fill(item, inputs) for item in template)
        if isinstance(template, list):
            return text(f"[{items}]")
        return text(f"({items}{',' if len(template) == 1 else ''})")
    return text(literals.literal(template), tensor=False)


def _fill_index(item: Any, inputs: list[Text]) -> Any:
    """What stands between brackets, with the inputs' texts in place of its Refs."""
    if isinstance(item, Ref):
        return inputs[item.index]
    if isinstance(item, tuple):
        return tuple(_fill_index(each, inputs) for each in item)
    if isinstance(item, slice):
        return slice(*(_fill_index(each, inputs) for each in (item.start, item.stop, item.step)))
    return item


def _has_ref(template: Any) -> bool:
    if isinstance(template, (list, tuple)):
        return any(map(_has_ref, template))
    return isinstance(template, Ref)


def call(op: str, args: tuple[Any, ...], kwargs: dict[str, Any], inputs: list[Text], operators: bool = True) -> Text:
    """Source of a call of `keras.ops`, as an operator where that reads better and `operators` allows it."""
    if op == "ops.getitem":
        value = fill(args[0], inputs)
        value = value if value.binds == ATOM else text(f"({value})")
        return text(f"{value}[{literals.index(_fill_index(args[1], inputs))}]")
    if operators and op in BINARY and len(args) == 2 and not kwargs:
        left, right = (fill(arg, inputs) for arg in args)
        sign, binds = BINARY[op]
        if op == "ops.add" and not right.tensor and right.startswith("-"):
            sign, right = "-", text(right[1:], tensor=False)  # x - 1.0, not x + -1.0
        # numpy would take the operator for itself, and lists know no arithmetic
        plain = all(side.tensor or side[0] not in "[n" for side in (left, right)) and (left.tensor or right.tensor)
        if plain:
            left_text = left if left.binds >= binds and sign != "**" or left.binds == ATOM else f"({left})"
            right_text = right if right.binds > binds else f"({right})"
            return text(f"{left_text} {sign} {right_text}", binds)
    if operators and op == "ops.negative" and len(args) == 1:
        value = fill(args[0], inputs)
        return text(f"-{value if value.binds >= 3 else f'({value})'}", 3)
    return text(f"{op}({', '.join(map(str, arguments(op, args, kwargs, inputs)))})")


def layer(op: str, config: tuple[tuple[Any, ...], dict[str, Any]], name: str | None) -> tuple[str, list[Argument]]:
    """What constructs a layer: its class, and the arguments that are not Keras' defaults."""
    args, kwargs = config
    prefix, kind = op.split(".")
    kwargs = {**kwargs, **({"name": name} if name else {})}
    return (f"layers.{kind}" if prefix == "layers" else kind), arguments(op, args, kwargs, [])


def made(each: Made) -> Text:
    """Source of a Keras object that is an argument: `layers.LSTMCell(8)`, `legacy_hard_sigmoid`."""
    if each.arguments is None:
        return text(each.op.split(".")[1] if each.op.startswith("porter_layers.") else each.op, tensor=False)
    head, given = layer(each.op, each.arguments, None)
    return text(f"{head}({', '.join(map(str, given))})", tensor=False)


def arguments(op: str, args: tuple[Any, ...], kwargs: dict[str, Any], inputs: list[Text]) -> list[Argument]:
    """The arguments of a call, in order, defaults left out."""
    signature = _signature(op)
    names = list(signature)
    found = []
    for i, arg in enumerate(args):
        name = names[i] if i < len(names) else str(i)
        found.append(Argument(name, str(fill(literals.argument(name, arg), inputs)), positional=True))
    for name, value in kwargs.items():
        value = literals.argument(name, value)
        if name in signature and not _has_ref(value) and _equal(value, literals.argument(name, signature[name])):
            continue
        found.append(Argument(name, str(fill(value, inputs))))
    return found


def default_text(head: str, name: str) -> str:
    """The source text of a layer's default for an argument, "None" if it has none."""
    default = _signature(head if "." in head else f"porter_layers.{head}").get(name)
    if default is inspect.Parameter.empty:
        return "None"
    try:
        return literals.literal(literals.argument(name, default))
    except TypeError:
        return "None"


def _equal(value: Any, default: Any) -> bool:
    if isinstance(value, np.ndarray) or isinstance(default, np.ndarray):
        return False
    if default is None and value == "channels_last":
        return True
    if isinstance(value, float) and isinstance(default, float):
        return np.float32(value) == np.float32(default)
    return type(value) is type(default) and value == default


@cache
def _signature(op: str) -> dict[str, Any]:
    """The parameters of a call with their defaults, in order."""
    import keras

    import porter.layers

    prefix, *path = op.split(".")
    if prefix == "runtime":
        return {}
    found: Any = {"layers": keras.layers, "ops": keras.ops, "porter_layers": porter.layers}[prefix]
    for name in path:
        found = getattr(found, name, None)
    if found is None:
        return {}
    parameters = inspect.signature(found).parameters.values()
    return {p.name: p.default for p in parameters}
