"""Puts a bias in front of the reshape that stands between it and the product it belongs to."""

from __future__ import annotations

from porter.graph import Graph, Node, Value

PRODUCTS = ("MatMul", "BatchMatMul")


def biases_at_products(graph: Graph) -> None:
    """Reshape(x @ kernel) + bias becomes Reshape(x @ kernel + bias), so that it is a dense layer and a reshape.

    tf.tensordot reshapes what it multiplies, and a dense layer on more axes than two adds its bias behind that. The bias
    may be reshaped itself, as that of attention's heads is. Left as they are: a bias that differs along other axes than the
    product's last one, and what something else uses, too.
    """
    for node in list(graph):
        if (
            node.op not in ("Add", "BiasAdd")
            or len(node.inputs) != 2
            or node.attrs.get("data_format", "NHWC") != "NHWC"
        ):
            continue
        shaped, bias = node.inputs if node.inputs[0].node.op == "Reshape" else node.inputs[::-1]
        reshape = shaped.node
        if reshape.op != "Reshape":
            continue
        product = reshape.inputs[0]
        if product.node.op not in PRODUCTS or any(
            len(value.uses) != 1 or graph.is_output(value) for value in (product, shaped)
        ):
            continue
        each = _one_per_unit(bias, shaped, product)
        if each is None:
            continue
        added = Node(f"{node.name}/added", node.op, [product, each], dict(node.attrs), origin=node.origin)
        added.outputs = [Value(added, 0, product.shape, product.probe, product.dtype)]
        graph.add(added)
        rest = reshape.inputs[1:]
        node.op, node.attrs = "Reshape", dict(reshape.attrs)
        graph.set_inputs(node, [added.out, *rest])


def _one_per_unit(bias: Value, shaped: Value, product: Value) -> Value | None:
    """The bias as [units], if that is what it is, whatever axes it was given; None if it is not."""
    units, root = (product.shape or (None,))[-1], bias
    if units is None or shaped.shape is None or bias.shape is None or bias.shape != shaped.shape[-len(bias.shape) :]:
        return None
    while root.node.op == "Reshape" and root.rank != 1:
        root = root.node.inputs[0]
    whole = len(bias.shape) in (1, (shaped.rank or 0) - (product.rank or 0) + 1)  # the last axis, or what it became
    return root if whole and root.shape == (units,) and root.node.op in ("Const", "Variable") else None
