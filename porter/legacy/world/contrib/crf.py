"""`tf.contrib.crf`: a linear chain over tags, with its variable `transitions` [tags, tags], and the best tags by Viterbi."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf
from tf_keras.src.layers.rnn.legacy_cells import RNNCell


def crf_sequence_score(inputs: Any, tag_indices: Any, sequence_lengths: Any, transition_params: Any) -> Any:
    """The score [batch] of given tags [batch, time] for inputs [batch, time, tags]."""
    there = tf.sequence_mask(sequence_lengths, tf.shape(tag_indices)[1], dtype=tf.float32)
    single = tf.reduce_sum(tf.one_hot(tag_indices, tf.shape(inputs)[2]) * inputs, 2) * there
    pairs = tf.stack([tag_indices[:, :-1], tag_indices[:, 1:]], 2)
    return tf.reduce_sum(single, 1) + tf.reduce_sum(tf.gather_nd(transition_params, pairs) * there[:, 1:], 1)


def crf_log_norm(inputs: Any, sequence_lengths: Any, transition_params: Any) -> Any:
    """The logarithm [batch] of the sum over all tags."""
    rest = tf.maximum(0, tf.cast(sequence_lengths, tf.int32) - 1)
    _, last = tf.nn.dynamic_rnn(
        _Sum(transition_params), inputs[:, 1:], sequence_length=rest, initial_state=inputs[:, 0], dtype=tf.float32
    )
    return tf.reduce_logsumexp(last, [1])


def crf_log_likelihood(inputs: Any, tag_indices: Any, sequence_lengths: Any, transition_params: Any = None) -> Any:
    """The logarithm of the likelihood [batch] of the tags, and the transitions, made here if they are not given."""
    tags = int(inputs.get_shape()[2])
    if transition_params is None:
        transition_params = tf.get_variable("transitions", [tags, tags])
    score = crf_sequence_score(inputs, tag_indices, sequence_lengths, transition_params)
    return score - crf_log_norm(inputs, sequence_lengths, transition_params), transition_params


def crf_decode(potentials: Any, transition_params: Any, sequence_length: Any) -> Any:
    """The best tags [batch, time], zeros behind the lengths, and their score [batch]."""
    rest = tf.maximum(0, tf.cast(sequence_length, tf.int32) - 1)
    back, last = tf.nn.dynamic_rnn(
        _Best(transition_params),
        potentials[:, 1:],
        sequence_length=rest,
        initial_state=potentials[:, 0],
        dtype=tf.int32,
    )
    final = tf.expand_dims(tf.cast(tf.argmax(last, 1), tf.int32), 1)
    before, _ = tf.nn.dynamic_rnn(
        _Follow(int(potentials.get_shape()[2])), tf.reverse_sequence(back, rest, seq_axis=1), sequence_length=rest,
        initial_state=final, dtype=tf.int32,
    )  # fmt: skip
    tags = tf.concat([final, tf.squeeze(before, [2])], 1)
    return tf.reverse_sequence(tags, sequence_length, seq_axis=1), tf.reduce_max(last, 1)


def viterbi_decode(score: Any, transition_params: Any) -> tuple[list[int], Any]:
    """The best tags for one sequence, by numpy: score [time, tags]."""
    best, back = score[0], []
    for each in score[1:]:
        paths = best[:, None] + transition_params
        back.append(paths.argmax(0))
        best = each + paths.max(0)
    tags = [int(np.argmax(best))]
    for each in reversed(back):
        tags.append(int(each[tags[-1]]))
    return tags[::-1], best.max()


class _Chain(RNNCell):
    """A step along the chain; the state [batch, tags] is the score of each tag so far."""

    def __init__(self, transition_params: Any):
        super().__init__()
        self.transitions = tf.expand_dims(transition_params, 0)
        self.tags = int(transition_params.get_shape()[0])

    @property
    def state_size(self) -> int:
        """A score for each tag."""
        return self.tags

    @property
    def output_size(self) -> int:
        """The same number of outputs."""
        return self.tags


class _Sum(_Chain):
    """Sums over all tags before."""

    def call(self, inputs: Any, state: Any) -> Any:
        """The new scores, twice."""
        made = inputs + tf.reduce_logsumexp(tf.expand_dims(state, 2) + self.transitions, [1])
        return made, made


class _Best(_Chain):
    """Keeps the best tag before."""

    def call(self, inputs: Any, state: Any) -> Any:
        """For each tag the best one before it, and the new scores."""
        paths = tf.expand_dims(state, 2) + self.transitions
        return tf.cast(tf.argmax(paths, 1), tf.int32), inputs + tf.reduce_max(paths, [1])


class _Follow(RNNCell):
    """Goes back along the best tags; the state [batch, 1] is the tag."""

    state_size = output_size = 1

    def __init__(self, tags: int):
        super().__init__()
        self.tags = tags

    def call(self, inputs: Any, state: Any) -> Any:
        """The tag before, twice."""
        rows = tf.range(tf.shape(inputs)[0])
        tag = tf.expand_dims(tf.gather_nd(inputs, tf.stack([rows, tf.squeeze(state, [1])], 1)), 1)
        return tag, tag
