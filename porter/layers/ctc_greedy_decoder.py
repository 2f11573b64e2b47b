"""`CTCGreedyDecoder`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class CTCGreedyDecoder(layers.Layer):
    """Takes the best class at every step, and leaves out repetitions and the blank, which is the last class.

    How many labels there are depends on the values, which a compiled model knows on TensorFlow alone.

    Args:
        merge_repeated: leave out repetitions.

    Inputs: logits [time, batch, classes], lengths [batch].
    Outputs, the labels as a sparse tensor: places [labels, 2] of sample and position, the labels [labels], the shape
        [2]; and the sum of the best logits, negative [batch, 1].
    Source: tensorflow/core/kernels/ctc_decoder_ops.cc, 1.15.
    """

    def __init__(self, merge_repeated=False, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = False  # a size depends on the data, which JAX cannot compile
        self.merge_repeated = merge_repeated

    def call(self, x, lengths):
        steps, batch, classes = ops.shape(x)
        best = ops.transpose(ops.cast(ops.argmax(x, axis=2), "int32"))  # [batch, time]
        counts = ops.arange(steps)[None, :] < ops.cast(lengths, "int32")[:, None]
        keep = ops.logical_and(counts, best != classes - 1)
        if self.merge_repeated:
            is_new = ops.concatenate([ops.ones_like(keep[:, :1]), best[:, 1:] != best[:, :-1]], axis=1)
            keep = ops.logical_and(keep, is_new)
        kept = ops.cast(keep, "int32")
        rows, columns = (ops.cast(each, "int32") for each in ops.nonzero(keep))
        flat = rows * steps + columns
        position = ops.take(ops.reshape(ops.cumsum(kept, axis=1), (-1,)), flat) - 1
        places = ops.cast(ops.stack([rows, position], axis=1), "int64")
        labels = ops.cast(ops.take(ops.reshape(best, (-1,)), flat), "int64")
        shape = ops.stack([ops.cast(batch, "int64"), ops.cast(ops.max(ops.sum(kept, axis=1)), "int64")])
        logits = ops.where(counts, ops.transpose(ops.max(x, axis=2)), 0)
        return places, labels, shape, -ops.sum(logits, axis=1, keepdims=True)

    def compute_output_spec(self, x, lengths):
        shapes = ((None, 2), "int64"), ((None,), "int64"), ((2,), "int64"), ((x.shape[1], 1), x.dtype)
        return tuple(keras.KerasTensor(shape, dtype=dtype) for shape, dtype in shapes)

    def get_config(self):
        return {**super().get_config(), "merge_repeated": self.merge_repeated}
