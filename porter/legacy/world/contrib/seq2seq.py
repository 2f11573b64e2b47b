"""`tf.contrib.seq2seq`: decoding step by step, with attention, under the variable names that it had."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf
from tf_keras.src.layers.rnn.legacy_cells import RNNCell
from tf_keras.src.legacy_tf_layers.core import Dense

from porter.legacy.world.contrib.attention import (
    AttentionWrapper,
    AttentionWrapperState,
    BahdanauAttention,
    LuongAttention,
    hardmax,
)
from porter.legacy.world.contrib.beam_search import (
    BeamSearchDecoder,
    BeamSearchDecoderOutput,
    BeamSearchDecoderState,
    Decoder,
    FinalBeamSearchDecoderOutput,
    gather_tree,
    tile_batch,
)


class BasicDecoderOutput(NamedTuple):
    """What a step gives: rnn_output [batch, size], and what was drawn from it, sample_id [batch]."""

    rnn_output: Any
    sample_id: Any


class Helper:
    """What feeds a decoder: `initialize`, `sample` and `next_inputs`, which the classes below and programs' own define."""

    sample_ids_shape, sample_ids_dtype = tf.TensorShape([]), tf.int32


class CustomHelper(Helper):
    """The same out of three functions."""

    def __init__(self, initialize_fn: Any, sample_fn: Any, next_inputs_fn: Any, sample_ids_shape: Any = None,
                 sample_ids_dtype: Any = None):  # fmt: skip
        self.initialize, self.sample, self.next_inputs = initialize_fn, sample_fn, next_inputs_fn
        self.sample_ids_shape = tf.TensorShape(sample_ids_shape or [])
        self.sample_ids_dtype = sample_ids_dtype or tf.int32

    @property
    def batch_size(self) -> Any:
        """How many sequences `initialize` starts."""
        return tf.size(self.initialize()[0])


class TrainingHelper(Helper):
    """Feeds the given inputs [batch, time, depth]; a sequence is finished after its length."""

    def __init__(self, inputs: Any, sequence_length: Any, time_major: bool = False, name: Any = None):
        self.inputs = tf.nest.map_structure(tf.convert_to_tensor, inputs)
        self.lengths = tf.cast(tf.convert_to_tensor(sequence_length), tf.int32)
        steps = self.inputs if time_major else _turned(self.inputs)
        self.steps = tf.TensorArray(steps.dtype, size=tf.shape(steps)[0], element_shape=steps.shape[1:]).unstack(steps)
        self.nothing = tf.zeros_like(steps[0])
        self.batch_size = tf.size(self.lengths)

    def initialize(self, name: Any = None) -> Any:
        """Who is finished, and the first inputs."""
        finished = tf.equal(0, self.lengths)
        return finished, tf.cond(tf.reduce_all(finished), lambda: self.nothing, lambda: self.steps.read(0))

    def sample(self, time: Any, outputs: Any, state: Any, name: Any = None) -> Any:
        """The likeliest symbols; nobody is fed them."""
        return tf.cast(tf.argmax(outputs, axis=-1), tf.int32)

    def next_inputs(self, time: Any, outputs: Any, state: Any, sample_ids: Any = None, name: Any = None) -> Any:
        """Who is finished, the next inputs, the state."""
        finished = time + 1 >= self.lengths
        done = tf.reduce_all(finished)
        return finished, tf.cond(done, lambda: self.nothing, lambda: self.steps.read(time + 1)), state


class GreedyEmbeddingHelper(Helper):
    """Feeds the embedding of the likeliest symbol; a sequence is finished with `end_token`."""

    def __init__(self, embedding: Any, start_tokens: Any, end_token: Any):
        self.embed = embedding if callable(embedding) else lambda ids: tf.nn.embedding_lookup(embedding, ids)
        self.start, self.end = tf.cast(tf.convert_to_tensor(start_tokens), tf.int32), end_token
        self.batch_size = tf.size(self.start)
        self.first = self.embed(self.start)

    def initialize(self, name: Any = None) -> Any:
        """Who is finished, and the first inputs."""
        return tf.tile([False], [self.batch_size]), self.first

    def sample(self, time: Any, outputs: Any, state: Any, name: Any = None) -> Any:
        """The likeliest symbols."""
        return tf.cast(tf.argmax(outputs, axis=-1), tf.int32)

    def next_inputs(self, time: Any, outputs: Any, state: Any, sample_ids: Any = None, name: Any = None) -> Any:
        """Who is finished, the next inputs, the state."""
        finished = tf.equal(sample_ids, self.end)
        return finished, tf.cond(tf.reduce_all(finished), lambda: self.first, lambda: self.embed(sample_ids)), state


class SampleEmbeddingHelper(GreedyEmbeddingHelper):
    """The same with symbols drawn at random."""

    def __init__(self, embedding: Any, start_tokens: Any, end_token: Any, softmax_temperature: Any = None,
                 seed: Any = None):  # fmt: skip
        super().__init__(embedding, start_tokens, end_token)
        self.temperature, self.seed = softmax_temperature, seed

    def sample(self, time: Any, outputs: Any, state: Any, name: Any = None) -> Any:
        """Symbols drawn by their probabilities."""
        outputs = outputs if self.temperature is None else outputs / self.temperature
        return tf.cast(tf.multinomial(outputs, 1, seed=self.seed)[:, 0], tf.int32)


class ScheduledEmbeddingTrainingHelper(TrainingHelper):
    """Feeds the given inputs, and with `sampling_probability` the embedding of a symbol drawn from the last output."""

    def __init__(self, inputs: Any, sequence_length: Any, embedding: Any, sampling_probability: Any,
                 time_major: bool = False, seed: Any = None, scheduling_seed: Any = None, name: Any = None):  # fmt: skip
        super().__init__(inputs, sequence_length, time_major, name)
        self.embed = embedding if callable(embedding) else lambda ids: tf.nn.embedding_lookup(embedding, ids)
        self.probability, self.seeds = sampling_probability, (seed, scheduling_seed)

    def sample(self, time: Any, outputs: Any, state: Any, name: Any = None) -> Any:
        """Symbols, -1 where none was drawn."""
        drawn = tf.cast(tf.multinomial(outputs, 1, seed=self.seeds[0])[:, 0], tf.int32)
        chosen = tf.random_uniform([self.batch_size], seed=self.seeds[1]) < self.probability
        return tf.where(chosen, drawn, -tf.ones_like(drawn))

    def next_inputs(self, time: Any, outputs: Any, state: Any, sample_ids: Any = None, name: Any = None) -> Any:
        """Who is finished, the next inputs, the state."""
        finished, given, state = super().next_inputs(time, outputs, state)
        return finished, tf.where(sample_ids > -1, self.embed(tf.maximum(sample_ids, 0)), given), state


class BasicDecoder(Decoder):
    """A cell, a helper that feeds it, and perhaps a layer on top."""

    def __init__(self, cell: RNNCell, helper: Any, initial_state: Any, output_layer: Any = None):
        self.cell, self.helper, self.state, self.layer = cell, helper, initial_state, output_layer

    @property
    def batch_size(self) -> Any:
        """How many sequences are decoded."""
        return self.helper.batch_size

    @property
    def output_size(self) -> Any:
        """The sizes of what a step gives."""
        size = self.cell.output_size if self.layer is None else self.layer.units
        return BasicDecoderOutput(size, self.helper.sample_ids_shape)

    @property
    def output_dtype(self) -> Any:
        """The types of what a step gives."""
        return BasicDecoderOutput(tf.nest.flatten(self.state)[0].dtype, self.helper.sample_ids_dtype)

    def initialize(self, name: Any = None) -> Any:
        """Who is finished, the first inputs, the first state."""
        return (*self.helper.initialize(), self.state)

    def step(self, time: Any, inputs: Any, state: Any, name: Any = None) -> Any:
        """Output, state, next inputs, who is finished."""
        with tf.name_scope("BasicDecoderStep"):
            output, state = self.cell(inputs, state)
            output = output if self.layer is None else self.layer(output)
            ids = self.helper.sample(time=time, outputs=output, state=state)
            finished, inputs, state = self.helper.next_inputs(time=time, outputs=output, state=state, sample_ids=ids)
        return BasicDecoderOutput(output, ids), state, inputs, finished


def dynamic_decode(
    decoder: Any, output_time_major: bool = False, impute_finished: bool = False, maximum_iterations: Any = None,
    parallel_iterations: int = 32, swap_memory: bool = False, scope: Any = None,
) -> Any:  # fmt: skip
    """Decode until all sequences are finished: outputs [batch, time, …], the last state, the lengths [batch]."""
    with tf.variable_scope(scope, "decoder"):
        finished, inputs, state = decoder.initialize()
        if maximum_iterations is not None:
            finished = tf.logical_or(finished, maximum_iterations <= 0)
        kinds, own = decoder.output_dtype, getattr(decoder, "tracks_own_finished", False)
        arrays = tf.nest.map_structure(lambda dtype: tf.TensorArray(dtype, size=0, dynamic_size=True), kinds)
        lengths = tf.zeros_like(finished, dtype=tf.int32)

        def again(_: Any, __: Any, ___: Any, ____: Any, finished: Any, _____: Any) -> Any:
            return tf.logical_not(tf.reduce_all(finished))

        def body(time: Any, arrays: Any, state: Any, inputs: Any, finished: Any, lengths: Any) -> Any:
            given, following, inputs, ended = decoder.step(time, inputs, state)
            ended = ended if own else tf.logical_or(ended, finished)
            if maximum_iterations is not None:
                ended = tf.logical_or(ended, time + 1 >= maximum_iterations)
            lengths = tf.where(tf.logical_not(finished), tf.fill(tf.shape(lengths), time + 1), lengths)
            if impute_finished:
                given = tf.nest.map_structure(lambda new: tf.where(finished, tf.zeros_like(new), new), given)
                following = tf.nest.map_structure(lambda old, new: _kept(finished, old, new), state, following)
            arrays = tf.nest.map_structure(lambda array, new: array.write(time, new), arrays, given)
            return time + 1, arrays, following, inputs, ended, lengths

        _, arrays, state, _, _, lengths = tf.while_loop(
            again, body, (tf.constant(0), arrays, state, inputs, finished, lengths),
            parallel_iterations=parallel_iterations, swap_memory=swap_memory,
        )  # fmt: skip
        outputs = tf.nest.map_structure(lambda array: array.stack(), arrays)
        for tensor, size in zip(outputs, decoder.output_size, strict=True):
            tensor.set_shape(tf.TensorShape([None, None]).concatenate(tf.TensorShape(size)))
        with suppress(NotImplementedError):  # by decoders that have nothing to do at the end
            outputs, state = decoder.finalize(outputs, state, lengths)
        if not output_time_major:
            outputs = tf.nest.map_structure(_turned, outputs)
    return outputs, state, lengths


def _kept(finished: Any, old: Any, new: Any) -> Any:
    """The old state of finished sequences; what is no state of sequences, such as the time, goes on."""
    if isinstance(new, tf.TensorArray) or new.shape.ndims in (0, None):
        return new
    new.set_shape(old.shape)
    return tf.where(finished, old, new)


def _turned(x: Any) -> Any:
    """[batch, time, …] as [time, batch, …] and the other way round."""
    return tf.transpose(x, [1, 0, *range(2, x.get_shape().ndims)])


def sequence_loss(
    logits: Any, targets: Any, weights: Any, average_across_timesteps: bool = True, average_across_batch: bool = True,
    softmax_loss_function: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """The weighted cross entropy of logits [batch, time, symbols] and targets [batch, time], averaged as asked."""
    with tf.name_scope(name, "sequence_loss"):
        flat, wanted = tf.reshape(logits, [-1, tf.shape(logits)[2]]), tf.reshape(targets, [-1])
        if softmax_loss_function is None:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=wanted, logits=flat)
        else:
            losses = softmax_loss_function(labels=wanted, logits=flat)
        losses = tf.reshape(losses * tf.reshape(weights, [-1]), tf.shape(logits)[:2])
        axes = [axis for axis, wish in ((0, average_across_batch), (1, average_across_timesteps)) if wish]
        if not axes:
            return losses
        return tf.reduce_sum(losses, axes) / (tf.reduce_sum(weights, axes) + 1e-12)
