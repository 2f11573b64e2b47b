"""What is found in small graphs: knobs, training, shapes, loops, calls; and errors for people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from graphs import frozen, run, trained, v1, variable, weight

from porter.errors import PorterError, UnreadableSource, Unsupported, UsageError
from porter.read import inspect, make_original, open_source
from porter.read.model import Source


def test_a_rate_and_a_keep_prob_are_told_apart_without_names(graph):
    x = v1.placeholder(tf.float32, [None, 4], "x")
    one, two = v1.placeholder(tf.float32, name="a"), v1.placeholder_with_default(0.3, [], "b")
    noise = tf.random.uniform(tf.shape(x))
    kept = x / one * tf.floor(one + noise)
    y = tf.identity(kept / (1 - two) * tf.cast(noise >= two, tf.float32), "y")
    a, b = frozen(graph, outputs=[y.name]).knobs
    assert (a.kind, a.inference, a.training, a.guessed) == ("keep_prob", 1.0, 0.5, True)
    assert (b.kind, b.inference, round(b.training, 3), b.guessed) == ("rate", 0.0, 0.3, False)


def test_several_keep_probs_may_be_fed_as_one_vector(graph):
    x, keeps = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [None], "keeps")
    y = x
    for keep in (keeps[0], keeps[1], keeps[-1]):
        y = y / keep * tf.floor(keep + tf.random.uniform(tf.shape(x)))
    y = tf.identity(y, "y")
    original = frozen(graph, outputs=[y.name])
    (knob,) = original.knobs
    assert (knob.tensor, knob.kind, knob.guessed) == ("keeps:0", "keep_prob", True)
    assert (knob.inference.tolist(), knob.training.tolist()) == ([1.0, 1.0], [0.5, 0.5])
    assert original.inputs == ["x:0"]
    (knob,) = frozen(graph, outputs=[y.name], freeze={"keeps": [0.75, 0.25]}).knobs
    assert (knob.training.tolist(), knob.guessed) == ([0.75, 0.25], False)
    with pytest.raises(UsageError, match="keeps"):
        frozen(graph, outputs=[y.name], freeze={"keeps": [0.5] * 3})
    v1.multiply(x[:, :2], keeps, name="weighted")
    assert frozen(graph, outputs=["weighted:0"]).inputs == ["x:0", "keeps:0"]


def test_branches_that_only_pass_on_tell_training_by_what_they_are_given(graph):
    x, knob = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.bool, [], "a")
    hidden = tf.matmul(x, weight(4, 3))
    other = dropped(hidden)
    y = tf.identity(v1.cond(knob, lambda: other, lambda: hidden), "y")
    (found,) = frozen(graph, outputs=[y.name]).knobs
    assert (found.kind, found.inference, found.training) == ("training", False, True)


def test_a_random_choice_that_drops_nothing_is_no_knob(graph):
    x, chance = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.float32, [], "chance")
    y = tf.where(tf.random.uniform(tf.shape(x)) < chance, x, 2 * x, name="y")
    original = frozen(graph, outputs=[y.name])
    assert not original.knobs
    assert original.inputs == ["x:0", "chance:0"]


def dropped(x, rate=0.5):
    return x / (1 - rate) * tf.floor(1 - rate + tf.random.uniform(tf.shape(x)))


@pytest.mark.parametrize(
    ("dtype", "predicate", "inference", "training"),
    [
        (tf.bool, lambda t: t, False, True),
        (tf.bool, lambda t: tf.logical_not(t), True, False),
        (tf.int32, lambda t: tf.equal(t, 1), 0, 1),
        (tf.int32, lambda t: tf.not_equal(t, 2), 2, 1),
        (tf.string, lambda t: tf.equal(t, "train"), b"", b"train"),
    ],
)
def test_the_training_side_is_found_by_what_it_computes(graph, dtype, predicate, inference, training):
    x, knob = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(dtype, [], "knob")
    hidden = tf.matmul(x, weight(4, 3))
    y = tf.identity(v1.cond(predicate(knob), lambda: dropped(hidden), lambda: hidden), "y")
    (found,) = frozen(graph, outputs=[y.name]).knobs
    assert found.kind == "training"
    assert found.inference == inference
    if dtype != tf.int32:
        assert found.training == training
    assert found.why


def test_moving_statistics_betray_the_training_side(graph):
    x, knob = v1.placeholder(tf.float32, [None, 4], "x"), v1.placeholder(tf.bool, [], "switch")
    mean = variable("mean", 4, trainable=False)
    batch = tf.reduce_mean(x, [0])

    def update():
        with tf.control_dependencies([v1.assign(mean, 0.9 * mean + 0.1 * batch)]):
            return tf.identity(batch)

    used = v1.cond(knob, update, lambda: tf.identity(mean))
    y = tf.subtract(x * variable("scale", 4), used, "y")
    original = trained(graph, [y.op.name])
    assert [(k.kind, k.inference) for k in original.knobs] == [("training", False)]
    assert original.variables["mean"].momentum == 0.9
    assert not original.variables["mean"].trainable


@pytest.mark.parametrize(
    "assignment",
    [
        lambda v, new: v1.assign_sub(v, (v - new) * 0.25),
        lambda v, new: v1.assign_sub(v, 0.25 * (v - new)),
        lambda v, new: v1.assign(v, v * 0.75 + new * 0.25),
        lambda v, new: v1.assign(v, new * (1 - 0.75) + 0.75 * v),
        lambda v, new: v1.assign(v, v - (v - new) * 0.25),
        lambda v, new: v1.assign_add(v, (new - v) / 4),
    ],
)
def test_momentum_however_it_is_written(graph, assignment):
    x = v1.placeholder(tf.float32, [None, 4], "x")
    average = variable("average", 4, trainable=False)
    assignment(average, tf.reduce_mean(x, [0]))
    y = tf.multiply(x - average, variable("scale", 4), "y")
    assert trained(graph, [y.op.name]).variables["average"].momentum == 0.75
    assert trained(graph, [y.op.name]).variables["scale"].momentum is None


def test_a_number_that_comes_out_of_a_decoder_can_be_frozen(graph):
    sound, rate = tf.audio.decode_wav(v1.placeholder(tf.string, [], "file"), desired_channels=1, desired_samples=80)
    y = tf.matmul(tf.reshape(sound, [1, 80]), weight(80, 3)) / tf.cast(rate, tf.float32)
    original = frozen(graph, outputs=[y.name], freeze={rate.name: 8})
    assert original.inputs == [sound.name]
    assert [(knob.tensor, knob.kind, knob.inference) for knob in original.knobs] == [(rate.name, "frozen", 8)]
    got = run(original, {f"in:{sound.name}": np.ones((80, 1), np.float32)})[y.name]
    assert np.allclose(got, np.ones(80) @ np.random.default_rng(0).normal(size=(80, 3)) / 8, rtol=1e-4, atol=1e-5)


def test_a_variable_that_is_not_stored_is_named(graph):
    x = v1.placeholder(tf.float32, [None, 4], "x")
    y = tf.matmul(x, variable("kernel", 4, 2), name="y")
    source = Source(Path("model"), "checkpoint", [], graph.as_graph_def(), stored={"dense/kernel": ((4, 2), "float32")})
    with pytest.raises(UnreadableSource, match="not in the checkpoint") as caught:
        make_original(source, outputs=[y.op.name])
    assert "dense/kernel" in caught.value.why


@pytest.mark.parametrize(
    ("consume", "shape"),
    [
        (lambda x: tf.matmul(x, weight(5, 3)), (None, 5)),
        (lambda x: tf.matmul(tf.nn.relu(x) * 2.0, weight(5, 3)), (None, 5)),
        (lambda x: tf.nn.conv2d(x, weight(3, 3, 2, 4), 1, "SAME"), (None, None, None, 2)),
        (lambda x: tf.reshape(x, [-1, 6, 6, 1]), (None, 6, 6, 1)),
        (lambda x: tf.transpose(tf.matmul(x, weight(5, 3))), (None, 5)),
        (lambda x: tf.matmul(tf.reduce_mean(x, [1, 2]), weight(5, 3)), (None, None, None, None)),
        (lambda x: tf.reduce_max(x, [1, 2]), (None, None, None, None)),
        (lambda x: tf.reduce_any(x > 0, 1), (None, None)),
        (lambda x: x * weight(1) + weight(1), (None,)),
        (lambda x: tf.sigmoid(x * weight() + weight()), (None,)),
        (lambda x: x * weight(5), (None, 5)),
        (lambda x: tf.matmul(weight(2, 3), weight(3, 2)) / x, ()),
    ],
)
def test_an_unknown_shape_follows_from_its_consumer(graph, consume, shape):
    x = v1.placeholder(tf.float32, name="x")
    y = tf.identity(consume(x), "y")
    source = Source(Path("graph.pb"), "frozen graph", [], graph.as_graph_def())
    told = inspect(source, make_original(source, outputs=[y.name]))
    assert tuple(told["inputs"][0]["shape"]) == shape


def test_a_shape_that_nothing_tells_is_asked_for(graph):
    x = v1.placeholder(tf.float32, name="x")
    y = tf.nn.relu(x, name="y")
    with pytest.raises(Unsupported) as caught:
        frozen(graph, outputs=[y.name])
    assert "--shape x=" in caught.value.todo
    original = frozen(graph, outputs=[y.name], shapes={"x": (None, 7)})
    assert [d.size for d in original.graph_def.node[0].attr["shape"].shape.dim] == [-1, 7]
    with pytest.raises(UsageError):
        frozen(graph, outputs=[y.name], shapes={"y": (None, 7)})


def test_operations_that_are_gone_are_all_named(graph):
    x = v1.placeholder(tf.float32, [None, 4], "x")
    y = tf.identity(tf.nn.relu(tf.identity(x, "one"), "two"), "y")
    definition = graph.as_graph_def()
    for node in definition.node:
        if node.name in ("one", "two"):
            node.op = f"Contrib{node.name.title()}"
    source = Source(Path("graph.pb"), "frozen graph", [], definition)
    with pytest.raises(Unsupported, match="ContribOne, ContribTwo") as caught:
        make_original(source, outputs=[y.name])
    assert "one (ContribOne)" in caught.value.where
    cut = make_original(source, outputs=[y.name], inputs=["two"], shapes={"two": (None, 4)})
    assert cut.inputs == ["two:0"]


def test_loops_keep_what_tells_their_constants_when_to_run(graph):
    x = v1.placeholder(tf.float32, [None, 4], "x")
    kernel = variable("kernel", 4, 4)
    _, y = v1.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.tanh(tf.matmul(h, kernel)) + 1.0), [0, x])
    original = trained(graph, [y.op.name])
    assert list(original.variables) == ["kernel"]
    value = np.full((2, 4), 0.5, "float32")
    want = value
    for _ in range(3):
        want = np.tanh(want @ np.ones((4, 4), "float32")) + 1
    assert np.allclose(run(original, {"in:x:0": value})[y.name], want, atol=1e-5)


def test_function_calls_are_inlined():
    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def inner(x):
        return tf.nn.relu(x) + 1.0, x * 2.0

    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None, 3], "x")
        one, two = inner(x)
        definition = graph.as_graph_def()
    call = next(node.name for node in definition.node if node.op.endswith("PartitionedCall"))
    source = Source(Path("graph.pb"), "frozen graph", [], definition)
    original = make_original(source, outputs=[f"{call}:0", f"{call}:1"])
    assert original.outputs == [f"{call}:0", f"{call}:1"]
    assert not original.graph_def.library.function
    assert not [node for node in original.graph_def.node if node.op.endswith("Call")]
    value = np.array([[-1.0, 0.0, 2.0]], "float32")
    got = run(original, {"in:x:0": value})
    assert np.allclose(got[f"{call}:0"], np.maximum(value, 0) + 1)
    assert np.allclose(got[f"{call}:1"], value * 2)


def test_errors_of_reading_are_for_people(tmp_path):
    with pytest.raises(PorterError) as caught:
        open_source(tmp_path / "nothing")
    text = str(caught.value)
    assert text.splitlines()[0].endswith(".")
    assert "do: " in text
