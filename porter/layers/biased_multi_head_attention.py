"""`BiasedMultiHeadAttention`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class BiasedMultiHeadAttention(layers.Layer):
    """Attention with several heads, where something is added to the scores: in BERT -10000 for what is not to be seen.

    Keras' `MultiHeadAttention` takes a mask of True and False instead; the two differ where nothing is to be seen.

    Call it with query, value (which gives the keys too) and bias.

    Args:
        num_heads, key_dim, value_dim: how many heads there are, and the size of one; value_dim is key_dim by default.
        output_shape: the units that come out, by default as many as the query has.
        use_bias: whether the four products have one.
        dropout: the rate at which weights are dropped in training.

    Shapes: query [batch, steps, inputs], value [batch, others, inputs],
        bias as [batch, heads, steps, others] or with 1.
    Source: modeling.py of google-research/bert.
    """

    def __init__(self, num_heads, key_dim, value_dim=None, dropout=0.0, use_bias=True, output_shape=None, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim or key_dim
        self.dropout = dropout
        self.use_bias = use_bias
        self.units = output_shape
        self.dropout_layer = layers.Dropout(dropout)

    def build(self, query_shape, value_shape, bias_shape):
        def heads(size, name, shape):
            layer = layers.EinsumDense(
                "abc,cde->abde", (None, self.num_heads, size), bias_axes="de" if self.use_bias else None, name=name
            )
            layer.build(shape)
            return layer

        self.query_dense = heads(self.key_dim, "query", query_shape)
        self.key_dense = heads(self.key_dim, "key", value_shape)
        self.value_dense = heads(self.value_dim, "value", value_shape)
        self.output_dense = layers.EinsumDense(
            "abcd,cde->abe",
            (None, self.units or query_shape[-1]),
            bias_axes="e" if self.use_bias else None,
            name="output",
        )
        self.output_dense.build((None, None, self.num_heads, self.value_dim))
        super().build(query_shape)

    def call(self, query, value, bias, training=None):
        scores = ops.einsum("bqhd,bkhd->bhqk", self.query_dense(query), self.key_dense(value)) / self.key_dim**0.5
        weights = self.dropout_layer(ops.softmax(scores + bias), training=training)
        return self.output_dense(ops.einsum("bhqk,bkhd->bqhd", weights, self.value_dense(value)))

    def compute_output_spec(self, query, value, bias, training=None):
        return keras.KerasTensor((*query.shape[:-1], self.units or query.shape[-1]), dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "output_shape": self.units,
        }
