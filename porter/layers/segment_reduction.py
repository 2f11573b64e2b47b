"""`SegmentReduction`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class SegmentReduction(layers.Layer):
    """Reduces the rows that belong to the same segment.

    Args:
        reduction: "sum", "mean", "sqrt_n" (the sum divided by the root of the number of rows), "max", "min" or "prod".
        num_segments: how many segments there are; by default one more than the largest there is. The output's size then
            depends on the values, which a compiled model knows on TensorFlow alone.
        empty: what "max" and "min" give for a segment without rows; the others give 0, "prod" gives 1.

    Inputs: rows [rows, ...] and the segment of each [rows]. Output: [segments, ...].
    Source: tensorflow/core/kernels/segment_reduction_ops.cc, 1.15.
    """

    def __init__(self, reduction, num_segments=None, empty=0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = num_segments is not None  # JAX cannot compile sizes that depend on the data
        self.reduction = reduction
        self.num_segments = num_segments
        self.empty = empty

    def call(self, x, segments):
        count = self.num_segments
        if count is None:
            count = ops.max(ops.concatenate([segments, -ops.ones((1,), dtype=segments.dtype)])) + 1
        if self.reduction == "prod":
            return ops.segment_prod(x, segments, count)
        rows = ops.segment_sum(ops.ones_like(segments), segments, count)
        rows = ops.cast(ops.reshape(rows, (-1, *([1] * (len(x.shape) - 1)))), x.dtype)
        if self.reduction in ("max", "min"):
            reduce = ops.segment_max if self.reduction == "max" else ops.segment_min
            return ops.where(rows > 0, reduce(x, segments, count), ops.cast(self.empty, x.dtype))
        total = ops.segment_sum(x, segments, count)
        if self.reduction == "sum":
            return total
        rows = ops.maximum(rows if self.reduction == "mean" else ops.sqrt(rows), 1)
        if "int" in keras.backend.standardize_dtype(x.dtype):  # towards zero, as in C
            return ops.sign(total) * (ops.abs(total) // rows)
        return total / rows

    def compute_output_spec(self, x, segments):
        return keras.KerasTensor((self.num_segments, *x.shape[1:]), dtype=x.dtype)

    def get_config(self):
        config = {"reduction": self.reduction, "num_segments": self.num_segments, "empty": self.empty}
        return {**super().get_config(), **config}
