"""Diagonals, inverses and decompositions of matrices."""

from porter.rule import constant, many, op, ops, porter_layers, refuse, require


@op("MatrixDiag", "BatchMatrixDiag")
def matrix_diag(x):
    return porter_layers.MatrixDiag()(x)


@op("MatrixDiagV2")
def matrix_diag_v2(x, k, rows, columns, padding_value):
    return _matrix_diag(x, k, rows, columns, padding_value, "LEFT_LEFT")


@op("MatrixDiagV3")
def matrix_diag_v3(x, k, rows, columns, padding_value, *, align="RIGHT_LEFT"):
    return _matrix_diag(x, k, rows, columns, padding_value, align)


def _matrix_diag(x, k, rows, columns, padding_value, align):
    lowest, highest = _range(k)
    rows, columns, filler = (constant(each) for each in (rows, columns, padding_value))
    require(None not in [each if each is None else 0 for each in (rows, columns, filler)], "sizes must be constants", k)
    sizes = {name: int(size) for name, size in (("rows", rows), ("columns", columns)) if int(size) != -1}
    return porter_layers.MatrixDiag(
        lowest=lowest, highest=highest, padding_value=filler.item(), **sizes, **_align(lowest, highest, align)
    )(x)


@op("MatrixDiagPart", "BatchMatrixDiagPart")
def matrix_diag_part(x):
    return ops.diagonal(x, axis1=-2, axis2=-1)


@op("MatrixDiagPartV2")
def matrix_diag_part_v2(x, k, padding_value):
    return _matrix_diag_part(x, k, padding_value, "LEFT_LEFT")


@op("MatrixDiagPartV3")
def matrix_diag_part_v3(x, k, padding_value, *, align="RIGHT_LEFT"):
    return _matrix_diag_part(x, k, padding_value, align)


def _matrix_diag_part(x, k, padding_value, align):
    lowest, highest = _range(k)
    if lowest == highest:
        return ops.diagonal(x, offset=lowest, axis1=-2, axis2=-1)
    filler = constant(padding_value)
    require(filler is not None, "the filler is known only when the model runs", padding_value)
    require(x.shape is not None and None not in x.shape[-2:], "rows and columns must be known", x)
    layer = porter_layers.MatrixDiagPart(lowest, highest, padding_value=filler.item(), **_align(lowest, highest, align))
    return layer(x)


@op("MatrixSetDiag", "BatchMatrixSetDiag")
def matrix_set_diag(x, diagonal):
    return porter_layers.MatrixSetDiag()(x, diagonal)


@op("MatrixSetDiagV2")
def matrix_set_diag_v2(x, diagonal, k):
    return _matrix_set_diag(x, diagonal, k, "LEFT_LEFT")


@op("MatrixSetDiagV3")
def matrix_set_diag_v3(x, diagonal, k, *, align="RIGHT_LEFT"):
    return _matrix_set_diag(x, diagonal, k, align)


def _matrix_set_diag(x, diagonal, k, align):
    lowest, highest = _range(k)
    layer = porter_layers.MatrixSetDiag(lowest=lowest, highest=highest, **_align(lowest, highest, align))
    return layer(x, diagonal)


def _range(k):
    """The lowest and the highest diagonal."""
    known = constant(k)
    require(known is not None, "which diagonals is known only when the model runs", k)
    return int(known.min()), int(known.max())


def _align(lowest, highest, align):
    """One diagonal by itself is as long as the longest."""
    return {} if lowest == highest else {"align": align}


@op("Diag")
def diag(x):
    require(x.rank == 1, f"a diagonal of rank {x.rank}", x)
    return porter_layers.MatrixDiag()(x)


@op("DiagPart")
def diag_part(x):
    require(x.rank == 2, f"the diagonal of a tensor of rank {x.rank}", x)
    return ops.diagonal(x)


def _plain(x):
    require(not x.dtype.startswith("complex"), "complex matrices", x)


@op("MatrixInverse", "BatchMatrixInverse")
def inverse(x, *, adjoint=False):
    _plain(x)
    return ops.inv(ops.swapaxes(x, -1, -2) if adjoint else x)


@op("MatrixDeterminant", "BatchMatrixDeterminant")
def determinant(x):
    _plain(x)
    return ops.det(x)


@op("LogMatrixDeterminant")
def log_determinant(x):
    _plain(x)
    if x.rank == 2:
        return many(ops.slogdet(x), 2)
    # of several matrices Keras gives the result the wrong shape
    size = x.shape[-1] if x.shape else None
    require(size is not None, "the size of the matrices must be known", x)
    largest = ops.max(ops.abs(x), axis=(-2, -1))
    scale = ops.where(ops.equal(largest, 0), 1.0, largest)  # with it the determinant neither overflows nor vanishes
    unit = ops.det(ops.true_divide(x, ops.expand_dims(ops.expand_dims(scale, -1), -1)))
    return ops.sign(unit), ops.add(ops.log(ops.abs(unit)), ops.multiply(ops.log(scale), float(size)))


@op("Cholesky", "BatchCholesky")
def cholesky(x):
    _plain(x)
    return ops.cholesky(x)


@op("MatrixSolve", "BatchMatrixSolve")
def solve(matrix, right, *, adjoint=False):
    _plain(matrix)
    return ops.solve(ops.swapaxes(matrix, -1, -2) if adjoint else matrix, right)


@op("MatrixTriangularSolve", "BatchMatrixTriangularSolve")
def solve_triangular(matrix, right, *, lower=True, adjoint=False):
    """The other triangle does not count, whatever it holds; transposed, it is the other one that is left."""
    _plain(matrix)
    matrix = ops.tril(matrix) if lower else ops.triu(matrix)
    if adjoint:
        matrix, lower = ops.swapaxes(matrix, -1, -2), not lower
    return ops.solve_triangular(matrix, right, lower=lower)


@op("Qr")
def qr(x, *, full_matrices=False):
    _plain(x)
    return many(ops.qr(x, mode="complete" if full_matrices else "reduced"), 2)


@op("Svd")
def svd(x, *, node, compute_uv=True, full_matrices=False):
    """TensorFlow gives the singular values first, and the right vectors as columns."""
    _plain(x)
    if not compute_uv:
        return (ops.svd(x, compute_uv=False), *node.outputs[1:])
    left, values, right = many(ops.svd(x, full_matrices=full_matrices), 3)
    return values, left, ops.swapaxes(right, -1, -2)


@op("SelfAdjointEigV2")
def eigen(x, *, node, compute_v=True):
    _plain(x)
    return many(ops.eigh(x), 2)


@op("Cross")
def cross(x, y):
    """By formula: `ops.cross` takes another axis on PyTorch if the batch holds three."""
    one = ops.multiply(ops.roll(x, -1, axis=-1), ops.roll(y, -2, axis=-1))
    return ops.subtract(one, ops.multiply(ops.roll(x, -2, axis=-1), ops.roll(y, -1, axis=-1)))


refuse(
    "MatrixExponential", "MatrixLogarithm", "MatrixSquareRoot", "MatrixSolveLs", "Eig", "Lu", "TridiagonalSolve",
    reason="keras.ops has no such decomposition",
)  # fmt: skip
