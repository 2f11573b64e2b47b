"""Products of matrices, and what is done to matrices before."""

from porter.rule import constant, op, ops, porter_layers, require


@op("MatMul", "SparseMatMul")
def matmul(x, y, *, transpose_a=False, transpose_b=False, a_is_sparse=False, b_is_sparse=False):
    """Sparse here says that many entries are 0; the result is the same."""
    return ops.matmul(_transposed(x) if transpose_a else x, _transposed(y) if transpose_b else y)


def _transposed(x):
    """x with its last two axes exchanged, right here if it is a small constant."""
    array = constant(x)
    if array is not None and array.size <= 32:
        return array.swapaxes(-1, -2)
    return ops.transpose(x) if x.rank == 2 else ops.swapaxes(x, -1, -2)


@op("BatchMatMul")
def batch_matmul(x, y, *, node, adj_x=False, adj_y=False):
    require(not x.dtype.startswith("complex"), "an adjoint of complex matrices")
    return ops.matmul(_transposed(x) if adj_x else x, _transposed(y) if adj_y else y)


@op("Einsum")
def einsum(*operands, equation):
    return ops.einsum(equation, *operands)


@op("MatrixBandPart")
def matrix_band_part(x, *, num_lower, num_upper):
    """Keeps `num_lower` diagonals below the main one and `num_upper` above it, all of them for -1."""
    if num_lower >= 0:
        x = ops.triu(x, k=-num_lower)
    if num_upper >= 0:
        x = ops.tril(x, k=num_upper)
    return x


@op("MatrixBandPart")
def matrix_band_part_by_number(x, lower, upper):
    """The numbers of diagonals come with the data."""
    return porter_layers.BandPart()(x, lower, upper)
