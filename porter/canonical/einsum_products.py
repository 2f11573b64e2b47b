"""Undoes what TensorFlow 1's `tf.einsum` made of a product with a weight that has more axes than a matrix.

It turned the weight's axes round, made a matrix of it, multiplied, and turned the result's axes back; or the other way
round, where axes are summed up. Without the turning it is a dense layer on a reshaped tensor, or an Einstein sum again.
Source: tensorflow/python/ops/special_math_ops.py, functions einsum and _einsum_reduction, 1.0 to 1.14.
"""

from __future__ import annotations

from porter.graph import Graph, Node, Value

PRODUCTS = ("MatMul", "BatchMatMul")
LETTERS = "abcdefghijklmnop"


def einsum_products(graph: Graph) -> None:
    """Transpose(Reshape(x @ Reshape(Transpose(w)))) and Reshape(Transpose(x)) @ Reshape(Transpose(w)) lose their transposes.

    Left as they are: transposes that do not undo each other, and what something else uses, too.
    """
    for node in list(graph):
        if node.op == "Transpose":
            _turned_behind(graph, node)
        elif node.op in PRODUCTS:
            _turned_before(graph, node)


def _turned_behind(graph: Graph, node: Node) -> None:
    """[..., inputs] by a weight [inputs, a, b] to [..., a, b], through a matrix whose columns stand in another order."""
    shaped = node.inputs[0]
    product = shaped.node.inputs[0] if shaped.node.op == "Reshape" else shaped
    if product is shaped or product.node.op not in PRODUCTS or product.node.attrs:
        return
    if any(len(value.uses) != 1 or graph.is_output(value) for value in (shaped, product)):
        return
    x, matrix = product.node.inputs
    found, perm, lead = _turned(matrix), node.attrs.get("perm"), (product.rank or 0) - 1
    if found is None or perm is None or shaped.shape is None or lead < 1 or node.out.shape is None:
        return
    weight, order = found
    behind = [axis - lead for axis in perm[lead:]]
    fits = perm[:lead] == tuple(range(lead)) and len(order) == len(behind) + 1 and order[0] == 0
    if not fits or weight.shape is None or node.out.shape[lead:] != weight.shape[1:]:
        return
    if [order[axis + 1] - 1 for axis in behind] != list(range(len(behind))):
        return
    if x.rank != lead + 1 or shaped.shape[lead:] != tuple(weight.shape[axis] for axis in order[1:]):
        return
    whole = _matrix(weight, matrix)
    if whole is None:
        letters = LETTERS[: lead + 1]
        more = LETTERS[lead + 1 : lead + len(order)]
        node.op, node.attrs = "Einsum", {"equation": f"{letters},{letters[-1]}{more}->{letters[:-1]}{more}"}
        graph.set_inputs(node, [x, weight])
        return
    if node.out.shape[1:].count(None) > 1:
        return
    graph.set_inputs(product.node, [x, whole])
    node.op = "Reshape"
    node.attrs = {"shape": (None, *(-1 if size is None else size for size in node.out.shape[1:]))}
    graph.set_inputs(node, [product])


def _turned_before(graph: Graph, node: Node) -> None:
    """[..., a, b] by a weight [a, b, units] to [..., units], through a matrix whose rows stand in another order."""
    if node.attrs or len(node.inputs) != 2:
        return
    joined, matrix = node.inputs
    turned = joined.node.inputs[0] if joined.node.op == "Reshape" else joined
    if turned is joined or turned.node.op != "Transpose" or len(joined.uses) != 1 or graph.is_output(joined):
        return
    x, perm, found = turned.node.inputs[0], turned.node.attrs.get("perm"), _turned(matrix)
    lead = (joined.rank or 0) - 1
    if found is None or perm is None or lead < 1 or x.shape is None or node.out.shape is None:
        return
    weight, order = found
    count = len(perm) - lead
    fits = perm[:lead] == tuple(range(lead)) and len(order) == count + 1 and order[-1] == count
    if not fits or [axis - lead for axis in perm[lead:]] != list(order[:-1]) or x.shape[lead:] != weight.shape[:-1]:  # type: ignore[index]
        return
    whole = _matrix(weight, matrix)
    if whole is None:
        letters, unit = LETTERS[: len(perm)], LETTERS[len(perm)]
        node.op, node.attrs = "Einsum", {"equation": f"{letters},{letters[lead:]}{unit}->{letters[:lead]}{unit}"}
        graph.set_inputs(node, [x, weight])
        return
    graph.set_inputs(joined.node, [x, *joined.node.inputs[1:]])
    graph.set_inputs(node, [joined, whole])


def _turned(matrix: Value) -> tuple[Value, tuple[int, ...]] | None:
    """The weight that a matrix was made of, and how its axes were turned on the way."""
    if matrix.node.op != "Reshape" or matrix.rank != 2 or matrix.node.inputs[0].node.op != "Transpose":
        return None
    turned = matrix.node.inputs[0].node
    weight, perm = turned.inputs[0], turned.attrs.get("perm")
    root = weight
    while root.node.op == "Reshape":
        root = root.node.inputs[0]
    if perm is None or root.node.op not in ("Variable", "Const") or weight.shape is None or None in weight.shape:
        return None
    return weight, perm


def _matrix(weight: Value, matrix: Value) -> Value | None:
    """What the weight was made of, if that is the matrix without turning anything."""
    while weight.node.op == "Reshape":
        weight = weight.node.inputs[0]
        if weight.shape == matrix.shape:
            return weight
    return None
