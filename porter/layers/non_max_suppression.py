"""`NonMaxSuppression`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class NonMaxSuppression(layers.Layer):
    """Picks boxes by score, the best first, and leaves out those that overlap one already picked.

    Args:
        max_output_size: how many boxes at most; without it, a scalar, the layer's third input.
        iou_threshold: how much of the union of two boxes they may share.
        score_threshold: only boxes with more than this count. Both may be given with the call instead.
        soft_nms_sigma: where not 0, the scores of boxes that overlap a picked one are lowered by
            `exp(-0.5 * overlap ** 2 / sigma)` too.
        padded: fill up to `max_output_size` with zeros. Otherwise the outputs' size depends on the values, which a
            compiled model knows on TensorFlow alone.
        overlaps: the first input is the matrix of overlaps [boxes, picked boxes] instead of boxes.

    Inputs: boxes [boxes, 4] by two opposite corners (y1, x1, y2, x2), scores [boxes].
    Outputs: which boxes and their scores, [picked] each, and how many, a scalar.
    Source: tensorflow/core/kernels/non_max_suppression_op.cc, 1.15.
    """

    def __init__(
        self,
        max_output_size=None,
        iou_threshold=0.5,
        score_threshold=float("-inf"),
        soft_nms_sigma=0.0,
        padded=False,
        overlaps=False,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = padded and max_output_size is not None  # JAX cannot compile sizes that depend on the data
        self.max_output_size = max_output_size
        self.iou_threshold = iou_threshold
        self.score_threshold = score_threshold
        self.soft_nms_sigma = soft_nms_sigma
        self.padded = padded
        self.overlaps = overlaps

    def call(self, boxes, scores, max_output_size=None, iou_threshold=None, score_threshold=None):
        near = self.iou_threshold if iou_threshold is None else iou_threshold
        least = self.score_threshold if score_threshold is None else score_threshold
        count = ops.shape(scores)[0]
        place = ops.arange(count)
        limit = max_output_size if self.max_output_size is None else self.max_output_size
        room = count if self.max_output_size is None else self.max_output_size
        slots = ops.arange(room)

        def pick(slot, state):
            left, indices, picked, found = state
            best = ops.argmax(left)
            score = ops.max(left)
            is_found = ops.logical_and(score > least, slot < limit)
            if self.overlaps:
                overlap = ops.take(boxes, best, axis=1)
            else:
                overlap = _overlap(boxes, ops.take(boxes, best, axis=0))
            is_near = overlap > near
            gone = ops.cast(place, best.dtype) == best
            lowered = left
            if self.soft_nms_sigma:
                weight = ops.exp(-0.5 / self.soft_nms_sigma * overlap * overlap)
                lowered = ops.where(left > least, left * ops.where(is_near, 0, weight), left)
            else:
                gone = ops.logical_or(gone, is_near)
            lowered = ops.where(gone, float("-inf"), lowered)
            here = ops.logical_and(slots == slot, is_found)
            return (
                ops.where(is_found, lowered, left),
                ops.where(here, ops.cast(best, "int32"), indices),
                ops.where(here, score, picked),
                found + ops.cast(is_found, "int32"),
            )

        left = ops.where(scores > least, scores, float("-inf"))
        empty = ops.zeros_like(slots, dtype="int32")
        start = (left, empty, ops.cast(empty, scores.dtype), ops.zeros((), dtype="int32"))
        _, indices, picked, found = ops.fori_loop(0, room, pick, start)
        if not self.padded:
            kept = ops.nonzero(slots < found)[0]
            indices, picked = ops.take(indices, kept), ops.take(picked, kept)
        elif self.max_output_size is None:
            more = ops.zeros_like(ops.arange(limit), dtype="int32")
            indices = ops.concatenate([indices, more])[:limit]
            picked = ops.concatenate([picked, ops.cast(more, scores.dtype)])[:limit]
        return indices, picked, found

    def compute_output_spec(self, boxes, scores, max_output_size=None, iou_threshold=None, score_threshold=None):
        size = self.max_output_size if self.padded else None
        outputs = ((size,), "int32"), ((size,), scores.dtype), ((), "int32")
        return tuple(keras.KerasTensor(shape, dtype=dtype) for shape, dtype in outputs)

    def get_config(self):
        config = {"max_output_size": self.max_output_size, "iou_threshold": self.iou_threshold}
        config.update(score_threshold=self.score_threshold, soft_nms_sigma=self.soft_nms_sigma)
        return {**super().get_config(), **config, "padded": self.padded, "overlaps": self.overlaps}


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
