"""Functions in a GraphDef: calls are replaced by what they call, those that nothing names any more are dropped."""

from __future__ import annotations

from typing import Any

from porter.read.gone import functions_for
from porter.read.lowering import is_functional, lower
from porter.read.operations import op_def
from porter.read.wiring import Tensor, parse, spell

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall", "RemoteCall", "SymbolicGradient"})


def inline_calls(graph_def: Any) -> tuple[Any, dict[Tensor, Tensor]]:
    """`graph_def` with all function calls inlined, and for each call's outputs the tensors that stand for them.

    Nodes of a function are called "<call>/<node>". Functional If, Case and While become nodes of the first version of
    control flow. Functions that are an attribute of something else (maps of datasets) stay. A graph without calls is
    given back as it is. Operations that are gone are calls too, see `gone`.
    """
    defined = [*functions_for(graph_def.node), *graph_def.library.function]
    functions = {function.signature.name: function for function in defined}
    alias: dict[Tensor, Tensor] = {}
    if not any(called(node, functions) or is_functional(node, functions) for node in graph_def.node):
        return graph_def, alias
    nodes: dict[str, Any] = {}
    waiting = list(reversed(graph_def.node))
    while waiting:
        node = waiting.pop()
        name = called(node, functions)
        if name:
            body, results = _instantiate(functions[name], node, functions)
            alias.update({(node.name, index): tensor for index, tensor in enumerate(results)})
            waiting += reversed(body)
        elif is_functional(node, functions):
            body, results = lower(node, functions)
            alias.update({(node.name, index): tensor for index, tensor in enumerate(results)})
            waiting += reversed(body)
        else:
            nodes[node.name] = node
    flat = type(graph_def)(versions=graph_def.versions)
    for node in nodes.values():
        copy = flat.node.add()
        copy.CopyFrom(node)
        del copy.input[:]
        for text in node.input:
            if text.startswith("^"):
                if text[1:] in nodes:
                    copy.input.append(text)
            else:
                copy.input.append(spell(resolve(parse(text), alias)))
    flat.library.CopyFrom(graph_def.library)
    return flat, alias


def resolve(tensor: Tensor, alias: dict[Tensor, Tensor]) -> Tensor:
    """The tensor that stands for `tensor`, which may be a call's output that is again a call's output."""
    while tensor in alias:
        tensor = alias[tensor]
    return tensor


def called(node: Any, functions: dict[str, Any]) -> str:
    """The name of the function that a node calls, "" if it calls none that is there."""
    if node.op in functions:
        return node.op
    name = node.attr["f"].func.name if node.op in CALLS and "f" in node.attr else ""
    return name if name in functions and node.op != "SymbolicGradient" else ""


def _instantiate(function: Any, call: Any, functions: dict[str, Any]) -> tuple[list[Any], list[Tensor]]:
    """The nodes of a call, renamed and wired to the call's inputs, and the tensors that it returns."""
    given = [text for text in call.input if not text.startswith("^")]
    arguments = _arguments(function, call, given)
    body: dict[str, Any] = {node.name: node for node in function.node_def}
    attrs = dict(call.attr["f"].func.attr) if call.op in CALLS else dict(call.attr)

    def outer(text: str) -> str:
        if text.startswith("^"):
            return f"^{call.name}/{text[1:]}" if text[1:] in body else text
        name, _, rest = text.partition(":")
        if name in arguments:
            return arguments[name][int(rest.rpartition(":")[2] or 0) if rest else 0]
        argument, _, index = rest.partition(":")
        return f"{call.name}/{name}:{_position(body[name], argument, functions) + int(index or 0)}"

    made = []
    waits = [text for text in call.input if text.startswith("^")]
    for node in function.node_def:
        copy = type(node)(name=f"{call.name}/{node.name}", op=node.op)
        copy.input.extend(outer(text) for text in node.input if not (text.startswith("^") and text[1:] in arguments))
        if all(text.startswith("^") for text in copy.input):
            copy.input.extend(waits)  # in a loop or in a branch only they tell it when to run
        for key, value in node.attr.items():
            copy.attr[key].CopyFrom(attrs.get(value.placeholder, value))
        made.append(copy)
    results = [parse(outer(function.ret[arg.name])) for arg in function.signature.output_arg]
    return made, results


def _arguments(function: Any, call: Any, given: list[str]) -> dict[str, list[str]]:
    """The tensors that each argument of a function stands for: lists take several."""
    found: dict[str, list[str]] = {}
    at = 0
    for arg in function.signature.input_arg:
        count = 1
        if arg.number_attr:
            count = int(call.attr[arg.number_attr].i)
        elif arg.type_list_attr:
            count = len(call.attr[arg.type_list_attr].list.type)
        found[arg.name] = given[at : at + count]
        at += count
    return found


def _position(node: Any, argument: str, functions: dict[str, Any]) -> int:
    """The number of a node's first output that belongs to its result called `argument`."""
    definition = functions[node.op].signature if node.op in functions else op_def(node.op)
    at = 0
    for arg in definition.output_arg if definition is not None else ():
        if arg.name == argument:
            return at
        if arg.number_attr:
            at += int(node.attr[arg.number_attr].i)
        elif arg.type_list_attr:
            at += len(node.attr[arg.type_list_attr].list.type)
        else:
            at += 1
    return 0


def used_functions(graph_def: Any) -> list[Any]:
    """The functions of the library that the nodes still name, directly or through another."""
    functions = {function.signature.name: function for function in graph_def.library.function}
    wanted: dict[str, None] = {}
    waiting = [name for node in graph_def.node for name in _named(node)]
    while waiting:
        name = waiting.pop()
        if name in functions and name not in wanted:
            wanted[name] = None
            waiting += [other for node in functions[name].node_def for other in _named(node)]
    return [functions[name] for name in wanted]


def _named(node: Any) -> list[str]:
    names = [node.op]
    for value in node.attr.values():
        kind = value.WhichOneof("value")
        if kind == "func":
            names.append(value.func.name)
        elif kind == "list":
            names += [function.name for function in value.list.func]
    return names
