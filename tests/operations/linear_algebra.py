"""Matrices, frequencies, sparse tensors."""

from operations import Case


def definite(tf, matrix):
    """A matrix that is well conditioned whatever the input is: symmetric, and positive definite."""
    bounded = tf.tanh(matrix)
    return tf.matmul(bounded, bounded, transpose_b=True) + 4.0 * tf.eye(4)


def above_zero(tf, six):
    """The entries above zero of a matrix, as a sparse one."""
    places = tf.where(six > 0.0)
    return tf.SparseTensor(places, tf.gather_nd(six, places), [6, 4])


def sparse(tf, vector, shape=(4, 5)):
    """Places, entries and shape of a sparse matrix."""
    places = tf.constant([[0, 1], [0, 3], [1, 0], [3, 2], [3, 3], [3, 4]], tf.int64)
    return places, vector, tf.constant(shape, tf.int64)


CASES: list[Case] = [
    ("MatMul", lambda tf, rows: tf.matmul(rows, tf.reshape(tf.range(10.0), [5, 2]) / 10.0) * 2.0),
    ("MatMul", lambda tf, rows, more: tf.matmul(rows, more, transpose_b=True)),
    ("MatMul", lambda tf, rows, more: tf.matmul(rows, more, transpose_a=True)),
    ("SparseMatMul", lambda tf, six, others: tf.sparse_matmul(six, others, transpose_b=True)),
    ("BatchMatMul", lambda tf, matrix, second: tf.matmul(matrix, second)),
    ("BatchMatMul", lambda tf, x, y: tf.matmul(x, y, adjoint_b=True)),
    ("BatchMatMul", lambda tf, x, y: tf.raw_ops.BatchMatMul(x=x, y=y, adj_x=True)),
    ("Einsum", lambda tf, x, y: tf.raw_ops.Einsum(inputs=[x, y], equation="bij,bkj->bik")),
    ("MatrixBandPart", lambda tf, matrix: tf.matrix_band_part(matrix, 1, 0)),
    ("MatrixBandPart", lambda tf, x: tf.matrix_band_part(x, -1, 2)),
    ("MatrixBandPart", lambda tf, matrix, count: tf.matrix_band_part(matrix, count % 3 - 1, count % 2)),
    ("MatrixDiag", lambda tf, rows: tf.raw_ops.MatrixDiag(diagonal=rows)),
    (
        "MatrixDiagV2",
        lambda tf, rows: tf.raw_ops.MatrixDiagV2(diagonal=rows, k=0, num_rows=-1, num_cols=-1, padding_value=0.0),
    ),
    ("MatrixDiagV3", lambda tf, rows: (tf.linalg.diag(rows), tf.linalg.diag(rows, k=1))),
    ("MatrixDiagPart", lambda tf, matrix: tf.raw_ops.MatrixDiagPart(input=matrix)),
    ("MatrixDiagPartV2", lambda tf, x: tf.raw_ops.MatrixDiagPartV2(input=x, k=0, padding_value=0.0)),
    ("MatrixDiagPartV3", lambda tf, x: (tf.linalg.diag_part(x), tf.linalg.diag_part(x, k=1))),
    ("MatrixSetDiag", lambda tf, matrix, i: tf.raw_ops.MatrixSetDiag(input=matrix, diagonal=tf.cast(i, tf.float32))),
    ("MatrixSetDiagV2", lambda tf, matrix, x: tf.raw_ops.MatrixSetDiagV2(input=matrix, diagonal=x[:, :, 0], k=0)),
    ("MatrixSetDiagV3", lambda tf, matrix, x: tf.linalg.set_diag(matrix, x[:, :, 0])),
    ("Diag", lambda tf, vector: tf.diag(vector)),
    ("DiagPart", lambda tf, six: tf.diag_part(tf.matmul(six, six, transpose_b=True))),
    ("MatrixInverse", lambda tf, matrix: tf.matrix_inverse(definite(tf, matrix))),
    ("MatrixInverse", lambda tf, matrix: tf.matrix_inverse(definite(tf, matrix), adjoint=True)),
    ("MatrixDeterminant", lambda tf, matrix: tf.matrix_determinant(definite(tf, matrix))),
    ("LogMatrixDeterminant", lambda tf, matrix: tf.linalg.slogdet(definite(tf, matrix)[0])),
    ("LogMatrixDeterminant", lambda tf, matrix: tf.linalg.slogdet(1e-9 * definite(tf, matrix))),
    ("Cholesky", lambda tf, matrix: tf.cholesky(definite(tf, matrix))),
    ("MatrixSolve", lambda tf, matrix, x: tf.matrix_solve(definite(tf, matrix), x)),
    ("MatrixSolve", lambda tf, matrix, x: tf.matrix_solve(definite(tf, matrix), x, adjoint=True)),
    ("MatrixTriangularSolve", lambda tf, matrix, x: tf.matrix_triangular_solve(tf.cholesky(definite(tf, matrix)), x)),
    ("Qr", lambda tf, matrix: tf.matmul(*tf.qr(definite(tf, matrix)))),
    ("Svd", lambda tf, matrix: tf.svd(definite(tf, matrix), compute_uv=False)),
    ("SelfAdjointEigV2", lambda tf, matrix: tf.self_adjoint_eigvals(definite(tf, matrix))),
    ("Cross", lambda tf, image: tf.cross(image, image[:, ::-1])),
    ("Complex", lambda tf, x, y: tf.real(tf.complex(x, y) * tf.complex(y, x))),
    ("Complex", lambda tf, x, y: tf.abs(tf.complex(x, y) * (1 + 2j) + 2.0)),
    (
        "Complex",
        lambda tf, x, y: tf.imag(tf.complex(x, y) * tf.constant([1j, 2.0, 3 - 1j, 0.5, 1.0, -1j], tf.complex64)),
    ),
    ("Real", lambda tf, x: tf.real(tf.fft(tf.complex(x, x)))),
    ("Imag", lambda tf, x: tf.imag(tf.fft(tf.complex(x, x)))),
    ("ComplexAbs", lambda tf, x, y: tf.abs(tf.complex(x, y))),
    ("Angle", lambda tf, x, y: tf.angle(tf.complex(x, y))),
    ("Conj", lambda tf, x, y: tf.imag(tf.conj(tf.complex(x, y)))),
    ("RFFT", lambda tf, x: tf.abs(tf.signal.rfft(x))),
    ("RFFT", lambda tf, x: tf.real(tf.signal.rfft(x, [8]))),
    ("IRFFT", lambda tf, x: tf.signal.irfft(tf.signal.rfft(x) * 2.0)),
    ("FFT", lambda tf, x, y: tf.abs(tf.fft(tf.complex(x, y)))),
    ("FFT", lambda tf, x: tf.abs(tf.fft(tf.cast(x, tf.complex64)))),
    ("Complex", lambda tf, x: tf.signal.idct(x)),
    ("IFFT", lambda tf, x, y: tf.real(tf.ifft(tf.complex(x, y)))),
    ("FFT2D", lambda tf, x, y: tf.abs(tf.fft2d(tf.complex(x, y)))),
    ("IFFT2D", lambda tf, x, y: tf.real(tf.ifft2d(tf.complex(x, y)))),
    ("FFT3D", lambda tf, x, y: tf.abs(tf.signal.fft3d(tf.complex(x, y)[:, None]))),
    ("IFFT3D", lambda tf, x, y: tf.math.real(tf.signal.ifft3d(tf.complex(x, y)[:, None]))),
    ("RFFT2D", lambda tf, x: tf.abs(tf.signal.rfft2d(x))),
    ("IRFFT2D", lambda tf, x: tf.signal.irfft2d(tf.signal.rfft2d(x) * 2.0)),
    ("SparseToDense", lambda tf, vector: tf.sparse_to_dense(sparse(tf, vector)[0], [4, 5], vector, -1.0)),
    ("SparseTensorDenseAdd", lambda tf, vector: tf.sparse.add(tf.SparseTensor(*sparse(tf, vector)), tf.ones([4, 5]))),
    (
        "SparseTensorDenseMatMul",
        lambda tf, vector, rows: tf.sparse.matmul(tf.SparseTensor(*sparse(tf, vector)), rows[:1], adjoint_b=True),
    ),
    ("SparseTensorDenseMatMul", lambda tf, six: tf.sparse.matmul(above_zero(tf, six), tf.get_variable("w", [4, 3]))),
    (
        "SparseTensorDenseMatMul",
        lambda tf, six: tf.sparse.matmul(above_zero(tf, six), tf.get_variable("w", [6, 3]), adjoint_a=True),
    ),
    (
        "SparseReshape",
        lambda tf, six: tf.raw_ops.SparseReshape(
            input_indices=tf.where(six > 0.0), input_shape=[6, 4], new_shape=[8, 3]
        ),
    ),
    (
        "SparseFillEmptyRows",
        lambda tf, vector: tf.sparse.fill_empty_rows(tf.SparseTensor(*sparse(tf, vector)), 0.5)[0].values,
    ),
    ("SparseSoftmax", lambda tf, vector: tf.sparse.softmax(tf.SparseTensor(*sparse(tf, vector))).values),
    (
        "SparseReorder",
        lambda tf, vector: tf.raw_ops.SparseReorder(
            input_indices=tf.constant([[3, 0], [0, 1], [0, 0], [2, 2], [2, 1], [1, 1]], tf.int64),
            input_values=vector,
            input_shape=tf.constant([4, 5], tf.int64),
        )[1],
    ),
    ("SparseReduceSum", lambda tf, vector: tf.sparse.reduce_sum(tf.SparseTensor(*sparse(tf, vector)), 1)),
]
