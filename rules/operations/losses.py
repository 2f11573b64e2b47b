"""Losses that TensorFlow computes in one operation. Their second output is the gradient."""

from porter.rule import op, ops, require


@op("SoftmaxCrossEntropyWithLogits")
def softmax_cross_entropy(logits, labels):
    loss = ops.negative(ops.sum(ops.multiply(labels, ops.log_softmax(logits, axis=-1)), axis=-1))
    return loss, ops.subtract(ops.softmax(logits, axis=-1), labels)


@op("SparseSoftmaxCrossEntropyWithLogits")
def sparse_softmax_cross_entropy(logits, labels):
    classes = logits.shape[-1] if logits.shape else None
    require(classes is not None, "the number of classes is not known")
    loss = ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    hot = ops.one_hot(labels, classes, dtype=logits.dtype)
    return loss, ops.subtract(ops.softmax(logits, axis=-1), hot)
