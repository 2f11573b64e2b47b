"""Choosing among boxes."""

from operations import Case


def boxes(tf, six):
    """Six boxes that overlap in part."""
    corner = 0.5 * tf.sigmoid(six[:, :2])
    return tf.concat([corner, corner + 0.1 + 0.4 * tf.sigmoid(six[:, 2:])], 1)


def several(tf, x):
    """Boxes and scores [batch, boxes, classes] for two classes."""
    corner = 0.5 * tf.sigmoid(x[:, :, :2])
    found = tf.concat([corner, corner + 0.1 + 0.4 * tf.sigmoid(x[:, :, 2:4])], 2)
    return tf.expand_dims(found, 2), tf.sigmoid(x[:, :, 4:6])


CASES: list[Case] = [
    (
        "NonMaxSuppression",
        lambda tf, six, vector: tf.raw_ops.NonMaxSuppression(boxes=boxes(tf, six), scores=vector, max_output_size=3),
    ),
    (
        "NonMaxSuppressionV2",
        lambda tf, six, vector: tf.raw_ops.NonMaxSuppressionV2(
            boxes=boxes(tf, six), scores=vector, max_output_size=4, iou_threshold=0.3
        ),
    ),
    (
        "NonMaxSuppressionV3",
        lambda tf, six, vector: tf.image.non_max_suppression(boxes(tf, six), vector, 4, 0.3, score_threshold=-0.5),
    ),
    (
        "NonMaxSuppressionV3",
        lambda tf, six, vector, number, count: tf.image.non_max_suppression(
            boxes(tf, six), vector, count, tf.sigmoid(number), score_threshold=-0.5 * number * number
        ),
    ),
    (
        "CombinedNonMaxSuppression",
        lambda tf, x, count: tf.image.combined_non_max_suppression(*several(tf, x), count + 1, 5, 0.4, 0.1),
    ),
    (
        "NonMaxSuppressionV4",
        lambda tf, six, vector: tf.raw_ops.NonMaxSuppressionV4(
            boxes=boxes(tf, six),
            scores=vector,
            max_output_size=5,
            iou_threshold=0.3,
            score_threshold=-1.0,
            pad_to_max_output_size=True,
        ),
    ),
    (
        "NonMaxSuppressionV5",
        lambda tf, six, vector: tf.raw_ops.NonMaxSuppressionV5(
            boxes=boxes(tf, six),
            scores=vector,
            max_output_size=4,
            iou_threshold=0.4,
            score_threshold=-1.0,
            soft_nms_sigma=0.0,
        ),
    ),
    (
        "NonMaxSuppressionWithOverlaps",
        lambda tf, six, vector: tf.image.non_max_suppression_overlaps(
            tf.sigmoid(tf.matmul(six, six, transpose_b=True)), vector, 4, 0.6
        ),
    ),
    (
        "CombinedNonMaxSuppression",
        lambda tf, x: tf.image.combined_non_max_suppression(*several(tf, x), 2, 3, 0.4, 0.2),
    ),
]
