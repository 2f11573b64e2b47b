"""`SequenceMask`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class SequenceMask(layers.Layer):
    """True for the steps of each sequence that come before its end.

    Inputs: lengths [batch], and sequences [batch, steps, ...], of which only the number of steps matters.
    Output: [batch, steps].
    Source: tf.nn.dynamic_rnn(sequence_length=...), tf.sequence_mask, 1.0 to 1.15.
    """

    def call(self, lengths, sequences):
        return ops.arange(ops.shape(sequences)[1], dtype=lengths.dtype) < ops.expand_dims(lengths, 1)

    def compute_output_spec(self, lengths, sequences):
        return keras.KerasTensor((lengths.shape[0], sequences.shape[1]), dtype="bool")
