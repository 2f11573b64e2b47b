"""`tf.contrib.layers`: tf-slim's layers, and the few that it left behind."""

from __future__ import annotations

from typing import Any

import tensorflow.compat.v1 as tf
from tf_slim import layers as _slim
from tf_slim.layers import initializers, layers, normalization, optimizers, regularizers, summaries, utils
from tf_slim.layers.initializers import variance_scaling_initializer, xavier_initializer, xavier_initializer_conv2d
from tf_slim.layers.layers import *  # noqa: F403
from tf_slim.layers.normalization import group_norm, instance_norm
from tf_slim.layers.optimizers import OPTIMIZER_CLS_NAMES, OPTIMIZER_SUMMARIES, optimize_loss
from tf_slim.layers.regularizers import (
    apply_regularization,
    l1_l2_regularizer,
    l1_regularizer,
    l2_regularizer,
    sum_regularizer,
)
from tf_slim.layers.summaries import (
    summarize_activation,
    summarize_activations,
    summarize_collection,
    summarize_tensor,
    summarize_tensors,
)
from tf_slim.ops.variables import model_variable

safe_embedding_lookup_sparse = tf.nn.safe_embedding_lookup_sparse


def embed_sequence(
    ids: Any, vocab_size: int | None = None, embed_dim: int | None = None, unique: bool = False, initializer: Any = None,
    regularizer: Any = None, trainable: bool = True, scope: Any = None, reuse: Any = None,
) -> Any:  # fmt: skip
    """ids [batch, time] by a table `EmbedSequence/embeddings` [vocab_size, embed_dim]: [batch, time, embed_dim]."""
    with tf.variable_scope(scope, "EmbedSequence", [ids], reuse=reuse):
        shape = None if vocab_size is None else [vocab_size, embed_dim]
        table = model_variable(
            "embeddings", shape=shape, initializer=initializer, regularizer=regularizer, trainable=trainable
        )
        return embedding_lookup_unique(table, ids) if unique else tf.nn.embedding_lookup(table, ids)


def embedding_lookup_unique(params: Any, ids: Any, partition_strategy: str = "mod", name: str | None = None) -> Any:
    """Look each different id up once, then place the rows."""
    with tf.name_scope(name, "EmbeddingLookupUnique"):
        ids = tf.convert_to_tensor(ids)
        distinct, places = tf.unique(tf.reshape(ids, [-1]))
        rows = tf.gather(tf.nn.embedding_lookup(params, distinct, partition_strategy=partition_strategy), places)
        found = tf.reshape(rows, tf.concat([tf.shape(ids), tf.shape(rows)[1:]], 0))
        found.set_shape(ids.get_shape().concatenate(rows.get_shape()[1:]))
        return found


def bow_encoder(
    ids: Any, vocab_size: int, embed_dim: int, sparse_lookup: bool = True, initializer: Any = None,
    regularizer: Any = None, trainable: bool = True, scope: Any = None, reuse: Any = None,
) -> Any:  # fmt: skip
    """The mean of the embeddings of dense ids [batch, time]: [batch, embed_dim]."""
    if isinstance(ids, tf.SparseTensor) or sparse_lookup:
        raise NotImplementedError("bow_encoder is here for dense ids only: sparse_lookup=False")
    with tf.variable_scope(scope, "bow_encoder", [ids], reuse=reuse):
        table = model_variable(
            "embeddings", shape=[vocab_size, embed_dim], initializer=initializer, regularizer=regularizer,
            trainable=trainable,
        )  # fmt: skip
        return tf.reduce_mean(tf.nn.embedding_lookup(table, ids), axis=1)


def __getattr__(name: str) -> Any:
    """What else tf-slim has."""
    return getattr(_slim, name)
