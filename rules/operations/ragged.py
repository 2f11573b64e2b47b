"""Rows of several lengths, which TensorFlow 1 holds as values and the places where rows start."""

from porter.rule import many, op, ops, porter_layers, refuse, require, warn

BY_VALUE = (
    "the size of the output depends on the values: it runs eagerly on every backend, compiled on TensorFlow alone"
)


@op("RaggedRange")
def ragged_range(starts, limits, steps, *, node, Tsplits="int64"):
    warn(BY_VALUE)
    require(starts.dtype != "float64", "ranges in double precision", node)
    splits, numbers = many(porter_layers.RaggedRange()(limits, starts=starts, steps=steps), 2)
    return splits if node.outputs[0].dtype == "int32" else ops.cast(splits, node.outputs[0].dtype), numbers


@op("RaggedGather")
def ragged_gather(splits, values, indices, *, node, PARAMS_RAGGED_RANK=1, OUTPUT_RAGGED_RANK=1):
    require(PARAMS_RAGGED_RANK == OUTPUT_RAGGED_RANK == 1, "rows of rows, or indices of several axes", node)
    require(values.dtype != "string", "strings have no place in a Keras model", values)
    warn(BY_VALUE)
    return many(porter_layers.RaggedGather()(splits, values, indices), 2)


@op("RaggedTensorToSparse")
def ragged_to_sparse(*parts, node, RAGGED_RANK=1):
    require(parts[-1].rank == 1, "rows of vectors", node)
    require(parts[-1].dtype != "string", "strings have no place in a Keras model", node)
    return many(porter_layers.RaggedToSparse()(*parts), 3)


refuse(
    "RaggedTensorFromVariant", "RaggedTensorToVariant", "RaggedTensorToTensor", "RaggedCross", "RaggedCountSparseOutput",
    reason="a ragged tensor, whose rows have lengths of their own, is no Keras tensor; name the dense tensor behind it with "
    "--inputs",
)  # fmt: skip
