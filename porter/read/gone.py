"""Operations that today's TensorFlow does not have any more, as functions of those that it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def functions_for(nodes: Iterable[Any]) -> list[Any]:
    """FunctionDefs called like the operations of `nodes` for which they stand, and those that these call."""
    wanted = {(node.op, len([text for text in node.input if text[:1] != "^"])) for node in nodes if node.op in NAMES}
    found: list[Any] = []
    for each in sorted(wanted & set(GONE)):
        found += _traced(each[0], GONE[each])
    return found


def _traced(name: str, build: Callable[[], Any]) -> list[Any]:
    concrete = build().get_concrete_function()
    made = [concrete.function_def, *concrete.graph.as_graph_def().library.function]
    copies = [type(made[0])() for _ in made]
    for copy, each in zip(copies, made, strict=True):
        copy.CopyFrom(each)
    copies[0].signature.name = name
    return copies


def _gather_tree(four_inputs: bool) -> Any:
    """What a beam search found, read backwards from the last step of each beam along its parents.

    step_ids, parent_ids [steps, batch, beams]; lengths [batch] with end_token, which fills what is behind the end, or
    [batch, beams] without one (until TensorFlow 1.4, which fills with -1).
    Source: tensorflow/contrib/seq2seq/kernels/beam_search_ops.cc, 1.4 and 1.15.
    """
    import tensorflow as tf

    def trace(step_ids: Any, parent_ids: Any, lengths: Any, end_token: Any) -> Any:
        steps, batch, beams = tf.unstack(tf.shape(step_ids))
        own = tf.zeros(tf.stack([batch, beams]), "int32") + tf.range(beams)
        first = tf.expand_dims(tf.range(batch) * beams, 1)  # where the beams of each sample begin
        last = tf.expand_dims(lengths, 1) if four_inputs else lengths

        def step(i: Any, beam: Any, found: Any) -> Any:
            time = steps - 1 - i
            here = tf.logical_and(time < last, own >= 0)
            at = first + beam
            ids = tf.gather(tf.reshape(tf.gather(step_ids, time), [-1]), at)
            parents = tf.gather(tf.reshape(tf.gather(parent_ids, time), [-1]), at)
            return i + 1, tf.where(here, parents, own), found.write(i, tf.where(here, ids, end_token))

        found = tf.TensorArray("int32", steps, element_shape=[None, None])
        found = tf.while_loop(lambda i, *_: i < steps, step, [tf.constant(0), own, found])[2]
        traced = tf.reverse(found.stack(), [0])
        if not four_inputs:
            return traced
        ended = tf.cumsum(tf.cast(tf.equal(traced, end_token), "int32"), axis=0, exclusive=True) > 0
        return tf.where(ended, end_token, traced)

    ids = tf.TensorSpec([None, None, None], "int32")
    if four_inputs:
        return tf.function(
            trace, input_signature=[ids, ids, tf.TensorSpec([None], "int32"), tf.TensorSpec([], "int32")]
        )
    lengths = tf.TensorSpec([None, None], "int32")
    return tf.function(lambda a, b, c: trace(a, b, c, -1), input_signature=[ids, ids, lengths])


# By operation and number of its inputs.
GONE: dict[tuple[str, int], Callable[[], Any]] = {
    ("GatherTree", 3): lambda: _gather_tree(four_inputs=False),
    ("GatherTree", 4): lambda: _gather_tree(four_inputs=True),
}
NAMES = {name for name, _ in GONE}
