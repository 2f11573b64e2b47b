"""Lets transposes that undo each other cancel, also through what works on each element by itself."""

from __future__ import annotations

from porter.graph import Graph, Node, Ref, Value

# Calls of one tensor that do not care how its axes are ordered.
ELEMENTWISE_LAYERS = {"layers.ReLU", "layers.LeakyReLU", "layers.ELU", "layers.Dropout", "layers.Identity"}
ELEMENTWISE = {
    "ops.abs", "ops.exp", "ops.log", "ops.negative", "ops.relu", "ops.sigmoid", "ops.sqrt", "ops.square", "ops.tanh",
    "ops.stop_gradient",
}  # fmt: skip
PER_AXIS_ACTIVATIONS = ("softmax", "log_softmax", "glu", "sparsemax")


def cancel_transposes(graph: Graph) -> None:
    """Move each transpose towards the outputs as far as it goes, and drop those that meet their inverse."""
    for node in graph.ordered():
        if _perm(node) is not None and graph.nodes.get(node.name) is node:
            _move(graph, node)
    graph.prune()


def _perm(node: Node) -> tuple[int, ...] | None:
    """The order of axes that `node` gives, if it is a transpose."""
    if node.op == "ops.transpose" and len(node.inputs) == 1:
        args = node.attrs["args"]
        perm = args[1] if len(args) > 1 else node.attrs["kwargs"].get("axes")
        return tuple(perm) if isinstance(perm, (tuple, list)) else None
    if node.op == "layers.Permute":
        return (0, *node.attrs["config"][0][0])
    return None


def _move(graph: Graph, node: Node) -> None:
    """Look behind the elementwise calls that follow `node` for transposes, and join those with it."""
    perm, source = _perm(node), node.inputs[0]
    assert perm is not None
    chain: list[Node] = []
    value = node.out
    while not graph.is_output(value) and len(value.uses) == 1:
        user = value.uses[0][0]
        if not _is_elementwise(user):
            break
        chain.append(user)
        value = user.out
    after = [user for user, _ in value.uses]
    if graph.is_output(value) or not after or any(_perm(user) is None for user in after):
        return
    for each in chain:
        each.out.shape, each.out.probe = _apply_inverse(each.out, perm)
        each.out.tensor = each.out.transposed(perm.index(axis) for axis in range(len(perm)))
    if chain:
        graph.set_inputs(chain[0], [source])
    last = chain[-1].out if chain else source
    for user in after:
        joined = tuple(perm[axis] for axis in _perm(user) or ())
        if joined == tuple(range(len(joined))):
            graph.replace(user.out, last)
        else:
            user.op = "ops.transpose"
            user.attrs = {"args": (Ref(0), joined), "kwargs": {}, "rule": user.attrs.get("rule", "")}
            graph.set_inputs(user, [last])


def _apply_inverse(value: Value, perm: tuple[int, ...]):
    """Shape and probe of `value` before a transpose by `perm`."""
    order = [perm.index(axis) for axis in range(len(perm))]
    shape = None if value.shape is None else tuple(value.shape[axis] for axis in order)
    return shape, None if value.probe is None else tuple(value.probe[axis] for axis in order)


def _is_elementwise(node: Node) -> bool:
    if len(node.inputs) != 1 or len(node.outputs) != 1 or node.attrs.get("weights"):
        return False
    if node.op == "layers.Activation":
        return node.attrs["config"][0][0] not in PER_AXIS_ACTIVATIONS
    if node.op in ELEMENTWISE_LAYERS:
        return "noise_shape" not in node.attrs["config"][1]
    return node.op in ELEMENTWISE
