"""`tf.contrib.legacy_seq2seq`: decoders that are unrolled step by step, and their losses."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import tensorflow.compat.v1 as tf
from tf_keras.src.layers.rnn.legacy_cells import RNNCell

from porter.legacy.world.contrib.extra_cells import EmbeddingWrapper, OutputProjectionWrapper, linear

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
    embedding_size: int, output_projection: Any = None, feed_previous: Any = False, dtype: Any = None,
    scope: Any = None,
) -> Any:  # fmt: skip
    """Symbols to symbols. `feed_previous` is a Python bool, or a tensor that switches between both decoders."""
    with tf.variable_scope(scope or "embedding_rnn_seq2seq") as inside:
        if dtype is not None:
            inside.set_dtype(dtype)
        _, state = _encoded(encoder_inputs, cell, num_encoder_symbols, embedding_size, dtype or inside.dtype)
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, num_decoder_symbols)

        def decoder(feeds: bool, update: bool) -> Any:
            return embedding_rnn_decoder(
                decoder_inputs, state, cell, num_decoder_symbols, embedding_size, output_projection=output_projection,
                feed_previous=feeds, update_embedding_for_previous=update,
            )  # fmt: skip

        return _switched(feed_previous, decoder, state)


def _encoded(inputs: Any, cell: RNNCell, symbols: int, size: int, dtype: Any) -> Any:
    """Outputs and last state of a copy of the cell that is fed symbols."""
    encoder = EmbeddingWrapper(copy.deepcopy(cell), embedding_classes=symbols, embedding_size=size)
    return tf.nn.static_rnn(encoder, inputs, dtype=dtype)


def _switched(feed_previous: Any, decoder: Callable[[bool, bool], Any], first: Any) -> Any:
    """What a decoder gives that is fed its own symbols, or those given; by a cond with one set of variables.

    decoder: gives outputs and state, for whether it is fed its own and whether that trains the table. first: a state.
    """
    if isinstance(feed_previous, bool):
        return decoder(feed_previous, True)

    def flat(feeds: bool) -> Any:
        with tf.variable_scope(tf.get_variable_scope(), reuse=None if feeds else True):
            outputs, state = decoder(feeds, False)
            return outputs + tf.nest.flatten(state)

    found = tf.cond(feed_previous, lambda: flat(True), lambda: flat(False))
    parts = len(tf.nest.flatten(first))
    return found[:-parts], tf.nest.pack_sequence_as(first, found[-parts:])


def attention_decoder(
    decoder_inputs: Any, initial_state: Any, attention_states: Any, cell: RNNCell, output_size: int | None = None,
    num_heads: int = 1, loop_function: Step | None = None, dtype: Any = None, scope: Any = None,
    initial_state_attention: bool = False,
) -> Any:  # fmt: skip
    """A decoder whose every step looks at attention_states [batch, time, size], after the cell has moved.

    Each head scores tanh(state · W + memory · K) · v; what the heads read goes into the next input and into the output.
    """
    with tf.variable_scope(scope or "attention_decoder", dtype=dtype) as inside:
        size = int(attention_states.get_shape()[2])
        steps = attention_states.get_shape()[1].value or tf.shape(attention_states)[1]
        memory = tf.reshape(attention_states, [-1, steps, 1, size])
        keys, directions = [], []
        for head in range(num_heads):
            kernel = tf.get_variable(f"AttnW_{head}", [1, 1, size, size], dtype=inside.dtype)
            keys.append(tf.nn.conv2d(memory, kernel, [1, 1, 1, 1], "SAME"))
            directions.append(tf.get_variable(f"AttnV_{head}", [size], dtype=inside.dtype))

        def attend(state: Any) -> list[Any]:
            query, read = tf.concat(tf.nest.flatten(state), 1), []
            for head in range(num_heads):
                with tf.variable_scope(f"Attention_{head}"):
                    moved = tf.reshape(linear(query, size, True), [-1, 1, 1, size])
                    weights = tf.nn.softmax(tf.reduce_sum(directions[head] * tf.tanh(keys[head] + moved), [2, 3]))
                    summed = tf.reduce_sum(tf.reshape(weights, [-1, steps, 1, 1]) * memory, [1, 2])
                    read.append(tf.reshape(summed, [-1, size]))
            return read

        state, outputs, previous = initial_state, [], None
        nothing = tf.zeros(tf.stack([tf.shape(decoder_inputs[0])[0], size]), inside.dtype)
        nothing.set_shape([None, size])
        read = attend(initial_state) if initial_state_attention else [nothing] * num_heads
        for at, given in enumerate(decoder_inputs):
            if at > 0:
                tf.get_variable_scope().reuse_variables()
            if loop_function is not None and previous is not None:
                with tf.variable_scope("loop_function", reuse=True):
                    given = loop_function(previous, at)
            output, state = cell(linear([given, *read], int(given.get_shape()[1]), True), state)
            again = at == 0 and initial_state_attention
            with tf.variable_scope(tf.get_variable_scope(), reuse=True if again else None):
                read = attend(state)
            with tf.variable_scope("AttnOutputProjection"):
                output = linear([output, *read], output_size or cell.output_size, True)
            previous = output if loop_function is not None else None
            outputs.append(output)
        return outputs, state


def embedding_attention_decoder(
    decoder_inputs: Any, initial_state: Any, attention_states: Any, cell: RNNCell, num_symbols: int,
    embedding_size: int, num_heads: int = 1, output_size: int | None = None, output_projection: Any = None,
    feed_previous: bool = False, update_embedding_for_previous: bool = True, dtype: Any = None, scope: Any = None,
    initial_state_attention: bool = False,
) -> Any:  # fmt: skip
    """The same for symbols: inputs are ids [batch], looked up in a table of its own."""
    with tf.variable_scope(scope or "embedding_attention_decoder", dtype=dtype):
        table = tf.get_variable("embedding", [num_symbols, embedding_size])
        step = _fed_back(table, output_projection, update_embedding_for_previous) if feed_previous else None
        inputs = [tf.nn.embedding_lookup(table, ids) for ids in decoder_inputs]
        return attention_decoder(
            inputs, initial_state, attention_states, cell, output_size=output_size or cell.output_size,
            num_heads=num_heads, loop_function=step, initial_state_attention=initial_state_attention,
        )  # fmt: skip


def embedding_attention_seq2seq(
    encoder_inputs: Any, decoder_inputs: Any, cell: RNNCell, num_encoder_symbols: int, num_decoder_symbols: int,
    embedding_size: int, num_heads: int = 1, output_projection: Any = None, feed_previous: Any = False,
    dtype: Any = None, scope: Any = None, initial_state_attention: bool = False,
) -> Any:  # fmt: skip
    """Symbols to symbols, with attention to what the encoder gave in each step."""
    with tf.variable_scope(scope or "embedding_attention_seq2seq", dtype=dtype) as inside:
        given, state = _encoded(encoder_inputs, cell, num_encoder_symbols, embedding_size, inside.dtype)
        memory = tf.concat([tf.reshape(each, [-1, 1, cell.output_size]) for each in given], 1)
        size = None
        if output_projection is None:
            cell, size = OutputProjectionWrapper(cell, num_decoder_symbols), num_decoder_symbols

        def decoder(feeds: bool, update: bool) -> Any:
            return embedding_attention_decoder(
                decoder_inputs, state, memory, cell, num_decoder_symbols, embedding_size, num_heads=num_heads,
                output_size=size, output_projection=output_projection, feed_previous=feeds,
                update_embedding_for_previous=update, initial_state_attention=initial_state_attention,
            )  # fmt: skip

        return _switched(feed_previous, decoder, state)


def model_with_buckets(
    encoder_inputs: Any, decoder_inputs: Any, targets: Any, weights: Any, buckets: Any, seq2seq: Callable[..., Any],
    softmax_loss_function: Any = None, per_example_loss: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """One network for several lengths: outputs and losses for each bucket (encoder steps, decoder steps)."""
    outputs, losses = [], []
    loss = sequence_loss_by_example if per_example_loss else sequence_loss
    with tf.name_scope(name, "model_with_buckets", [*encoder_inputs, *decoder_inputs, *targets, *weights]):
        for at, (before, after) in enumerate(buckets):
            with tf.variable_scope(tf.get_variable_scope(), reuse=True if at > 0 else None):
                made, _ = seq2seq(encoder_inputs[:before], decoder_inputs[:after])
                outputs.append(made)
                losses.append(loss(made, targets[:after], weights[:after], softmax_loss_function=softmax_loss_function))
    return outputs, losses


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
