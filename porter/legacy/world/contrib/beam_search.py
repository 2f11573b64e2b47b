"""The beam search of `tf.contrib.seq2seq`, as TensorFlow 1.5 and later have it."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf

from porter.legacy.world.contrib.attention import AttentionWrapperState


class Decoder:
    """What `dynamic_decode` runs: `initialize`, `step`, and the sizes and types of what a step gives."""

    tracks_own_finished = False

    def finalize(self, outputs: Any, final_state: Any, sequence_lengths: Any) -> Any:
        """Outputs and state after the last step. Raises NotImplementedError where there is nothing to do."""
        raise NotImplementedError


class BeamSearchDecoderOutput(NamedTuple):
    """What a step gives: for each beam [batch, beams] its score, its symbol, and the beam that it goes on from."""

    scores: Any
    predicted_ids: Any
    parent_ids: Any


class BeamSearchDecoderState(NamedTuple):
    """The cell's state [batch, beams, …], and of each beam [batch, beams] its logarithm of probability and its length."""

    cell_state: Any
    log_probs: Any
    finished: Any
    lengths: Any
    accumulated_attention_probs: Any


class FinalBeamSearchDecoderOutput(NamedTuple):
    """The beams followed back, predicted_ids [batch, time, beams], and what each step gave."""

    predicted_ids: Any
    beam_search_decoder_output: Any


class BeamSearchDecoder(Decoder):
    """Keeps the `beam_width` likeliest sequences. The initial state is tiled, see `tile_batch`."""

    tracks_own_finished = True

    def __init__(self, cell: Any, embedding: Any, start_tokens: Any, end_token: Any, initial_state: Any,
                 beam_width: int, output_layer: Any = None, length_penalty_weight: float = 0.0,
                 coverage_penalty_weight: float = 0.0, reorder_tensor_arrays: bool = True):  # fmt: skip
        self.cell, self.layer, self.width, self.reorder = cell, output_layer, beam_width, reorder_tensor_arrays
        self.embed = embedding if callable(embedding) else lambda ids: tf.nn.embedding_lookup(embedding, ids)
        self.penalty, self.coverage = length_penalty_weight, coverage_penalty_weight
        self.start = tf.cast(tf.convert_to_tensor(start_tokens), tf.int32)
        self.end, self.batch_size = tf.convert_to_tensor(end_token, tf.int32), tf.size(self.start)
        self.state = tf.nest.map_structure(self._apart, initial_state)

    @property
    def output_size(self) -> Any:
        """The sizes of what a step gives."""
        return BeamSearchDecoderOutput(self.width, self.width, self.width)

    @property
    def output_dtype(self) -> Any:
        """The types of what a step gives."""
        return BeamSearchDecoderOutput(self._dtype, tf.int32, tf.int32)

    @property
    def _dtype(self) -> Any:
        return tf.nest.flatten(self.state)[0].dtype

    def _apart(self, x: Any) -> Any:
        """[batch · beams, …] as [batch, beams, …]; what is of no sample stays."""
        if isinstance(x, tf.TensorArray) or x.shape.ndims == 0:
            return x
        found = tf.reshape(x, tf.concat([[self.batch_size, self.width], tf.shape(x)[1:]], 0))
        found.set_shape(tf.TensorShape([None, self.width]).concatenate(x.shape[1:]))
        return found

    def _together(self, x: Any) -> Any:
        """[batch, beams, …] as [batch · beams, …]."""
        if isinstance(x, tf.TensorArray) or x.shape.ndims < 2:
            return x
        found = tf.reshape(x, tf.concat([[self.batch_size * self.width], tf.shape(x)[2:]], 0))
        found.set_shape(tf.TensorShape([None]).concatenate(x.shape[2:]))
        return found

    def _chosen(self, x: Any, places: Any) -> Any:
        """x [batch, n, …] at places [batch, beams]; what is of no beam stays."""
        return x if isinstance(x, tf.TensorArray) or x.shape.ndims < 2 else _at(x, places)

    def initialize(self, name: Any = None) -> Any:
        """Who is finished, the first inputs, the first state: all beams but the first have no chance."""
        first = tf.zeros([self.batch_size], tf.int32)
        finished = tf.one_hot(first, self.width, on_value=False, off_value=True, dtype=tf.bool)
        chances = tf.one_hot(first, self.width, on_value=0.0, off_value=-float("inf"), dtype=self._dtype)
        lengths = tf.zeros([self.batch_size, self.width], tf.int64)
        seen = _attention(self.state) if self.coverage else ()
        inputs = self.embed(tf.tile(self.start[:, None], [1, self.width]))
        return finished, inputs, BeamSearchDecoderState(self.state, chances, finished, lengths, seen)

    def step(self, time: Any, inputs: Any, state: Any, name: Any = None) -> Any:
        """Output, state, next inputs, who is finished."""
        with tf.name_scope("BeamSearchDecoderStep"):
            together = tf.nest.map_structure(self._together, state.cell_state)
            output, following = self.cell(tf.nest.map_structure(self._together, inputs), together)
            output = output if self.layer is None else self.layer(output)
            following = tf.nest.map_structure(self._apart, following)
            given, state = self._searched(self._apart(output), following, state)
            inputs = tf.cond(
                tf.reduce_all(state.finished), lambda: self.embed(tf.tile(self.start[:, None], [1, self.width])),
                lambda: self.embed(given.predicted_ids),
            )  # fmt: skip
            return given, state, inputs, state.finished

    def _searched(self, logits: Any, cell_state: Any, state: Any) -> Any:
        """The best continuations of the beams, from logits [batch, beams, symbols]."""
        symbols = logits.get_shape()[-1].value or tf.shape(logits)[-1]
        going = tf.logical_not(state.finished)
        ends = tf.one_hot(self.end, symbols, on_value=0.0, off_value=logits.dtype.min, dtype=logits.dtype)
        chances = tf.nn.log_softmax(logits)
        chances = tf.where(tf.tile(state.finished[..., None], [1, 1, symbols]), ends + tf.zeros_like(chances), chances)
        totals = state.log_probs[..., None] + chances
        longer = (
            tf.one_hot(self.end, symbols, on_value=0, off_value=1, dtype=tf.int64) * tf.cast(going, tf.int64)[..., None]
        )
        seen = state.accumulated_attention_probs
        if self.coverage:
            seen += _attention(cell_state) * tf.cast(going, tf.float32)[..., None]
        scores = self._scores(totals, state.lengths[..., None] + longer, state.finished, seen)
        best, places = tf.nn.top_k(tf.reshape(scores, [self.batch_size, -1]), k=self.width)
        best.set_shape([None, self.width])
        places.set_shape([None, self.width])
        words, parents = tf.mod(places, symbols), tf.floordiv(places, symbols)
        was_finished = self._chosen(state.finished, parents)
        following = BeamSearchDecoderState(
            tf.nest.map_structure(lambda x: self._chosen(x, parents), cell_state),
            self._chosen(tf.reshape(totals, [self.batch_size, self.width * symbols]), places),
            tf.logical_or(was_finished, tf.equal(words, self.end)),
            self._chosen(state.lengths, parents) + tf.cast(tf.logical_not(was_finished), tf.int64),
            self._chosen(seen, parents) if self.coverage else (),
        )
        return BeamSearchDecoderOutput(best, words, parents), following

    def _scores(self, totals: Any, lengths: Any, finished: Any, seen: Any) -> Any:
        """What beams are ranked by: chances, less for the shorter, and for what was left unseen."""
        scores = totals
        if not (isinstance(self.penalty, int | float) and self.penalty == 0):
            scores /= (5.0 + tf.cast(lengths, tf.float32)) ** self.penalty / 6.0**self.penalty
        if self.coverage:
            seen += tf.cast(tf.equal(seen, 0.0), tf.float32)
            missed = tf.reduce_sum(tf.log(tf.minimum(seen, 1.0)), 2) * tf.cast(finished, tf.float32)
            scores += (missed * self.coverage)[..., None]
        return scores

    def finalize(self, outputs: Any, final_state: Any, sequence_lengths: Any) -> Any:
        """The beams followed back. Raises ValueError for a state that keeps a history, which is in another order."""
        if self.reorder and any(isinstance(each, tf.TensorArray) for each in tf.nest.flatten(final_state.cell_state)):
            raise ValueError("a beam search over a state that keeps a history of alignments is not here")
        longest = tf.cast(tf.reduce_max(final_state.lengths, axis=1), tf.int32)
        ids = gather_tree(outputs.predicted_ids, outputs.parent_ids, longest, self.end)
        return FinalBeamSearchDecoderOutput(ids, outputs), final_state


def _attention(state: Any) -> Any:
    """The alignments [batch, beams, time] in a cell's state, the mean of several."""
    states = [state] if isinstance(state, AttentionWrapperState) else list(state)
    found = [each.alignments for each in states if isinstance(each, AttentionWrapperState)]
    found = [part for each in found for part in (each if isinstance(each, tuple) else (each,))]
    return found[0] if len(found) == 1 else tf.reduce_mean(tf.stack(found, -1), -1)


def _at(x: Any, places: Any) -> Any:
    """x [batch, n] or [batch, beams, …] at places [batch, beams]: [batch, beams, …]."""
    sizes = tf.shape(x)
    rank, first = x.shape.ndims, tf.range(sizes[0])[:, None] * sizes[1]
    rows = tf.reshape(x, [-1] if rank == 2 else tf.concat([[-1], sizes[2:]], 0))
    found = tf.gather(rows, tf.reshape(places + first, [-1]))
    found = tf.reshape(found, tf.shape(places) if rank == 2 else sizes[:rank])
    found.set_shape(places.shape.concatenate(x.shape[2:]))
    return found


def gather_tree(step_ids: Any, parent_ids: Any, max_sequence_lengths: Any, end_token: Any, name: Any = None) -> Any:
    """Each beam followed back from the last step: ids [time, batch, beams], `end_token` behind the first of these.

    step_ids, parent_ids: [time, batch, beams]. max_sequence_lengths: [batch], where to start. There is no operation for
    it in TensorFlow any more.
    """
    with tf.name_scope(name, "GatherTree"):
        steps, beams = tf.shape(step_ids)[0], step_ids.shape[2].value or tf.shape(step_ids)[2]
        nothing = tf.zeros_like(step_ids[0])
        ending, first = nothing + end_token, nothing + tf.range(beams)

        def back(time: Any, beam: Any, found: Any) -> Any:
            inside = tf.tile((time < max_sequence_lengths)[:, None], [1, beams])
            ids = tf.where(inside, _at(step_ids[time], beam), ending)
            beam = tf.where(inside, _at(parent_ids[time], beam), beam)
            return time - 1, beam, found.write(time, ids)

        found = tf.TensorArray(tf.int32, size=steps)
        _, _, found = tf.while_loop(lambda time, *_: time >= 0, back, (steps - 1, first, found))
        ids = found.stack()
        ended = tf.cumsum(tf.cast(tf.equal(ids, end_token), tf.int32), exclusive=True) > 0
        ids = tf.where(ended, tf.zeros_like(ids) + end_token, ids)
        ids.set_shape(step_ids.shape)
        return ids


def tile_batch(t: Any, multiplier: int, name: Any = None) -> Any:
    """Each sample `multiplier` times in a row."""

    def tile(x: Any) -> Any:
        rank = x.get_shape().ndims
        many = tf.tile(tf.expand_dims(x, 1), [1, multiplier] + [1] * (rank - 1))
        found = tf.reshape(many, tf.concat([[-1], tf.shape(x)[1:]], 0))
        found.set_shape(tf.TensorShape([None]).concatenate(x.shape[1:]))
        return found

    return tf.nest.map_structure(tile, t)
