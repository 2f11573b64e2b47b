"""Broadcasting that was written as a product with ones.

Before TensorFlow had broadcast_to, `y * tf.ones([batch, rows, columns, classes])` laid a vector over the pixels of a
picture, as conditional GANs do. The ones would become an array as large as the picture.
"""

from __future__ import annotations

from porter.graph import Graph, Node, Value


def broadcasts(graph: Graph) -> None:
    """Let what is multiplied by ones of the result's shape be broadcast to it, or be itself."""
    for node in list(graph):
        if node.op != "Mul":
            continue
        for value, ones in (node.inputs, node.inputs[::-1]):
            if value.node.op == "Const" or not _is_ones(ones) or not _agree(ones, node.out):
                continue  # a number times ones is what Fill gives, and no layer's output
            if _agree(value, node.out):
                graph.replace(node.out, value)
                graph.remove(node)
            else:
                _broadcast(graph, node, value, ones)
            break


def _is_ones(value: Value) -> bool:
    node = value.node
    if node.op == "Fill":
        node = node.inputs[-1].node
    held = node.attrs.get("value") if node.op == "Const" else None
    return held is not None and held.dtype.kind in "iuf" and bool((held == 1).all())


def _agree(one: Value, other: Value) -> bool:
    """Whether two values have the same shape, whatever the sizes that are not known."""
    if one.shape is None or one.shape != other.shape:
        return False
    return None not in one.shape or (one.probe is not None and one.probe == other.probe)


def _broadcast(graph: Graph, node: Node, value: Value, ones: Value) -> None:
    sized = ones.node.op == "Fill" and len(ones.node.inputs) == 2  # by sizes that are known only when it runs
    node.op, node.attrs = "BroadcastTo", {} if sized else {"shape": node.out.shape}
    graph.set_inputs(node, [value, ones.node.inputs[0]] if sized else [value])
