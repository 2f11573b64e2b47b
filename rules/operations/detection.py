"""Choosing boxes."""

from porter.rule import constant, many, op, porter_layers, require, warn

BY_VALUE = (
    "how many boxes come out depends on the values: it runs eagerly on every backend, compiled on TensorFlow alone"
)


def _suppress(boxes, scores, size, padded=False, overlaps=False, **thresholds):
    """Boxes, scores and their number. `size` is a value, `thresholds` are values or numbers."""
    known = {name: _number(value) for name, value in thresholds.items()}
    fed = {name: thresholds[name] for name in ("iou_threshold", "score_threshold") if known.get(name, 0) is None}
    known = {name: number for name, number in known.items() if name not in fed}
    require(None not in known.values(), "soft_nms_sigma is known only when the model runs")
    if known.get("soft_nms_sigma") and known.get("iou_threshold", 0) < 1:
        warn(
            "TensorFlow 1.15 drops boxes above iou_threshold although soft_nms_sigma is given, and so does the model; "
            "TensorFlow 2 keeps them, so a comparison with it can fail: compare with what 1.15 has recorded"
        )
    limit = _number(size)
    if limit is None or not padded:
        warn(BY_VALUE)
    options = {**known, "padded": padded, "overlaps": overlaps}
    if limit is None:
        return many(porter_layers.NonMaxSuppression(**options)(boxes, scores, size, **fed), 3)
    return many(porter_layers.NonMaxSuppression(limit, **options)(boxes, scores, **fed), 3)


def _number(value):
    """A Python number, of a number or of a constant; None of anything else."""
    if isinstance(value, (int, float)):
        return value
    known = constant(value)
    return None if known is None else known.item()


@op("NonMaxSuppression")
def non_max_suppression(boxes, scores, size, *, iou_threshold=0.5):
    return _suppress(boxes, scores, size, iou_threshold=iou_threshold)[0]


@op("NonMaxSuppressionV2")
def non_max_suppression_v2(boxes, scores, size, iou):
    return _suppress(boxes, scores, size, iou_threshold=iou)[0]


@op("NonMaxSuppressionV3")
def non_max_suppression_v3(boxes, scores, size, iou, score):
    return _suppress(boxes, scores, size, iou_threshold=iou, score_threshold=score)[0]


@op("NonMaxSuppressionWithOverlaps")
def non_max_suppression_with_overlaps(overlaps, scores, size, overlap, score):
    return _suppress(overlaps, scores, size, overlaps=True, iou_threshold=overlap, score_threshold=score)[0]


@op("NonMaxSuppressionV4")
def non_max_suppression_v4(boxes, scores, size, iou, score, *, pad_to_max_output_size=False):
    indices, _, count = _suppress(
        boxes, scores, size, padded=pad_to_max_output_size, iou_threshold=iou, score_threshold=score
    )
    return indices, count


@op("NonMaxSuppressionV5")
def non_max_suppression_v5(boxes, scores, size, iou, score, sigma, *, pad_to_max_output_size=False):
    return _suppress(
        boxes,
        scores,
        size,
        padded=pad_to_max_output_size,
        iou_threshold=iou,
        score_threshold=score,
        soft_nms_sigma=sigma,
    )


@op("CombinedNonMaxSuppression")
def combined_non_max_suppression(boxes, scores, per_class, total, iou, score, *, pad_per_class=False, clip_boxes=True):
    numbers = [_number(each) for each in (per_class, total, iou, score)]
    require(None not in numbers[1:], "a limit or a threshold is known only when the model runs")
    require(scores.shape is not None and scores.shape[2] is not None, "the number of classes must be known", scores)
    limit, total, iou, score = numbers
    layer = porter_layers.CombinedNonMaxSuppression(
        limit, total, iou_threshold=iou, score_threshold=score, pad_per_class=pad_per_class, clip_boxes=clip_boxes
    )
    if limit is not None:
        return many(layer(boxes, scores), 4)
    require(scores.shape[1] is not None and not pad_per_class, "how many boxes of a class there may be", scores)
    return many(layer(boxes, scores, per_class), 4)
