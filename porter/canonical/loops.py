"""The frames of TensorFlow 1's `tf.while_loop` become one functional node `While`.

In a frame each loop variable goes Enter -> Merge -> Switch -> (body) -> NextIteration -> Merge, and leaves by Switch ->
Exit; what does not change comes in through an Enter alone. `While` takes the initial values and the unchanging ones, and
holds two graphs: `cond` says whether to go on, `body` gives the next values of the loop variables.
A TensorArray's flow becomes the array itself, a tensor [size, ...]: `ArrayNew`, `ArrayWrite`, `ArrayRead`.
Source: tensorflow/python/ops/control_flow_ops.py, class WhileContext, and tensor_array_ops.py, 1.15.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from porter.canonical.names import constant
from porter.graph import Graph, Node, Value
from porter.pattern import Matcher


@dataclass
class Frame:
    """The Enter nodes of one loop."""

    enters: list[Node] = field(default_factory=list)


def functional_loops(graph: Graph) -> None:
    """Replace all frames, inner ones first, and all TensorArrays."""
    frames: dict[str, Frame] = {}
    for node in graph:
        if node.op in ("Enter", "RefEnter"):
            frames.setdefault(node.attrs["frame_name"], Frame()).enters.append(node)
    for frame in _inner_first(graph, frames) if frames else []:
        _functional(graph, frame)
    graph.prune()
    _arrays(graph)


def _inner_first(graph: Graph, frames: dict[str, Frame]) -> list[Frame]:
    """Frames in an order in which a loop comes before the loop around it."""
    owner = {id(enter): name for name, frame in frames.items() for enter in frame.enters}
    depth: dict[int, tuple[str, ...]] = {}
    deepest: dict[str, int] = dict.fromkeys(frames, 0)
    order, before = graph.ordered(), None
    while before != deepest:  # in a circle there is no first node, so that one pass may miss what comes around
        before = dict(deepest)
        for node in order:
            around: tuple[str, ...] = ()
            for value in node.inputs:
                known = depth.get(id(value.node), ())
                around = known if len(known) > len(around) else around
            if id(node) in owner:
                around = (*around, owner[id(node)]) if owner[id(node)] not in around else around
                deepest[owner[id(node)]] = max(deepest[owner[id(node)]], len(around))
            elif node.op == "Exit":
                around = around[:-1]
            depth[id(node)] = around
    return sorted(frames.values(), key=lambda frame: -deepest[owner[id(frame.enters[0])]])


def _functional(graph: Graph, frame: Frame) -> None:
    found: list[tuple[Node, Node, Node | None, Node]] = []
    unchanging: list[Node] = []
    loop_cond = None
    for enter in frame.enters:
        merge = next((user for user, _ in enter.out.uses if user.op == "Merge"), None)
        if merge is None:
            unchanging.append(enter)
            continue
        again = next(value.node for value in merge.inputs if value.node is not enter)
        switch = next((user for user, slot in merge.out.uses if user.op == "Switch" and slot == 0), None)
        if switch is not None:
            loop_cond = switch.inputs[1].node
        found.append((enter, merge, switch, again))
    if loop_cond is None:
        return
    variables = [  # Enter, Merge, Switch, NextIteration
        (enter, merge, switch or _switch(graph, merge, loop_cond), again)
        for enter, merge, switch, again in found
        if switch or merge.out.uses
    ]
    matcher = Matcher(graph)
    weights = {
        id(enter.out): enter.inputs[0]
        for enter in unchanging
        if matcher.is_static(enter.inputs[0]) or enter.inputs[0].node.op == "Knob"
    }
    unchanging = [enter for enter in unchanging if id(enter.out) not in weights]
    inputs = [enter.inputs[0] for enter, *_ in variables] + [enter.inputs[0] for enter in unchanging]
    loop = Node(f"{loop_cond.name}/while", "While", inputs, {"count": len(variables)}, origin=(loop_cond.name,))
    fixed = [enter.out for enter in unchanging]
    loop.attrs["cond"] = _subgraph(graph, [m.out for _, m, _, _ in variables] + fixed, weights, [loop_cond.inputs[0]])
    after = [again.inputs[0] for *_, again in variables]
    loop.attrs["body"] = _subgraph(graph, [s.outputs[1] for _, _, s, _ in variables] + fixed, weights, after)
    for index, (enter, _, switch, _) in enumerate(variables):
        leaving = [user for user, _ in switch.outputs[0].uses if user.op == "Exit"]
        shape = leaving[0].out.shape if leaving else enter.out.shape
        value = Value(loop, index, shape, leaving[0].out.probe if leaving else None, enter.out.dtype)
        loop.outputs.append(value)
        for user in leaving:
            graph.replace(user.out, value)
        if any(user.op.startswith(("TensorArray", "TensorList")) for user, _ in value.uses):
            value.tensor = ""  # what stands for it in the original is a flow, not the array
    graph.add(loop)
    for enter in frame.enters:
        # cut the circle, so that nothing of the frame is reached any more
        for user, _ in list(enter.out.uses):
            if user.op == "Merge":
                graph.set_inputs(user, [])


def _switch(graph: Graph, merge: Node, loop_cond: Node) -> Node:
    """The Switch of a variable that only the loop's condition looks at: nothing needs what it gives."""
    switch = Node(f"{merge.name}/Switch", "Switch", [merge.out, loop_cond.out], origin=merge.origin)
    value = merge.out
    switch.outputs = [Value(switch, side, value.shape, value.probe, value.dtype) for side in (0, 1)]
    return graph.add(switch)


def _subgraph(graph: Graph, inputs: list[Value], weights: dict[int, Value], outputs: list[Value]) -> Graph:
    """A copy of what leads from `inputs` to `outputs`, as a graph of its own.

    weights: what comes in unchanging and depends on weights and constants alone; it is copied too, so that a rule sees a
    weight where there is one.
    """
    result = Graph()
    result.sizes = graph.sizes
    copies: dict[int, Value] = {}
    for index, value in enumerate(inputs):
        node = Node(f"argument_{index}", "Placeholder")
        node.outputs = [Value(node, 0, value.shape, value.probe, value.dtype)]
        result.add(node)
        copies[id(value)] = node.out
    result.inputs = [copies[id(value)] for value in inputs]

    def copy(node: Node) -> None:
        if id(node.out) in weights:
            source = weights[id(node.out)]
            for each in graph.ancestors([source.node]):
                if id(each.out) not in copies:
                    copy(each)
            copies[id(node.out)] = copies[id(source)]
            return
        new = Node(
            node.name, node.op, [copies[id(value)] for value in node.inputs], dict(node.attrs), origin=node.origin
        )
        new.outputs = [Value(new, v.index, v.shape, v.probe, v.dtype) for v in node.outputs]
        result.add(new)
        copies.update({id(value): twin for value, twin in zip(node.outputs, new.outputs, strict=True)})

    for node in _between(inputs, outputs, weights):
        copy(node)
    result.outputs = [copies[id(value)] for value in outputs]
    return result


def _between(inputs: list[Value], outputs: list[Value], weights: dict[int, Value]) -> list[Node]:
    """The nodes that `outputs` depend on, up to `inputs` and `weights`, in order."""
    stop = {id(value) for value in inputs}
    order: list[Node] = []
    seen: set[int] = set()
    stack: list[tuple[Node, bool]] = [(value.node, False) for value in outputs if id(value) not in stop]
    while stack:
        node, leaving = stack.pop()
        if leaving:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            if not node.outputs or id(node.out) not in weights:
                stack.extend((v.node, False) for v in node.inputs if id(v) not in stop and id(v.node) not in seen)
    return order


def _arrays(graph: Graph, outside: dict[int, Value] | None = None) -> None:
    """Let each TensorArray, by its flow, and each list of tensors be an array, in `graph` and in the loops inside it.

    outside: what comes into `graph` from around it.
    """
    outside = outside or {}
    for node in graph.ordered():
        if node.op == "While":
            for inner in (node.attrs["cond"], node.attrs["body"]):
                around = {id(value): node.inputs[place] for place, value in enumerate(inner.inputs)}
                _arrays(inner, {**outside, **around})
        elif node.op == "TensorListResize":
            graph.replace(node.out, node.inputs[0])
            made = _made(node.inputs[0], outside)
            if made is not None:
                made.attrs["grows"] = True
        elif node.op == "Cond" and node.inputs[1] is node.inputs[2]:  # a list that was made larger under a condition
            graph.replace(node.out, node.inputs[1])
        elif node.op in ("TensorArrayV3", "TensorListReserve"):
            if node.op == "TensorListReserve":
                graph.set_inputs(node, node.inputs[1:])
            node.op, node.attrs = "ArrayNew", {"grows": True} if node.attrs.get("dynamic_size") else {}
            for value in node.outputs:
                value.shape, value.probe = None, None  # those of a handle and of a flow
        elif node.op in ARRAY_OPERATIONS:
            node.op, order = ARRAY_OPERATIONS[node.op]
            graph.set_inputs(node, [node.inputs[place] for place in order])
        elif node.op in INDEXED and not _is_all(node):
            _picked(graph, node)
        elif node.op in ("TensorArraySplitV3", "TensorListSplit"):
            _split(graph, node)
        elif node.op in WHOLE_ARRAYS:
            # tf.while_loop's users unstack and stack whole tensors: indices are range(size)
            array = node.inputs[WHOLE_ARRAYS[node.op]]
            is_read = node.op not in (
                "TensorArrayScatterV3",
                "TensorListFromTensor",
                "TensorListScatterIntoExistingList",
            )
            if is_read and (node.out.shape is not None or array.shape == ()):  # a flow is a scalar, the array is none
                array.shape, array.probe = node.out.shape, node.out.probe
            graph.replace(node.out, array)
        elif node.op in ("TensorArraySizeV3", "TensorListLength"):
            made = node.inputs[0].node
            if made.op == "ArrayNew" and not made.attrs:
                graph.replace(node.out, made.inputs[0])


def _made(array: Value, outside: dict[int, Value]) -> Node | None:
    """What made an array that has been written to, perhaps in the loops around."""
    while array.node.op == "ArrayWrite" or id(array) in outside:
        array = outside[id(array)] if id(array) in outside else array.node.inputs[0]
    return array.node if array.node.op == "ArrayNew" else None


def _is_all(node: Node) -> bool:
    """True where the indices are 0, 1, 2 and so on, up to the size of the array: the places of all elements."""
    indices = node.inputs[INDEXED[node.op]].node
    array = node.inputs[FLOW[node.op] if node.op in FLOW else WHOLE_ARRAYS[node.op]]
    made = array.node if array.node.op == "ArrayNew" else None
    size = None if made is None else made.inputs[0].node.attrs.get("value")
    if indices.op == "Range":
        start, limit, step = (value.node.attrs.get("value") for value in indices.inputs)
        counts = (start is None or start == 0) and (step is None or step == 1)
        grows = made is not None and "grows" in made.attrs
        return counts and bool(limit is None or size is None or grows or size == limit)
    known = indices.attrs.get("value") if indices.op == "Const" else None
    if known is None or (known != np.arange(known.size)).any():
        return False
    if made is not None and made.attrs.get("grows") and node.op in FLOW:
        return not any(user.op in ("ArrayWrite", *FLOW) for user, _ in node.out.uses)
    return size is not None and size == known.size


def _picked(graph: Graph, node: Node) -> None:
    """Elements at indices of their own: read by one gather; written one by one, if the indices are constants."""
    if node.op in ("TensorArrayGatherV3", "TensorListGather"):
        array = node.inputs[2 if node.op == "TensorArrayGatherV3" else 0]
        graph.set_inputs(node, [array, node.inputs[1], constant(graph, f"{node.name}/axis", np.int32(0))])
        node.op, node.attrs = "GatherV2", {}
        return
    indices = node.inputs[INDEXED[node.op]].node.attrs.get("value")
    if indices is None and _scattered(graph, node):
        return
    if indices is None or indices.size > MOST_WRITES:
        return
    array, values = node.inputs[FLOW[node.op]], node.inputs[WHOLE_ARRAYS[node.op]]
    for place, index in enumerate(indices.ravel().tolist()):
        array = _write(graph, f"{node.name}/{place}", array, index, _entry(graph, values, place))
    graph.replace(node.out, array)


def _scattered(graph: Graph, node: Node) -> bool:
    """Let elements that the data place in an empty array of known size be one ScatterNd. False where it is none."""
    made, values = node.inputs[FLOW[node.op]].node, node.inputs[WHOLE_ARRAYS[node.op]]
    size = made.inputs[0].node.attrs.get("value") if made.op == "ArrayNew" and "grows" not in made.attrs else None
    indices = node.inputs[INDEXED[node.op]]
    if size is None or values.shape is None or None in values.shape[1:]:
        return False
    last = constant(graph, f"{node.name}/last", np.int32(1))
    column = Node(f"{node.name}/column", "ExpandDims", [indices, last], origin=node.origin)
    count = indices.shape[:1] if indices.shape else (None,)
    column.outputs = [Value(column, 0, (*count, 1), None if None in count else (*count, 1), indices.dtype)]  # type: ignore[arg-type]
    shape = (int(size), *values.shape[1:])
    sizes = constant(graph, f"{node.name}/sizes", np.array(shape, indices.dtype))
    new = Node(f"{node.name}/scattered", "ScatterNd", [graph.add(column).out, values, sizes], origin=node.origin)
    new.outputs = [Value(new, 0, shape, shape, values.dtype)]  # type: ignore[arg-type]
    graph.replace(node.out, graph.add(new).out)
    return True


def _split(graph: Graph, node: Node) -> None:
    """A tensor cut into elements of one size; pieces of several sizes are no tensor, and stay to be refused."""
    listed = node.op == "TensorListSplit"
    values, lengths = (node.inputs[0], node.inputs[2]) if listed else (node.inputs[1], node.inputs[2])
    known = lengths.node.attrs.get("value") if lengths.node.op == "Const" else None
    if known is None or not known.size or (known != known[0]).any() or values.shape is None:
        return
    sizes = np.array([known.size, known[0], *(-1 if size is None else size for size in values.shape[1:])], np.int64)
    if (sizes < 0).sum() > 1:
        return
    new = Node(f"{node.name}/pieces", "Reshape", [values, constant(graph, f"{node.name}/sizes", sizes)])
    new.origin = node.origin
    dims = (known.size, int(known[0]), *values.shape[1:])
    new.outputs = [Value(new, 0, dims, None if None in dims else dims, values.dtype)]
    graph.replace(node.out, graph.add(new).out)


def _entry(graph: Graph, values: Value, place: int) -> Value:
    """One entry of the first axis."""
    ends = [constant(graph, f"{values.node.name}/end_{place}_{i}", np.array([place + i], np.int32)) for i in (0, 1)]
    step = constant(graph, f"{values.node.name}/step_{place}", np.array([1], np.int32))
    node = Node(f"{values.node.name}/entry_{place}", "StridedSlice", [values, *ends, step], {"shrink_axis_mask": 1})
    shape = None if values.shape is None else values.shape[1:]
    probe = None if values.probe is None else values.probe[1:]
    node.outputs = [Value(node, 0, shape, probe, values.dtype)]
    node.origin = values.node.origin
    return graph.add(node).out


def _write(graph: Graph, name: str, array: Value, index: int, value: Value) -> Value:
    node = Node(name, "ArrayWrite", [array, constant(graph, f"{name}/index", np.int32(index)), value])
    node.outputs = [Value(node, 0, None, None, value.dtype)]
    return graph.add(node).out


MOST_WRITES = 64  # elements that are written one by one
# Operations that write elements: the place of the array before.
FLOW = {"TensorArrayScatterV3": 3, "TensorListScatterIntoExistingList": 0}
# Operation: which of its inputs holds indices.
INDEXED = {
    "TensorArrayScatterV3": 1,
    "TensorArrayGatherV3": 1,
    "TensorListScatterIntoExistingList": 2,
    "TensorListGather": 1,
}
# Operation: what it becomes, and which of its inputs that takes.
ARRAY_OPERATIONS = {
    "TensorArrayWriteV3": ("ArrayWrite", (3, 1, 2)),
    "TensorListSetItem": ("ArrayWrite", (0, 1, 2)),
    "TensorArrayReadV3": ("ArrayRead", (2, 1)),
    "TensorListGetItem": ("ArrayRead", (0, 1)),
}
# Operation: which of its inputs is the array that it gives, or is made from.
WHOLE_ARRAYS = {
    "TensorArrayScatterV3": 2,
    "TensorArrayGatherV3": 2,
    "TensorListGather": 0,
    "TensorListFromTensor": 0,
    "TensorListScatterIntoExistingList": 1,
    "TensorListStack": 0,
}
