"""Shapes, with sizes that are known and with sizes that are not; picking and putting entries; sorting."""

from operations import Case


def _loop(tf, six):
    """Reads an array, and fills another, one row a step."""
    taken = tf.TensorArray(tf.float32, 6).unstack(six)

    def step(i, total, rows):
        total = total + taken.read(i)
        return i + 1, total, rows.write(i, total)

    start = (tf.constant(0), tf.zeros([4]), tf.TensorArray(tf.float32, 6))
    _, total, rows = tf.while_loop(lambda i, *_: i < 6, step, start)
    return rows.stack(), total


def _dealt(tf, stitch, i, rows):
    """Rows dealt out to two parts by a number, and put in their order again."""
    pile = tf.reshape(i, [-1])[: tf.shape(rows)[0]] % 2
    places = tf.dynamic_partition(tf.range(tf.shape(rows)[0]), pile, 2)
    return stitch(indices=places, data=[2.0 * part for part in tf.dynamic_partition(rows, pile, 2)])


def _rows_put_together(tf, six):
    """Elements of two rows each, cut apart, picked in another order, and put one behind the other."""
    pieces = tf.TensorArray(tf.float32, 3, clear_after_read=False, element_shape=[2, 4]).split(six, [2, 2, 2])
    turned = tf.TensorArray(tf.float32, 3, element_shape=[2, 4]).scatter([2, 0, 1], pieces.stack())
    return turned.concat(), pieces.gather([2, 0])


def _lengthened(tf, vector):
    """A vector that is longer after each step."""
    return tf.while_loop(
        lambda v: tf.reduce_all(tf.shape(v) < 10),
        lambda v: [tf.concat([v, v[:2]], 0)],
        [vector],
        shape_invariants=[tf.TensorShape([None])],
    )


def _growing(tf, vector, count):
    """Arrays that grow: by constant places, and in a loop that starts where the data say."""
    few = tf.TensorArray(tf.float32, 1, dynamic_size=True).write(2, vector).scatter([0], vector[tf.newaxis])
    _, filled = tf.while_loop(
        lambda i, _: tf.logical_and(i < 7, i >= 0),
        lambda i, array: (i + 1, array.write(i, vector * tf.cast(i, tf.float32))),
        (count, tf.TensorArray(tf.float32, 0, dynamic_size=True, element_shape=[6])),
    )
    return few.write(1, -vector).stack(), filled.stack()


CASES: list[Case] = [
    ("Reshape", lambda tf, x: tf.reshape(x, [-1, 24])),
    ("Reshape", lambda tf, x: tf.reshape(x, [-1, 6]) * 2.0),
    ("Reshape", lambda tf, x: tf.reshape(x, [-1])),
    ("Reshape", lambda tf, six: tf.reshape(six, [2, 3, 4])),
    ("Reshape", lambda tf, loose: tf.reshape(loose, tf.stack([tf.shape(loose)[0], -1]))),
    ("Reshape", lambda tf, loose: tf.reshape(loose, [tf.shape(loose)[1], tf.shape(loose)[0], 3])),
    # The last size of the sum is known, the length is not.
    ("Reshape", lambda tf, loose: tf.tensordot(loose + tf.ones([90, 3])[: tf.shape(loose)[1]], tf.ones([3, 2]), 1)),
    ("Transpose", lambda tf, x: tf.raw_ops.ConjugateTranspose(x=x, perm=[0, 2, 1])),
    ("Transpose", lambda tf, x: tf.transpose(x, [0, 2, 1])),
    ("Transpose", lambda tf, x: tf.transpose(x)),
    ("ExpandDims", lambda tf, x: (tf.expand_dims(x, 1), tf.expand_dims(x, -1))),
    ("ExpandDims", lambda tf, x, count: tf.expand_dims(x, count % 4)),
    ("Squeeze", lambda tf, x: tf.squeeze(x[:, :1], [1])),
    ("Squeeze", lambda tf, x: tf.squeeze(tf.reduce_sum(x, [1, 2], keepdims=True), [1, 2])),
    ("Squeeze", lambda tf, x: tf.sigmoid(tf.squeeze(x[:, :1, :1]))),
    ("BroadcastTo", lambda tf, loose: loose[0] * tf.ones(tf.broadcast_dynamic_shape(tf.shape(loose)[1:], [2, 1, 1]))),
    ("ConcatV2", _lengthened),
    ("ConcatV2", lambda tf, x, y: tf.concat([x, y], -1)),
    ("ConcatV2", lambda tf, x, y: tf.concat([x, y, tf.zeros_like(x)], 1)),
    ("ConcatV2", lambda tf, x: tf.raw_ops.Concat(concat_dim=1, values=[x, x * 2.0])),
    ("ConcatV2", lambda tf, x: tf.concat([part for part in tf.split(x, 4, axis=1) for _ in range(2)], 1)),
    ("Stack", lambda tf, x, y: tf.stack([x, y], 1)),
    ("Stack", lambda tf, number: tf.stack([number, 1.0, number * 2.0])),
    ("Unstack", lambda tf, x: [each * 2.0 for each in tf.unstack(x, axis=1)]),
    ("Unstack", lambda tf, six: tf.add_n(tf.unstack(six))),
    ("Split", lambda tf, x: tf.split(x, 3, axis=2)),
    ("Split", lambda tf, x: tf.split(x, 2, axis=-2)[1]),
    ("Split", lambda tf, x: tf.split(x, 1, axis=1)[0] * 2.0),
    ("SplitV", lambda tf, x: tf.split(x, [1, 3, 2], axis=2)),
    ("SplitV", lambda tf, x: tf.split(x, [1, -1], axis=2)),
    ("SplitV", lambda tf, loose: tf.split(loose, [1, -1], axis=1)),
    ("SplitV", lambda tf, x, count: tf.split(x, tf.stack([count % 5, -1, 1]), 2)),
    ("Tile", lambda tf, x: tf.tile(x, [1, 2, 3])),
    ("Tile", lambda tf, x, vector: tf.tile(vector[tf.newaxis], [tf.shape(x)[0], 1])),
    ("Tile", lambda tf, six, count: tf.tile(six, [count + 1, 1])),
    ("BroadcastTo", lambda tf, vector: tf.broadcast_to(vector, [3, 6])),
    ("BroadcastTo", lambda tf, x, vector: tf.broadcast_to(vector, tf.shape(x))),
    ("Fill", lambda tf, number: tf.fill([2, 3], number)),
    ("Fill", lambda tf, x, number: tf.fill([tf.shape(x)[0], 3], number)),
    ("Fill", lambda tf, x: tf.concat([x, tf.fill([tf.shape(x)[0], 4, 1], 2.5)], 2)),
    ("Pad", lambda tf, x: tf.pad(x, [[0, 0], [1, 2], [0, 3]])),
    ("Pad", lambda tf, x, count: tf.pad(x, [[0, 0], [0, 1], [0, count]])),
    ("PadV2", lambda tf, x: tf.pad(x, [[0, 0], [1, 0], [2, 0]], constant_values=-1.5)),
    ("PadV2", lambda tf, x, count: tf.pad(x, [[0, 0], [0, 0], [count, 0]], constant_values=-1.5)),
    ("MirrorPad", lambda tf, x: tf.pad(x, [[0, 0], [1, 2], [0, 3]], "REFLECT")),
    ("MirrorPad", lambda tf, x: tf.pad(x, [[0, 0], [1, 2], [0, 3]], "SYMMETRIC")),
    ("MirrorPad", lambda tf, x, count: tf.pad(x, [[0, 0], [0, 0], [0, tf.minimum(count, 5)]], "REFLECT")),
    ("ReverseV2", lambda tf, x: (tf.reverse(x, [1]), tf.reverse(x, [-1, 1]))),
    ("Roll", lambda tf, x: tf.roll(x, [1, -2], [1, 2])),
    ("Roll", lambda tf, x, count: tf.roll(x, count, 1)),
    ("LinSpace", lambda tf, number: tf.raw_ops.LinSpace(start=number, stop=10.0, num=5)),
    ("Range", lambda tf, loose: tf.cast(tf.range(tf.shape(loose)[1]), tf.float32) + tf.reduce_sum(loose, [0, 2])),
    ("Range", lambda tf, count: tf.range(0, count + 1)),
    ("StridedSlice", lambda tf, x: (x[:, 0], x[..., 1:], x[:, ::2, 1:-1], x[:, tf.newaxis, :, -1])),
    ("StridedSlice", lambda tf, x: (x[:, ::-1], x[:, 2::-1], x[:, ::-2, ::-1])),
    ("StridedSlice", lambda tf, loose: (loose[:, ::-1], loose[:, -2::-1], loose[:, : tf.shape(loose)[1] - 1])),
    ("StridedSlice", lambda tf, x, count: x[:, tf.minimum(count, 3)]),
    ("StridedSlice", lambda tf, x, count: (x[..., count % 4], x[count % 1, ..., tf.newaxis], x[...] + 1.0)),
    ("StridedSlice", lambda tf, x, count: x[: count + 1, ..., count % 3]),
    ("StridedSlice", lambda tf, x, count: x[:, : tf.minimum(count, 3) + 1]),
    ("Slice", lambda tf, x: tf.slice(x, [0, 1, 2], [-1, 2, -1])),
    ("Slice", lambda tf, loose: tf.slice(loose, [0, 1, 0], [-1, tf.shape(loose)[1] - 2, 2])),
    ("Slice", lambda tf, x, count: tf.slice(x, [0, tf.minimum(count, 2), 0], [-1, 2, 6])),
    ("GatherV2", lambda tf, x: tf.gather(x, [2, 0, 0], axis=1)),
    ("GatherV2", lambda tf, i: tf.gather(tf.reshape(tf.range(40.0), [10, 4]), i)),
    ("GatherV2", lambda tf, x, i: tf.gather(x, i % 4, axis=1, batch_dims=1)),
    ("GatherV2", lambda tf, x, i: tf.gather(x, i % 6, axis=2, batch_dims=1)),
    ("GatherV2", lambda tf, i: tf.raw_ops.Gather(params=tf.range(10.0), indices=i)),
    ("GatherV2", lambda tf, x, i: tf.gather(x, i[:, :2] % 4, axis=1, batch_dims=1)),
    ("GatherV2", lambda tf, x, i: tf.gather(x, i[:, :2] % 6, axis=2, batch_dims=1)),
    ("GatherNd", lambda tf, six, ints: tf.gather_nd(six, tf.stack([ints % 6, ints % 4], 1))),
    ("GatherNd", lambda tf, six, ints: tf.gather_nd(six, (ints % 6)[:, tf.newaxis])),
    ("GatherNd", lambda tf, loose: tf.gather_nd(loose, [[0, 1], [0, 0]])),
    ("ScatterNd", lambda tf, vector, ints: tf.scatter_nd((ints % 4)[:, tf.newaxis], vector, [4])),
    ("ScatterNd", lambda tf, x, vector: tf.scatter_nd([[0]] * 6, vector, tf.shape(x)[:1])),
    ("TensorScatterUpdate", lambda tf, six: tf.tensor_scatter_nd_update(six, [[1], [4]], six[:2] * 2.0)),
    ("TensorScatterAdd", lambda tf, six: tf.tensor_scatter_nd_add(six, [[1], [1]], six[:2])),
    ("TensorScatterAdd", lambda tf, six, vector: tf.tensor_scatter_nd_add(six, [[[1, 0]], [[1, 3]]], vector[:2, None])),
    ("TensorScatterSub", lambda tf, six: tf.tensor_scatter_nd_sub(six, [[1], [1]], six[:2])),
    ("TensorScatterMax", lambda tf, six: tf.tensor_scatter_nd_max(six, [[1], [4]], six[:2])),
    ("TensorScatterMin", lambda tf, six: tf.tensor_scatter_nd_min(six, [[1], [4]], six[:2])),
    ("OneHot", lambda tf, i: (tf.one_hot(i, 10), tf.one_hot(i, 5, axis=1))),
    ("OneHot", lambda tf, ints, count: (tf.one_hot(ints, 10, axis=1), tf.one_hot(count, 10, axis=0))),
    ("OneHot", lambda tf, ints, count: tf.one_hot(ints, count + 1, dtype=tf.int32)),
    ("OneHot", lambda tf, i: tf.one_hot(i, 10, on_value=2.0, off_value=-1.0)),
    ("OneHot", lambda tf, i: tf.one_hot(i, 10, dtype=tf.int64)),
    ("OneHot", lambda tf, i, loose: tf.one_hot(i, tf.shape(loose)[1])),
    ("Where", lambda tf, six: tf.where(six > 0.0)),
    ("ReverseSequence", lambda tf, x, i: tf.reverse_sequence(x, i[:, 0] % 5, seq_axis=1, batch_axis=0)),
    ("TopKV2", lambda tf, x: tf.nn.top_k(x, 3)),
    ("TopKV2", lambda tf, rows, count: tf.nn.top_k(rows, tf.minimum(count, 4) + 1)[0]),
    ("InTopK", lambda tf, rows, ints: tf.raw_ops.InTopK(predictions=rows[:1], targets=ints[:1] % 5, k=2)),
    ("InTopKV2", lambda tf, rows, i: tf.nn.in_top_k(rows, i[:, 0] % 5, 2)),
    ("InTopKV2", lambda tf, rows, i, count: tf.raw_ops.InTopKV2(predictions=rows, targets=i[:, 0] % 5, k=count)),
    ("DynamicPartition", lambda tf, rows: tf.dynamic_partition(rows, tf.cast(rows[:, 0] > 0.0, tf.int32), 2)[1]),
    ("DynamicPartition", lambda tf, six: tf.dynamic_partition(six, tf.cast(six > 0.0, tf.int32), 2)),
    ("DynamicStitch", lambda tf, six: tf.dynamic_stitch([[0, 2, 4], [1, 4, 3]], [six[:3], six[3:]])),
    ("DynamicStitch", lambda tf, i, rows: _dealt(tf, tf.dynamic_stitch, i, rows)),
    ("ParallelDynamicStitch", lambda tf, i, rows: _dealt(tf, tf.raw_ops.ParallelDynamicStitch, i, rows)),
    ("RandomStandardNormal", lambda tf, x: x + 0.0 * tf.random_normal(tf.shape(x))),
    ("RandomStandardNormal", lambda tf, six: six + 0.0 * tf.random_normal([6, 4])),
    ("RandomUniform", lambda tf, x: x + tf.floor(0.5 * tf.random_uniform([tf.shape(x)[0], 1, 6]))),
    ("TruncatedNormal", lambda tf, x: x + tf.floor(0.2 * tf.abs(tf.truncated_normal([tf.shape(x)[0], 4, 1])))),
    ("RandomUniformInt", lambda tf, i: i + tf.random_uniform([tf.shape(i)[0], 4], 0, 9, tf.int32) // 9),
    ("ArrayRead", _loop),
    ("ArrayWrite", _loop),
    ("ArrayWrite", _growing),
    ("TensorArrayConcatV3", _rows_put_together),
]
