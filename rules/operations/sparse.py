"""Sparse tensors, which TensorFlow 1 holds as places, entries and a shape."""

import numpy as np

from porter.rule import (
    WeightRef,
    at_run_time,
    call,
    constant,
    is_size,
    layers,
    many,
    op,
    ops,
    porter_layers,
    refuse,
    require,
    warn,
)

BY_SHAPE = "the size of the output depends on a shape that is fed: it runs eagerly on every backend, compiled on TensorFlow alone"
BY_VALUE = (
    "the size of the output depends on the values: it runs eagerly on every backend, compiled on TensorFlow alone"
)


def _first_column(indices):
    return call("ops.getitem", indices, (slice(None), 0))


@op("SparseToDense")
def sparse_to_dense(indices, shape, values, default, *, node, validate_indices=True):
    """Entries at places [entries, rank] or, with fewer axes, at single places."""
    require(values.dtype != "string", "strings have no place in a Keras model", values)
    require(indices.rank is not None and indices.rank <= 2 and node.out.rank, "the ranks must be known", indices)
    if indices.rank < 2:
        indices = ops.reshape(indices, (-1, 1))
    if values.rank == 0:
        first, value = _first_column(indices), constant(values)
        if value is not None:
            values = ops.full_like(first, value.item(), dtype=node.out.dtype)
        else:
            values = ops.add(values, ops.zeros_like(first, dtype=node.out.dtype))
    known, filler = constant(shape), constant(default)
    sizes = shape if known is None else tuple(known.tolist())
    empty = ops.full(sizes, 0 if filler is None else filler.item(), dtype=node.out.dtype)
    empty.shape, empty.dtype = node.out.shape, node.out.dtype
    empty = empty if is_size(shape) else at_run_time(empty)
    return ops.scatter_update(empty if filler is not None else ops.add(default, empty), indices, values)


@op("SparseTensorDenseAdd")
def sparse_add(indices, values, shape, dense):
    return ops.scatter_update(dense, indices, values, reduction="add")


@op("SparseTensorDenseMatMul")
def sparse_matmul(indices, values, shape, dense, *, adjoint_a=False, adjoint_b=False):
    require(not values.dtype.startswith("complex"), "an adjoint of complex matrices", values)
    known, some = constant(shape), {"transpose": True} if adjoint_a else {}
    if adjoint_b:
        dense = ops.transpose(dense)
    elif dense.node.op == "Variable" and dense.dtype == "float32" and not is_size(indices):  # as a dense layer
        table = layers.Embedding(*dense.shape).bind(embeddings=WeightRef(dense))
        dense, some = (
            table(call("ops.getitem", indices, (slice(None), 0 if adjoint_a else 1))),
            {**some, "picked": True},
        )
    if known is None:
        warn(BY_SHAPE)
        return porter_layers.SparseDenseMatMul(**some)(indices, values, dense, shape)
    return porter_layers.SparseDenseMatMul(int(known[1 if adjoint_a else 0]), **some)(indices, values, dense)


@op("SparseReshape")
def sparse_reshape(indices, shape, new_shape):
    return many(porter_layers.SparseReshape()(indices, shape, new_shape), 2)


@op("SparseFillEmptyRows")
def sparse_fill_empty_rows(indices, values, shape, default):
    require(values.dtype != "string", "strings have no place in a Keras model", values)
    warn(BY_VALUE)
    known = constant(default)
    if known is None:
        return many(porter_layers.SparseFillEmptyRows()(indices, values, shape, default), 4)
    return many(porter_layers.SparseFillEmptyRows(known.item())(indices, values, shape), 4)


@op("SparseSoftmax")
def sparse_softmax(indices, values, shape):
    require(indices.shape is not None and indices.shape[-1] == 2, "a sparse tensor with more axes than two", indices)
    return porter_layers.SparseSoftmax()(indices, values, shape)


@op("SparseReorder")
def sparse_reorder(indices, values, shape):
    """Entries in the order of their places, row after row."""
    known = constant(shape)
    require(known is not None, "the shape is known only when the model runs", shape)
    strides = np.cumprod([1, *known[:0:-1].tolist()])[::-1]
    flat = ops.sum(ops.multiply(indices, np.array(strides, indices.dtype)), axis=1)
    order = ops.argsort(flat)
    return ops.take(indices, order, axis=0), ops.take(values, order, axis=0)


@op("SparseReduceSum")
def sparse_reduce_sum(indices, values, shape, axes, *, keep_dims=False):
    known, over = constant(shape), constant(axes)
    require(known is not None and over is not None, "the shape or the axes are known only when the model runs", shape)
    dense = ops.scatter(indices, values, tuple(known.tolist()))
    return ops.sum(dense, axis=tuple(over.ravel().tolist()) or None, keepdims=keep_dims)


refuse(
    "SparseConcat", "SparseSplit", "SparseSlice", "SparseAdd", "SparseCross", "SparseDenseCwiseMul", "SparseDenseCwiseDiv",
    "SparseDenseCwiseAdd", "SparseSparseMaximum", "SparseSparseMinimum", "SparseReduceMax", "DeserializeSparse",
    "DeserializeManySparse", "SerializeSparse", "SerializeManySparse", "TakeManySparseFromTensorsMap",
    reason="Keras has no sparse tensors that this could work on; make it dense before, and name the dense tensor with --inputs",
)  # fmt: skip
