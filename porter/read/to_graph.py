"""From a GraphDef to a `Graph`: nodes as plain data, with the shapes and the constants that TensorFlow finds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from porter.graph import Graph, Node, Value
from porter.read.model import Original

BATCH = 1009
# Unknown rows, columns and so on: multiples of 64, so that nets which halve and double again accept them.
SIZES = (BATCH, 64 * 101, 64 * 103, 64 * 107, 64 * 109)

# Attributes that say nothing about the result.
IRRELEVANT = {
    "Tidx", "Tindices", "container", "shared_name", "use_cudnn_on_gpu", "validate_indices", "seed", "seed2",
    "parallel_iterations", "swap_memory", "cudnn_on_gpu", "message", "shape",
    "clear_after_read", "identical_element_shapes", "tensor_array_name", "is_constant", "output_shapes",
    "element_shape", "max_num_elements", "debug_name", "grad_a", "grad_b", "grad_x", "grad_y",
}  # fmt: skip


def to_graph(original: Original) -> Graph:
    """The original as a `Graph`.

    Placeholders of variables become `Variable` nodes, those of knobs `Knob` nodes, lookup tables
    `Table` nodes with their keys and values as inputs. What depends on constants and knobs
    alone and is small (integers, bools, single floats) is computed here: to a `Const`, or to a `Knob` where training and
    inference differ. Arithmetic on weights is left as it is.
    """
    import tensorflow as tf

    graph = Graph()
    proto = original.graph_def
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(proto, name="")
    probed = _probe(original, graph)
    knobs = {original.stands_for(knob.tensor).split(":")[0]: knob for knob in original.knobs}
    for definition in proto.node:
        operation = imported.get_operation_by_name(definition.name)
        node = Node(definition.name, definition.op, origin=(definition.name,))
        for index, tensor in enumerate(operation.outputs):
            shape = None if tensor.shape.rank is None else tuple(tensor.shape.as_list())
            probe = probed.get(f"{definition.name}:{index}")
            if shape is None and definition.op == "TensorArrayGatherV3":
                shape = _stacked(definition)
            node.outputs.append(Value(node, index, shape, probe, tensor.dtype.base_dtype.name, tensor.name))
        if definition.name in original.variables:
            node.op = "Variable"
            node.attrs = {"variable": original.variables[definition.name]}
        elif definition.name in knobs and not _is_frozen_integer(definition):
            knob = knobs[definition.name]
            node.op = "Knob"
            node.attrs = {"training": knob.training, "inference": knob.inference}
        elif definition.name in original.tables:
            node.op = "Table"
        elif definition.op == "Const":
            node.attrs = {"value": tf.make_ndarray(definition.attr["value"].tensor)}
        elif definition.op != "Placeholder":
            node.attrs = _attributes(definition)
        if definition.op not in ("Placeholder", "Merge") and node.op != "Table":
            controls = [name[1:] for name in definition.input if name.startswith("^")]
            if controls:
                node.attrs["^"] = controls
        graph.nodes[node.name] = node
    for definition in proto.node:
        node = graph.nodes[definition.name]
        names = [f"{node.name}.keys", f"{node.name}.values"] if node.op == "Table" else definition.input
        node.inputs = [_find(graph, name) for name in names if not name.startswith("^")]
        for slot, value in enumerate(node.inputs):
            value.uses.append((node, slot))
    graph.inputs = [_find(graph, original.stands_for(name)) for name in original.inputs]
    graph.outputs = [_find(graph, original.stands_for(name)) for name in original.outputs]
    _compute_constants(graph, imported, original)
    return graph


def _is_frozen_integer(definition: Any) -> bool:
    """Whether a knob is a whole number that was frozen, such as an axis: it does not differ in training."""
    return definition.op == "Const" and definition.attr["dtype"].type in (3, 9)


def _find(graph: Graph, tensor: str) -> Value:
    name, _, index = tensor.partition(":")
    return graph.nodes[name].outputs[int(index or 0)]


def _attributes(definition: Any) -> dict[str, Any]:
    """Attributes that differ from the operation's defaults, as Python data; dtypes are on the values."""
    from tensorflow.python.framework import op_def_registry

    known = op_def_registry.get(definition.op)
    defaults = {a.name: a.default_value for a in known.attr if a.HasField("default_value")} if known else {}
    types = {a.name for a in known.attr if a.type in ("type", "list(type)")} if known else set()
    lengths = {arg.number_attr for arg in known.input_arg} if known else set()
    found: dict[str, Any] = {}
    for name, value in definition.attr.items():
        if name in IRRELEVANT or name.startswith("_") or name in types or name in lengths:
            continue
        if name in defaults and value == defaults[name]:
            continue
        found[name] = _python(value)
    return found


def _python(value: Any) -> Any:
    """An AttrValue as Python data."""
    import tensorflow as tf

    kind = value.WhichOneof("value")
    if kind == "s":
        return value.s.decode("utf-8", "backslashreplace")
    if kind == "list":
        items: Any = next((items for _, items in value.list.ListFields()), [])
        return tuple(item.decode() if isinstance(item, bytes) else item for item in items)
    if kind == "tensor":
        return tf.make_ndarray(value.tensor)
    if kind == "func":
        return value.func.name
    if kind == "shape":
        return tuple(d.size for d in value.shape.dim)
    return getattr(value, kind) if kind else None


def _stacked(definition: Any) -> tuple[int | None, ...] | None:
    """The shape of an array that was stacked: TensorFlow 1 noted that of its elements, and later ones do not read it."""
    element = definition.attr["element_shape"].shape
    return None if element.unknown_rank else (None, *(d.size if d.size >= 0 else None for d in element.dim))


@contextlib.contextmanager
def _given_sizes(original: Original, sizes: tuple[int | None, ...]) -> Iterator[bool]:
    """Let the GraphDef's inputs have these sizes for their unknown dimensions, by axis, while the block runs."""
    nodes = {node.name: node for node in original.graph_def.node}
    kept = []
    for tensor in original.inputs:
        node = nodes[original.stands_for(tensor).split(":")[0]]
        shape = node.attr["shape"].shape
        kept.append((node, shape.SerializeToString()))
        for axis, dim in enumerate(shape.dim):
            if dim.size < 0 and sizes[min(axis, len(sizes) - 1)]:
                dim.size = sizes[min(axis, len(sizes) - 1)]
    try:
        yield True
    finally:
        for node, saved in kept:
            node.attr["shape"].shape.ParseFromString(saved)


def _probe(original: Original, graph: Graph) -> dict[str, tuple[int, ...]]:
    """Shape by tensor when each unknown dimension of the inputs has a size of its own; empty where that can't be."""
    import tensorflow as tf

    alike = (BATCH, *(SIZES[1],) * (len(SIZES) - 1))
    only_batch: tuple[int | None, ...] = (BATCH, None)
    for sizes in (SIZES, alike, only_batch):
        with _given_sizes(original, sizes):
            try:
                with tf.Graph().as_default() as imported:
                    tf.import_graph_def(original.graph_def, name="")
            except ValueError:  # sizes that these layers refuse
                continue
        graph.sizes = {"batch": BATCH}
        graph.sizes.update({f"axis {axis}": size for axis, size in enumerate(sizes) if axis and size})
        return {
            tensor.name: tuple(tensor.shape.as_list())
            for operation in imported.get_operations()
            for tensor in operation.outputs
            if tensor.shape.is_fully_defined()
        }
    return {}


def _compute_constants(graph: Graph, imported: Any, original: Original) -> None:
    """Replace small values that follow from constants and knobs by a `Const` or a `Knob`."""
    import tensorflow as tf

    settled: dict[int, bool] = {}  # node -> follows from constants and knobs alone
    feeds = {}
    for node in graph.ordered():
        if node.op in ("Const", "Knob"):
            settled[id(node)] = True
        elif node.op == "Shape" and node.inputs[0].shape is not None and None not in node.inputs[0].shape:
            settled[id(node)] = True
            feeds[node.out.name] = np.array(node.inputs[0].shape, node.out.dtype)
        elif node.op in ("Size", "Rank") and node.inputs[0].shape is not None:
            shape = node.inputs[0].shape
            settled[id(node)] = node.op == "Rank" or None not in shape
            if settled[id(node)]:
                size = len(shape) if node.op == "Rank" else np.prod([d or 0 for d in shape])
                feeds[node.out.name] = np.array(size, node.out.dtype)
        else:
            pure = node.op not in STATEFUL and not imported.get_operation_by_name(node.name).op_def.is_stateful
            settled[id(node)] = bool(node.inputs) and pure and all(settled.get(id(v.node)) for v in node.inputs)
    wanted = [
        value
        for node in graph
        if settled[id(node)] and node.op not in ("Const", "Knob")
        for value in node.outputs
        if (graph.is_output(value) or any(not settled[id(user)] for user, _ in value.uses)) and _is_small(value)
    ]
    if not wanted:
        return
    with tf.Graph().as_default() as small:
        tf.import_graph_def(_cone(original.graph_def, wanted, feeds), name="")
    present = {operation.name for operation in small.get_operations()}
    arrays = []
    config = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
    with tf.compat.v1.Session(graph=small, config=config) as session:
        for phase in ("training", "inference"):
            given = {original.stands_for(knob.tensor): getattr(knob, phase) for knob in original.knobs}
            given = {name: value for name, value in given.items() if name.split(":")[0] in present}
            arrays.append(session.run([value.name for value in wanted], {**given, **feeds}))
    for value, training, inference in zip(wanted, *arrays, strict=True):
        name = f"{value.node.name}_{value.index}_value"
        if np.array_equal(training, inference):
            node = Node(name, "Const", [], {"value": np.asarray(inference)}, origin=(value.node.name,))
        else:
            node = Node(name, "Knob", [], {"training": training, "inference": inference}, origin=(value.node.name,))
        node.outputs = [Value(node, 0, np.shape(inference), np.shape(inference), value.dtype)]
        graph.add(node)
        graph.replace(value, node.out)


def _cone(graph_def: Any, wanted: list[Value], feeds: dict[str, np.ndarray]) -> Any:
    """The GraphDef of `wanted` alone, without control inputs; what is fed is a Placeholder."""
    import tensorflow as tf

    fed = {name.split(":")[0]: array for name, array in feeds.items()}
    needed: set[str] = set()
    stack = [value.node for value in wanted]
    while stack:
        node = stack.pop()
        if node.name not in needed:
            needed.add(node.name)
            stack.extend([] if node.name in fed else (value.node for value in node.inputs))
    cone = tf.compat.v1.GraphDef(versions=graph_def.versions)
    for definition in graph_def.node:
        if definition.name in fed and definition.name in needed:
            node = cone.node.add(name=definition.name, op="Placeholder")
            node.attr["dtype"].type = tf.as_dtype(fed[definition.name].dtype).as_datatype_enum
        elif definition.name in needed:
            node = cone.node.add()
            node.CopyFrom(definition)
            del node.input[:]
            node.input.extend(name for name in definition.input if not name.startswith("^"))
    return cone


STATEFUL = {"Switch", "Merge", "Enter", "Exit", "NextIteration", "LoopCond", "RefSwitch"}


def _is_small(value: Value) -> bool:
    """True for integers, bools, strings and single floats: structure, not weights."""
    if value.dtype in ("resource", "variant"):
        return False
    is_float = value.dtype.startswith(("float", "bfloat", "complex", "half"))
    return not is_float or (value.shape is not None and bool(np.prod([d or 0 for d in value.shape]) <= 1))
