"""`CombinedNonMaxSuppression`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class CombinedNonMaxSuppression(layers.Layer):
    """Non-maximum suppression within each class of each image, and the best of what is left over all classes.

    Args:
        max_per_class: how many boxes of a class at most; None for the layer's third input, a scalar.
        max_total: how many of an image.
        iou_threshold: how much of the union of two boxes they may share.
        score_threshold: only boxes with more than this count.
        pad_per_class: give `max_per_class * classes` boxes where these are fewer than `max_total`.
        clip_boxes: clip the boxes to [0, 1].

    Inputs: boxes [batch, boxes, 1 or classes, 4] by two opposite corners (y1, x1, y2, x2),
        scores [batch, boxes, classes].
    Outputs: boxes [batch, size, 4], scores and classes [batch, size], zeros where there are fewer,
        and how many [batch].
    Source: tensorflow/core/kernels/non_max_suppression_op.cc, 1.15.
    """

    def __init__(
        self,
        max_per_class,
        max_total,
        iou_threshold=0.5,
        score_threshold=float("-inf"),
        pad_per_class=False,
        clip_boxes=True,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.max_per_class, self.max_total = max_per_class, max_total
        self.iou_threshold, self.score_threshold = iou_threshold, score_threshold
        self.pad_per_class, self.clip_boxes = pad_per_class, clip_boxes

    def call(self, boxes, scores, max_per_class=None):
        classes = scores.shape[2]
        boxes = ops.transpose(boxes, (0, 2, 1, 3))  # [batch, 1 or classes, boxes, 4]
        scores = ops.transpose(scores, (0, 2, 1))  # [batch, classes, boxes]
        boxes = boxes + ops.zeros_like(scores)[..., None]
        place = ops.arange(ops.shape(scores)[2])
        # as much room as a class may take, and at least one place to look at
        count = scores.shape[2] if self.max_per_class is None else self.max_per_class
        count = min(count, scores.shape[2] or count)
        slots = ops.arange(count)

        def pick(slot, state):
            left, picked_scores, picked_boxes = state
            best = ops.argmax(left, axis=-1, keepdims=True)
            score = ops.max(left, axis=-1, keepdims=True)
            is_found = score > self.score_threshold
            if max_per_class is not None:
                is_found = ops.logical_and(is_found, slot < max_per_class)
            box = ops.take_along_axis(boxes, best[..., None], axis=2)  # [batch, classes, 1, 4]
            gone = ops.logical_or(
                ops.cast(place, best.dtype) == best, _overlap(boxes, box[..., 0, :]) > self.iou_threshold
            )
            here = ops.logical_and(slots == slot, is_found)
            return (
                ops.where(ops.logical_and(gone, is_found), float("-inf"), left),
                ops.where(here, score, picked_scores),
                ops.where(here[..., None], box, picked_boxes),
            )

        left = ops.where(scores > self.score_threshold, scores, float("-inf"))
        none = ops.zeros_like(left[..., :1]) + ops.zeros((count,), dtype=scores.dtype)
        start = (left, none + float("-inf"), none[..., None] + ops.zeros((4,), dtype=boxes.dtype))
        _, picked_scores, picked_boxes = ops.fori_loop(0, count, pick, start)
        size = self._size(classes)
        picked_scores = ops.reshape(picked_scores, (-1, classes * count))
        order = ops.argsort(-picked_scores, axis=-1)[:, :size]
        best_scores = ops.take_along_axis(picked_scores, order, axis=1)
        best_boxes = ops.take_along_axis(ops.reshape(picked_boxes, (-1, classes * count, 4)), order[..., None], axis=1)
        if self.clip_boxes:
            best_boxes = ops.clip(best_boxes, 0, 1)
        is_there = best_scores > float("-inf")
        kind = ops.cast(order // count, best_scores.dtype)
        missing = size - min(size, classes * count)
        outputs = (
            ops.where(is_there[..., None], best_boxes, 0),
            ops.where(is_there, best_scores, 0),
            ops.where(is_there, kind, 0),
        )
        if missing:
            outputs = [ops.pad(each, [(0, 0), (0, missing), (0, 0)][: len(each.shape)]) for each in outputs]
        return (*outputs, ops.sum(ops.cast(is_there, "int32"), axis=1))

    def _size(self, classes):
        return min(self.max_total, self.max_per_class * classes) if self.pad_per_class else self.max_total

    def compute_output_spec(self, boxes, scores, max_per_class=None):
        batch, size = scores.shape[0], self._size(scores.shape[2])
        shapes = (batch, size, 4), (batch, size), (batch, size)
        outputs = [keras.KerasTensor(shape, dtype=scores.dtype) for shape in shapes]
        return (*outputs, keras.KerasTensor((batch,), dtype="int32"))

    def get_config(self):
        config = {"max_per_class": self.max_per_class, "max_total": self.max_total}
        config.update(iou_threshold=self.iou_threshold, score_threshold=self.score_threshold)
        return {**super().get_config(), **config, "pad_per_class": self.pad_per_class, "clip_boxes": self.clip_boxes}


def _overlap(boxes, box):
    """Intersection over union of boxes [..., boxes, 4] with one [..., 4]; 0 for a box without area."""
    low = ops.minimum(boxes[..., :2], boxes[..., 2:])
    high = ops.maximum(boxes[..., :2], boxes[..., 2:])
    own_low = ops.minimum(box[..., :2], box[..., 2:])[..., None, :]
    own_high = ops.maximum(box[..., :2], box[..., 2:])[..., None, :]
    area, own_area = ops.prod(high - low, axis=-1), ops.prod(own_high - own_low, axis=-1)
    shared = ops.prod(ops.maximum(ops.minimum(high, own_high) - ops.maximum(low, own_low), 0), axis=-1)
    union = area + own_area - shared
    exists = ops.logical_and(area > 0, own_area > 0)
    return ops.where(exists, shared / ops.where(exists, union, 1), 0)
