"""Puts a bias in front of the reshape that stands between it and the product it belongs to."""

from __future__ import annotations

from porter.graph import Graph, Node, Value

PRODUCTS = ("MatMul", "BatchMatMul")


def biases_at_products(graph: Graph) -> None:
    """Reshape(x @ kernel) + bias becomes Reshape(x @ kernel + bias), so that it is a dense layer and a reshape.

    tf.tensordot reshapes what it multiplies, and a dense layer on more axes than two adds its bias behind that. Left as
    they are: a bias of more axes than the last, reshapes that change the last axis, and what something else uses, too.
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
        if reshape.op != "Reshape" or bias.node.op not in ("Const", "Variable"):
            continue
        product = reshape.inputs[0]
        if product.node.op not in PRODUCTS or any(
            len(value.uses) != 1 or graph.is_output(value) for value in (product, shaped)
        ):
            continue
        units = (product.shape or (None,))[-1]
        if units is None or bias.shape != (units,) or shaped.shape is None or shaped.shape[-1:] != (units,):
            continue
        added = Node(f"{node.name}/added", node.op, [product, bias], dict(node.attrs), origin=node.origin)
        added.outputs = [Value(added, 0, product.shape, product.probe, product.dtype)]
        graph.add(added)
        rest = reshape.inputs[1:]
        node.op, node.attrs = "Reshape", dict(reshape.attrs)
        graph.set_inputs(node, [added.out, *rest])
