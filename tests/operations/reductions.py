"""Reductions, losses, segments, counts, sets."""

from operations import Case

IDS = [0, 0, 1, 1, 3, 3]

CASES: list[Case] = [
    ("Sum", lambda tf, x: (tf.reduce_sum(x, 1), tf.reduce_sum(x), tf.reduce_sum(x, [1, 2], keepdims=True))),
    ("Sum", lambda tf, i: tf.reduce_sum(i, 1)),
    ("Mean", lambda tf, x: (tf.reduce_mean(x, -1), tf.reduce_mean(x), tf.reduce_mean(x, [0, 1]))),
    ("Mean", lambda tf, i: tf.reduce_mean(i, 1)),
    ("Max", lambda tf, x: (tf.reduce_max(x, 2), tf.reduce_max(x, keepdims=True))),
    ("Min", lambda tf, x, i: (tf.reduce_min(x, 2), tf.reduce_min(i, 1))),
    ("Prod", lambda tf, x, i: (tf.reduce_prod(x, 1), tf.reduce_prod(i, 1))),
    ("All", lambda tf, a: (tf.reduce_all(a, 1), tf.reduce_all(a))),
    ("Any", lambda tf, a: tf.reduce_any(a, 1, keepdims=True)),
    ("EuclideanNorm", lambda tf, x: tf.math.reduce_euclidean_norm(x, 2)),
    ("ArgMax", lambda tf, x: (tf.argmax(x, 1), tf.argmax(x, 2, output_type=tf.int32))),
    ("ArgMin", lambda tf, x: tf.argmin(x, -1)),
    ("Cumsum", lambda tf, x: (tf.cumsum(x, 1), tf.cumsum(x, 2, exclusive=True), tf.cumsum(x, 1, reverse=True))),
    ("Cumsum", lambda tf, x: tf.cumsum(x, -1, exclusive=True, reverse=True)),
    ("Cumprod", lambda tf, x: (tf.cumprod(x, 1), tf.cumprod(x, 2, exclusive=True, reverse=True))),
    (
        "SoftmaxCrossEntropyWithLogits",
        lambda tf, rows, more: tf.nn.softmax_cross_entropy_with_logits_v2(labels=tf.nn.softmax(more), logits=rows),
    ),
    (
        "SparseSoftmaxCrossEntropyWithLogits",
        lambda tf, rows, i: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=i[:, 0] % 5, logits=rows),
    ),
    ("UnsortedSegmentSum", lambda tf, six, ints: tf.math.unsorted_segment_sum(six, ints % 4, 4)),
    (
        "UnsortedSegmentSum",
        lambda tf, six, ints, count: tf.math.unsorted_segment_sum(six, ints % 4, tf.clip_by_value(count, 4, 9)),
    ),
    (
        "UnsortedSegmentProd",
        lambda tf, six, ints, count: tf.math.unsorted_segment_prod(six, ints % 4, tf.clip_by_value(count, 4, 9)),
    ),
    (
        "UnsortedSegmentMax",
        lambda tf, six, ints, count: tf.math.unsorted_segment_max(six, ints % 4, tf.clip_by_value(count, 4, 9)),
    ),
    (
        "UnsortedSegmentMin",
        lambda tf, six, ints, count: tf.math.unsorted_segment_min(six, ints % 4, tf.clip_by_value(count, 4, 9)),
    ),
    ("UnsortedSegmentSum", lambda tf, six: tf.math.unsorted_segment_sum(six, [[0, 1, 2, 1]] * 6, 3)),
    ("UnsortedSegmentProd", lambda tf, six, ints: tf.math.unsorted_segment_prod(six, ints % 4, 4)),
    ("UnsortedSegmentMax", lambda tf, six, ints: tf.math.unsorted_segment_max(six, ints % 4, 5)),
    ("UnsortedSegmentMax", lambda tf, ints: tf.math.unsorted_segment_max(ints, ints % 4, 5)),
    ("UnsortedSegmentMin", lambda tf, six, ints: tf.math.unsorted_segment_min(six, ints % 4, 5)),
    ("SegmentSum", lambda tf, six: tf.segment_sum(six, IDS)),
    ("SegmentSum", lambda tf, six, ints: tf.segment_sum(six, tf.cumsum(ints % 2))),
    ("SegmentMean", lambda tf, six: tf.segment_mean(six, IDS)),
    ("SegmentMax", lambda tf, six: tf.segment_max(six, IDS)),
    ("SegmentMin", lambda tf, six: tf.segment_min(six, IDS)),
    ("SegmentProd", lambda tf, six: tf.segment_prod(six, IDS)),
    ("SparseSegmentSum", lambda tf, six: tf.sparse_segment_sum(six, [0, 5, 2, 2], [0, 0, 1, 1])),
    ("SparseSegmentMean", lambda tf, six: tf.sparse_segment_mean(six, [0, 5, 2, 2], [0, 0, 1, 1])),
    ("SparseSegmentSqrtN", lambda tf, six: tf.sparse_segment_sqrt_n(six, [0, 5, 2, 2], [0, 0, 1, 1])),
    (
        "SparseSegmentSumWithNumSegments",
        lambda tf, six: tf.sparse_segment_sum(six, [0, 5, 2], [0, 0, 1], num_segments=4),
    ),
    (
        "SparseSegmentMeanWithNumSegments",
        lambda tf, six: tf.sparse_segment_mean(six, [0, 5, 2], [0, 0, 1], num_segments=4),
    ),
    (
        "SparseSegmentSqrtNWithNumSegments",
        lambda tf, six: tf.sparse_segment_sqrt_n(six, [0, 5, 2], [0, 0, 1], num_segments=4),
    ),
    ("Bincount", lambda tf, ints: tf.raw_ops.Bincount(arr=ints, size=10, weights=tf.zeros([0], tf.int32))),
    ("Bincount", lambda tf, ints, vector: tf.raw_ops.Bincount(arr=ints, size=10, weights=vector)),
    ("DenseBincount", lambda tf, ints: tf.raw_ops.DenseBincount(input=ints, size=10, weights=tf.zeros([0], tf.int32))),
    ("Bucketize", lambda tf, x: tf.raw_ops.Bucketize(input=x, boundaries=[-1.0, 0.0, 0.5])),
    ("Unique", lambda tf, ints: tf.unique(ints)),
    ("UniqueWithCounts", lambda tf, ints: tf.unique_with_counts(ints)),
    ("UniqueV2", lambda tf, ints: tf.raw_ops.UniqueV2(x=ints, axis=tf.zeros([0], tf.int64))),
    ("UniqueWithCountsV2", lambda tf, ints: tf.raw_ops.UniqueWithCountsV2(x=ints, axis=[0])),
    ("ListDiff", lambda tf, ints: tf.setdiff1d(ints, [1, 2, 3])),
    ("DenseToDenseSetOperation", lambda tf, ints: tf.sets.intersection(ints[tf.newaxis], [[1, 2, 3]]).values),
    ("InvertPermutation", lambda tf, vector: tf.math.invert_permutation(tf.argsort(vector))),
    ("UnravelIndex", lambda tf, ints, count: tf.unravel_index(ints, tf.stack([4, count + 5]))),
    ("UnravelIndex", lambda tf, ints: tf.unravel_index(ints, [4, 5])),
]
