"""Addons' multi-head attention. Source: tensorflow_addons/layers/multihead_attention.py, 0.12."""

from __future__ import annotations

from typing import Any

import tensorflow.compat.v2 as tf
import tf_keras

from porter.addons.remembered import Remembered


class MultiHeadAttention(Remembered, tf_keras.layers.Layer):
    """Attention of [query, key] or [query, key, value]; the projections of queries, keys and values have no bias."""

    def __init__(
        self, head_size: int, num_heads: int, output_size: int | None = None, dropout: float = 0.0,
        use_projection_bias: bool = True, return_attn_coef: bool = False, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.head_size, self.num_heads, self.output_size = head_size, num_heads, output_size
        self.use_bias, self.return_attn_coef = use_projection_bias, return_attn_coef
        self.dropout = tf_keras.layers.Dropout(dropout)

    def build(self, input_shape: Any) -> None:
        heads, size = self.num_heads, self.head_size
        given = [shape[-1] for shape in input_shape]
        given = given if len(given) > 2 else [*given, given[1]]
        self.kernels = [
            self.add_weight(name=f"{name}_kernel", shape=(heads, features, size))
            for name, features in zip(("query", "key", "value"), given, strict=True)
        ]
        made = self.output_size or given[2]
        self.projection = self.add_weight(name="projection_kernel", shape=(heads, size, made))
        self.bias = self.add_weight(name="projection_bias", shape=(made,)) if self.use_bias else None
        super().build(input_shape)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        inputs = inputs if len(inputs) > 2 else [*inputs, inputs[1]]
        query, key, value = (
            tf.einsum("bni,hio->bnho", each, kernel) for each, kernel in zip(inputs, self.kernels, strict=True)
        )
        logits = tf.einsum("bnho,bmho->bhnm", query / self.head_size**0.5, key)
        if isinstance(mask, tf.Tensor):
            seen = tf.cast(mask, tf.float32)
            logits += -10e9 * (1.0 - (tf.expand_dims(seen, -3) if seen.shape.rank < 4 else seen))
        share = tf.nn.softmax(logits)
        heads = tf.einsum("bhnm,bmhi->bnhi", self.dropout(share, training=training), value)
        output = tf.einsum("bnhi,hio->bno", heads, self.projection)
        output = output if self.bias is None else output + self.bias
        return (output, share) if self.return_attn_coef else output
