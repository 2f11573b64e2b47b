"""`tf.contrib.legacy_seq2seq`: decoders that are unrolled step by step, and their losses."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import tensorflow.compat.v1 as tf
from tf_keras.src.layers.rnn.legacy_cells import RNNCell

Step = Callable[[Any, int], Any]


def rnn_decoder(
    decoder_inputs: Any, initial_state: Any, cell: RNNCell, loop_function: Step | None = None, scope: Any = None
) -> Any:
    """One output [batch, size] for each input [batch, features]; after the first, `loop_function` may make the input."""
    with tf.variable_scope(scope or "rnn_decoder"):
        state, outputs, previous = initial_state, [], None
        for at, given in enumerate(decoder_inputs):
            if loop_function is not None and previous is not None:
                with tf.variable_scope("loop_function", reuse=True):
                    given = loop_function(previous, at)
            if at > 0:
                tf.get_variable_scope().reuse_variables()
            output, state = cell(given, state)
            outputs.append(output)
            previous = output if loop_function is not None else None
    return outputs, state


def basic_rnn_seq2seq(
    encoder_inputs: Any, decoder_inputs: Any, cell: RNNCell, dtype: Any = tf.float32, scope: Any = None
) -> Any:
    """An encoder whose last state a decoder with a copy of the cell starts from."""
    with tf.variable_scope(scope or "basic_rnn_seq2seq"):
        _, state = tf.nn.static_rnn(copy.deepcopy(cell), encoder_inputs, dtype=dtype)
        return rnn_decoder(decoder_inputs, state, cell)


def tied_rnn_seq2seq(
    encoder_inputs: Any, decoder_inputs: Any, cell: RNNCell, loop_function: Step | None = None, dtype: Any = tf.float32,
    scope: Any = None,
) -> Any:  # fmt: skip
    """The same with one cell for both."""
    with tf.variable_scope("combined_tied_rnn_seq2seq"):
        scope = scope or "tied_rnn_seq2seq"
        _, state = tf.nn.static_rnn(cell, encoder_inputs, dtype=dtype, scope=scope)
        tf.get_variable_scope().reuse_variables()
        return rnn_decoder(decoder_inputs, state, cell, loop_function=loop_function, scope=scope)


def _fed_back(embedding: Any, output_projection: Any, update_embedding: bool) -> Step:
    """The embedding of the symbol that the last output makes likeliest."""

    def step(previous: Any, _: int) -> Any:
        if output_projection is not None:
            previous = tf.nn.xw_plus_b(previous, output_projection[0], output_projection[1])
        found = tf.nn.embedding_lookup(embedding, tf.argmax(previous, 1))
        return found if update_embedding else tf.stop_gradient(found)

    return step


def embedding_rnn_decoder(
    decoder_inputs: Any, initial_state: Any, cell: RNNCell, num_symbols: int, embedding_size: int,
    output_projection: Any = None, feed_previous: bool = False, update_embedding_for_previous: bool = True,
    scope: Any = None,
) -> Any:  # fmt: skip
    """A decoder of symbols: inputs are ids [batch], looked up in a table of its own."""
    with tf.variable_scope(scope or "embedding_rnn_decoder") as inside:
        if output_projection is not None:
            inside.set_dtype(output_projection[0].dtype)
        table = tf.get_variable("embedding", [num_symbols, embedding_size])
        step = _fed_back(table, output_projection, update_embedding_for_previous) if feed_previous else None
        inputs = [tf.nn.embedding_lookup(table, ids) for ids in decoder_inputs]
        return rnn_decoder(inputs, initial_state, cell, loop_function=step)


def embedding_rnn_seq2seq(
    encoder_inputs: Any, decoder_inputs: Any, cell: RNNCell, num_encoder_symbols: int, num_decoder_symbols: int,
    embedding_size: int, output_projection: Any = None, feed_previous: bool = False, dtype: Any = None,
    scope: Any = None,
) -> Any:  # fmt: skip
    """Symbols to symbols. `feed_previous` is a Python bool here."""
    from porter.legacy.world.contrib.rnn import EmbeddingWrapper, OutputProjectionWrapper

    _refuse_tensor(feed_previous)
    with tf.variable_scope(scope or "embedding_rnn_seq2seq") as inside:
        if dtype is not None:
            inside.set_dtype(dtype)
        encoder = EmbeddingWrapper(
            copy.deepcopy(cell), embedding_classes=num_encoder_symbols, embedding_size=embedding_size
        )
        _, state = tf.nn.static_rnn(encoder, encoder_inputs, dtype=dtype or inside.dtype)
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, num_decoder_symbols)
        return embedding_rnn_decoder(
            decoder_inputs, state, cell, num_decoder_symbols, embedding_size, output_projection=output_projection,
            feed_previous=feed_previous,
        )  # fmt: skip


def _refuse_tensor(feed_previous: Any) -> None:
    if isinstance(feed_previous, tf.Tensor):
        raise NotImplementedError("feed_previous as a tensor is not here: give True or False")


def sequence_loss_by_example(
    logits: Any, targets: Any, weights: Any, average_across_timesteps: bool = True,
    softmax_loss_function: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """The weighted cross entropy of each sequence [batch], from lists with an entry for each step."""
    with tf.name_scope(name, "sequence_loss_by_example", [*logits, *targets, *weights]):
        terms = []
        for logit, target, weight in zip(logits, targets, weights, strict=True):
            if softmax_loss_function is None:
                target = tf.reshape(target, [-1])
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=target, logits=logit)
            else:
                loss = softmax_loss_function(labels=target, logits=logit)
            terms.append(loss * weight)
        total = tf.add_n(terms)
        return total / (tf.add_n(list(weights)) + 1e-12) if average_across_timesteps else total


def sequence_loss(
    logits: Any, targets: Any, weights: Any, average_across_timesteps: bool = True, average_across_batch: bool = True,
    softmax_loss_function: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """The same as one number."""
    with tf.name_scope(name, "sequence_loss", [*logits, *targets, *weights]):
        losses = sequence_loss_by_example(logits, targets, weights, average_across_timesteps, softmax_loss_function)
        total = tf.reduce_sum(losses)
        return total / tf.cast(tf.shape(targets[0])[0], total.dtype) if average_across_batch else total
