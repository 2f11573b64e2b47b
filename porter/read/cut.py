"""Cutting a graph down to what its outputs need, in a form that today's TensorFlow imports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from porter.errors import UnreadableSource, Unsupported
from porter.read.contexts import Contexts
from porter.read.functions import used_functions
from porter.read.model import Table
from porter.read.operations import PASSING, PLAIN, only_computes, op_def
from porter.read.wiring import Tensor, Wiring, spell

Shape = tuple[int | None, ...] | None
RESOURCE = 20
TABLES = frozenset(["HashTable", "HashTableV2", "MutableHashTable", "MutableHashTableV2"])
HANDED_ON = ("Identity", "RefIdentity", "Enter", "Switch", "RefSwitch")  # a table on its way to a lookup
TABLE_SIZES = frozenset(["LookupTableSize", "LookupTableSizeV2"])
# Before version 22 a placeholder without a shape could not be told from a scalar; here all shapes are written.
LEAST_PRODUCER = 22


@dataclass
class Stand:
    """A Placeholder that stands where something was cut off: its DataType number and its shape."""

    dtype: int
    shape: Shape


@dataclass
class Plan:
    """What to do with the nodes and tensors at which the graph ends.

    stands: nodes (variables, placeholders, knobs) that become Placeholders of the same name. cuts: tensors that become
    Placeholders. constants: nodes that become a Const of this TensorProto; values: cut tensors that do. defaults:
    PlaceholderWithDefaults that give way to their default. renamed: filled by `cut`, for each cut tensor that needed
    another name. tables: what the tables hold, by the nodes that make them.
    """

    stands: dict[str, Stand] = field(default_factory=dict)
    cuts: dict[Tensor, Stand] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    defaults: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    values: dict[Tensor, Any] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)


def needed_inputs(wiring: Wiring, contexts: Contexts, name: str) -> list[Tensor]:
    """The tensors from which a node computes, assignments being what they assign.

    Control inputs are not among them, save for a node without any other input that stands in a loop or in a branch:
    only they tell it when to run.
    """
    inputs = wiring.inputs[name]
    op = wiring.op(name)
    if op == "Assign":
        return inputs[1:]
    if op in ("IsVariableInitialized", "VarIsInitializedOp"):
        return []
    if not inputs and contexts.of[name]:
        return [(control, -1) for control in _waits_for(wiring, contexts, name)]
    return inputs


def _waits_for(wiring: Wiring, contexts: Contexts, name: str) -> list[str]:
    """The nodes of a loop or a branch that tell `name` when to run.

    What does more than compute is never run for its effect: no file is written because a graph says so. The nodes that
    such a node itself waits for stand in its place.
    """
    found, seen, stack = [], set(), list(wiring.controls[name])
    while stack:
        control = stack.pop()
        if control in seen or not contexts.of.get(control):
            continue
        seen.add(control)
        if only_computes(wiring.op(control)):
            found.append(control)
        else:
            stack += [*wiring.controls[control], *(source for source, _ in wiring.inputs[control])]
    return found


def reach(wiring: Wiring, contexts: Contexts, outputs: Iterable[Tensor], plan: Plan) -> tuple[set[str], set[Tensor]]:
    """The nodes that `outputs` need, up to where `plan` ends the graph, and the cut tensors that are met on the way.

    Loops need no special care: their back edges are followed like all others.
    """
    found: set[str] = set()
    met: set[Tensor] = set()
    stack = list(outputs)
    while stack:
        tensor = stack.pop()
        if tensor in plan.cuts:
            met.add(tensor)
            continue
        name = tensor[0]
        if name in found:
            continue
        if name not in wiring.nodes:
            raise UnreadableSource(
                f"The graph needs a node {name!r} that is not in the file.",
                where=str(spell(tensor)),
                why="it was cut off by whatever wrote the file",
                todo="choose outputs that do not need it with --outputs, or cut it off with --inputs",
            )
        found.add(name)
        if name not in plan.stands and name not in plan.constants:
            stack += needed_inputs(wiring, contexts, name)
    return found, met


def cut(wiring: Wiring, contexts: Contexts, outputs: Iterable[Tensor], plan: Plan) -> Any:
    """The GraphDef with just what `outputs` need.

    Raises Unsupported, naming every operation that today's TensorFlow does not know.
    """
    found, met = reach(wiring, contexts, outputs, plan)
    refuse_unknown(wiring, found - set(plan.stands) - set(plan.constants))
    graph_def = type(wiring.graph_def)()
    names = _names_of_cuts(wiring, found, met, plan)
    for tensor, name in names.items():
        if tensor in plan.values:
            _constant(graph_def.node.add(), name, plan.values[tensor])
        else:
            _placeholder(graph_def.node.add(), name, plan.cuts[tensor])
    for name, node in wiring.nodes.items():
        if name not in found:
            continue
        copy = graph_def.node.add()
        if name in plan.stands:
            _placeholder(copy, name, plan.stands[name])
        elif name in plan.constants:
            _constant(copy, name, plan.constants[name])
        elif name in plan.tables:
            _table(graph_def, copy, node, plan.tables[name])
        elif node.op in TABLE_SIZES and (table := _table_of(wiring, name)) in plan.tables:
            _constant(copy, name, _proto(np.asarray(len(plan.tables[table].keys))))
        else:
            _copy(copy, node, wiring, contexts, names, plan)
    graph_def.library.function.extend(used_functions_of(graph_def, wiring.graph_def))
    graph_def.versions.producer = _producer(graph_def, wiring.graph_def.versions.producer)
    return graph_def


def unknown(wiring: Wiring, names: Iterable[str]) -> list[str]:
    """Those of the nodes whose operation today's TensorFlow does not know."""
    known: dict[str, bool] = {function.signature.name: True for function in wiring.graph_def.library.function}
    missing = []
    for name in names:
        op = wiring.op(name)
        if op not in known:
            known[op] = op_def(op) is not None
        if not known[op]:
            missing.append(name)
    return missing


def refuse_unknown(wiring: Wiring, names: Iterable[str]) -> None:
    """Raise Unsupported when one of the nodes is of an operation that is gone, naming all of them."""
    missing = sorted(unknown(wiring, names))
    if missing:
        ops = sorted({wiring.op(name) for name in missing})
        listed = ", ".join(f"{name} ({wiring.op(name)})" for name in missing[:10])
        raise Unsupported(
            f"The outputs need what today's TensorFlow does not know: {', '.join(ops)}.",
            where=listed + (f" and {len(missing) - 10} more" if len(missing) > 10 else ""),
            why="it came from tf.contrib or a library of the author's own",
            todo="cut the graph behind it with --inputs, or before it with --outputs",
        )


def used_functions_of(graph_def: Any, whole: Any) -> list[Any]:
    """The functions of `whole` that the nodes of `graph_def` name."""
    if not whole.library.function:
        return []
    probe = type(graph_def)()
    probe.library.CopyFrom(whole.library)
    probe.node.extend(graph_def.node)
    return used_functions(probe)


def _names_of_cuts(wiring: Wiring, found: set[str], met: set[Tensor], plan: Plan) -> dict[Tensor, str]:
    """A node name for each cut tensor: its own node's, where that is gone and the tensor is its first output."""
    names: dict[Tensor, str] = {}
    taken = set(wiring.nodes)
    for tensor in sorted(met):
        name = tensor[0]
        if name in found or tensor[1] != 0:
            base, count = f"{tensor[0]}_{tensor[1]}", 1
            name = base
            while name in taken:
                name = f"{base}_{count}"
                count += 1
            plan.renamed[spell(tensor)] = f"{name}:0"
        taken.add(name)
        names[tensor] = name
    return names


def _placeholder(node: Any, name: str, stand: Stand) -> None:
    node.name, node.op = name, "Placeholder"
    node.attr["dtype"].type = stand.dtype
    proto = node.attr["shape"].shape
    if stand.shape is None:
        proto.unknown_rank = True
    else:
        proto.SetInParent()
        for size in stand.shape:
            proto.dim.add(size=-1 if size is None else size)


def _constant(node: Any, name: str, tensor: Any) -> None:
    node.name, node.op = name, "Const"
    node.attr["dtype"].type = tensor.dtype
    node.attr["value"].tensor.CopyFrom(tensor)


def _table_of(wiring: Wiring, name: str) -> str:
    """The node that makes the table which `name` takes first."""
    return wiring.through(wiring.inputs[name][0], HANDED_ON)[0]


def _proto(array: np.ndarray) -> Any:
    from tensorflow.python.framework.tensor_util import make_tensor_proto

    return make_tensor_proto(array)


def _table(graph_def: Any, copy: Any, node: Any, table: Table) -> None:
    """A table that is filled before anything is looked up in it: who runs the graph need not know of it.

    A mutable one, since of that TensorFlow knows the shape of what is found; for some types there is none. To be filled
    again is no error for either kind.
    """
    from tensorflow.core.framework import types_pb2

    types = {name: node.attr[name].type for name in ("key_dtype", "value_dtype")}
    text = types["value_dtype"] == types_pb2.DT_STRING and types["key_dtype"] != types_pb2.DT_INT64
    made = graph_def.node.add(name=f"{node.name}.table", op="HashTableV2" if text else "MutableHashTableV2")
    for name, dtype in types.items():
        made.attr[name].type = dtype
    for name, array in (("keys", table.keys), ("values", table.values)):
        _constant(graph_def.node.add(), f"{node.name}.{name}", _proto(array))
    op = "InitializeTableV2" if text else "LookupTableImportV2"
    filled = graph_def.node.add(name=f"{node.name}.filled", op=op)
    filled.input.extend([made.name, f"{node.name}.keys", f"{node.name}.values"])
    for name, dtype in zip(("Tkey", "Tval") if text else ("Tin", "Tout"), types.values(), strict=True):
        filled.attr[name].type = dtype
    copy.name, copy.op, copy.attr["T"].type = node.name, "Identity", RESOURCE
    copy.input.extend([made.name, f"^{filled.name}"])


def _copy(copy: Any, node: Any, wiring: Wiring, contexts: Contexts, names: Mapping[Tensor, str], plan: Plan) -> None:
    """Write `node` as a plain one: no references, resources, devices, hints or control inputs."""
    copy.name, copy.op = node.name, PLAIN.get(node.op, node.op)
    for source, index in needed_inputs(wiring, contexts, node.name):
        if index < 0:
            copy.input.append(f"^{source}")
        elif (source, index) in names:
            copy.input.append(names[source, index])
        else:
            copy.input.append(source if index == 0 else f"{source}:{index}")
    read = _variable_type(wiring, plan, node.name)
    if node.name in plan.defaults:
        copy.op = "Identity"
        copy.attr["T"].type = node.attr["dtype"].type
        return
    if _write_plain_read(copy, node, read):
        return
    definition = op_def(copy.op)
    if definition is None:  # a call of a function in the library
        for key, value in node.attr.items():
            copy.attr[key].CopyFrom(value)
        return
    known = {attr.name for attr in definition.attr}
    for key, value in node.attr.items():
        if key in known and not key.startswith("_"):
            copy.attr[key].CopyFrom(value)
    if node.op in PASSING | {"Merge", "RefMerge"} and read and "T" in copy.attr and copy.attr["T"].type == RESOURCE:
        copy.attr["T"].type = read


def _variable_type(wiring: Wiring, plan: Plan, name: str) -> int:
    """The DataType number of the variable that a node takes first, 0 if it takes none."""
    inputs = wiring.inputs[name]
    root = wiring.through(inputs[0], PASSING)[0] if inputs else ""
    return (
        plan.stands[root].dtype if root in plan.stands else plan.constants[root].dtype if root in plan.constants else 0
    )


def _write_plain_read(copy: Any, node: Any, read: int) -> bool:
    """Write the operations on variables as those on plain tensors; False for any other operation."""
    kind = node.op
    if kind == "Assign":
        copy.op, copy.attr["T"].type = "Identity", node.attr["T"].type
    elif kind in ("AssignAdd", "AssignSub"):
        copy.op, copy.attr["T"].type = ("Add" if kind == "AssignAdd" else "Sub"), node.attr["T"].type
    elif kind == "ReadVariableOp":
        copy.op, copy.attr["T"].type = "Identity", node.attr["dtype"].type
    elif kind == "VariableShape":
        copy.op, copy.attr["T"].type = "Shape", read
        copy.attr["out_type"].type = node.attr["out_type"].type or 3
    elif kind == "ResourceGather" and not node.attr["batch_dims"].i:
        copy.op = "Gather"
        copy.attr["Tparams"].type, copy.attr["Tindices"].type = node.attr["dtype"].type, node.attr["Tindices"].type
    elif kind == "ResourceGatherNd":
        copy.op = "GatherNd"
        copy.attr["Tparams"].type, copy.attr["Tindices"].type = node.attr["dtype"].type, node.attr["Tindices"].type
    elif kind in ("IsVariableInitialized", "VarIsInitializedOp"):
        copy.op, copy.attr["dtype"].type = "Const", 10
        copy.attr["value"].tensor.dtype = 10
        copy.attr["value"].tensor.tensor_shape.SetInParent()
        copy.attr["value"].tensor.bool_val.append(True)
    else:
        return False
    return True


def _producer(graph_def: Any, written: int) -> int:
    """A version under which all operations of the graph are still allowed: some were deprecated at a version."""
    ends = [
        definition.deprecation.version
        for op in {n.op for n in graph_def.node}
        if (definition := op_def(op)) is not None
    ]
    limit = min((end for end in ends if end), default=10**6)
    return max(1, min(max(written, LEAST_PRODUCER), limit - 1))
