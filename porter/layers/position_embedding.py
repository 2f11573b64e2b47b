"""`PositionEmbedding`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class PositionEmbedding(layers.Layer):
    """A vector for each step of a sequence, whatever the sequence holds.

    Args:
        length: how many steps have one, [batch, length, ...] at most.
        width: the size of a vector.

    Shapes: x [batch, steps, ...] to [steps, width].
    Source: the position embeddings of BERT and GPT-2.
    """

    def __init__(self, length, width, **kwargs):
        super().__init__(**kwargs)
        self.length = length
        self.width = width
        self.table = layers.Embedding(length, width, dtype=self.dtype_policy, name="table")
        self.table.build((None,))

    def call(self, x):
        return self.table(ops.arange(ops.shape(x)[1], dtype="int32"))

    def compute_output_spec(self, x):
        return keras.KerasTensor((x.shape[1], self.width), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "length": self.length, "width": self.width}
