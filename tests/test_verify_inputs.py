"""What the proof feeds: batches, kinds of inputs, shapes and types."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from by_hand import Builder, check, report_of, set_weights, v1
from keras import layers

from porter.verify.inputs import Input, Setting, draw
from porter.verify.prove import prove

# --- Shapes and dtypes --------------------------------------------------------------------------------------


def test_shapes_are_checked_with_unknown_rows_and_columns():
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, None, None, 3], name="x")
        tf.nn.max_pool2d(x, 2, 2, "SAME", name="z")
    original = b.original(["x:0"], ["z:0"])
    x = keras.Input((None, None, 3), name="x")
    right, proof = check(original, keras.Model(x, layers.MaxPooling2D(padding="same")(x)))
    assert right == {1: "passed", 3: "passed", 4: "passed"}, proof.to_dict()
    b = Builder()
    with b.graph.as_default():  # equal at even sizes, not at uneven ones
        x = v1.placeholder("float32", [None, 7, 7, 3], name="x")
        tf.nn.max_pool2d(x, 2, 2, "SAME", name="z")
    x = keras.Input((7, 7, 3), name="x")
    wrong, proof = check(b.original(["x:0"], ["z:0"]), keras.Model(x, layers.MaxPooling2D()(x)))
    assert wrong[1] == "failed"
    assert "[1, 3, 3, 3] instead of [1, 4, 4, 3]" in proof.levels[0].reason


def test_dtypes_are_checked():
    b = Builder()
    with b.graph.as_default():
        tf.argmax(v1.placeholder("float32", [None, 5], name="x"), 1, name="z")
    original = b.original(["x:0"], ["z:0"])
    x = keras.Input((5,), name="x")
    narrow = keras.ops.argmax(x, axis=-1)
    assert check(original, keras.Model(x, narrow))[0][1] == "failed"
    wide = keras.ops.cast(narrow, "int64")
    assert check(original, keras.Model(x, wide))[0] == {1: "passed", 3: "passed", 4: "passed"}


def test_a_model_that_raises_fails():
    b = Builder()
    with b.graph.as_default():
        tf.identity(v1.placeholder("float32", [None, 4], name="x"), name="z")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.ops.reshape(keras.ops.reshape(x, (2, 4)), (-1, 4)))
    statuses, proof = check(b.original(["x:0"], ["z:0"]), model, (3,))
    assert statuses[3] == "failed"
    assert "raises" in proof.levels[0].reason


def test_a_batch_that_was_fixed_on_the_way_fails():
    b = Builder()
    with b.graph.as_default():
        tf.identity(v1.placeholder("float32", [None, 4], name="x"), name="z")
    x = keras.Input((4,), batch_size=2, name="x")
    statuses, proof = check(b.original(["x:0"], ["z:0"]), keras.Model(x, layers.Activation("linear")(x)))
    assert statuses == {1: "failed", 3: "passed", 4: "passed"}
    assert "takes any" in proof.levels[0].reason


# --- Batches ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def min_max():
    """Min-max over the whole batch, which couples its samples."""
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 6], name="x")
        low = x - tf.reduce_min(x, keepdims=True)
        tf.divide(low, tf.reduce_max(low, keepdims=True), name="z")
    return b.original(["x:0"], ["z:0"])


def keras_min_max(axis):
    x = keras.Input((6,), name="x")
    low = x - keras.ops.min(x, axis=axis, keepdims=True)
    return keras.Model(x, low / keras.ops.max(low, axis=axis, keepdims=True))


BATCH_SAFE = {"changes": [{"kind": "batch-safe", "layer": "n", "outputs": ["z:0"], "why": "min over the batch"}]}


def test_batch_safe_is_proved_one_sample_at_a_time(min_max):
    safe, proof = check(min_max, keras_min_max((1,)), more=BATCH_SAFE)
    assert safe == {1: "passed", 3: "passed", 4: "passed"}, proof.to_dict()
    assert any("rounding" in note or "NaN" in note for note in proof.levels[1].notes) or proof.levels[1].kinds
    undeclared, _ = check(min_max, keras_min_max((1,)))
    assert undeclared[3] == "failed"


def test_coupling_that_was_to_go_is_caught(min_max):
    coupled, proof = check(min_max, keras_min_max((0, 1)), more=BATCH_SAFE)
    assert coupled[4] == "failed"
    assert coupled[3] == "failed"
    assert "changes sample" in next(level.reason for level in proof.levels if level.level == 4)


def test_exact_keeps_coupling_and_says_so(min_max):
    kept, proof = check(min_max, keras_min_max((0, 1)), more=BATCH_SAFE, exact=True)
    assert kept == {1: "passed", 3: "passed", 4: "passed"}
    assert any("as they do in the original" in note for note in proof.levels[2].notes)


def test_coupling_that_the_original_has_not_is_caught():
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 6], name="x")
        tf.subtract(x, tf.reduce_mean(x, 1, keepdims=True), name="z")
    x = keras.Input((6,), name="x")
    model = keras.Model(x, x - keras.ops.mean(x, axis=0, keepdims=True))
    for exact in (False, True):
        assert check(b.original(["x:0"], ["z:0"]), model, (4,), exact=exact)[0][4] == "failed"


def test_a_batch_written_into_the_graph_is_found():
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 4], name="x")
        tf.reshape(tf.reshape(x, [5, 2, 2]), [5, 4], name="z")
    x = keras.Input((4,), name="x")
    statuses, proof = check(b.original(["x:0"], ["z:0"]), keras.Model(x, layers.Activation("linear")(x)))
    assert statuses == {1: "passed", 3: "passed", 4: "passed"}
    assert proof.levels[1].batch_sizes == [5]


def test_time_major():
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, None, 3], name="x")  # time, batch, features
        tf.cumsum(x, 0, name="z")
    x = keras.Input(batch_shape=(None, None, 3), name="x")
    statuses, proof = check(b.original(["x:0"], ["z:0"]), keras.Model(x, keras.ops.cumsum(x, axis=0)))
    assert statuses == {1: "passed", 3: "passed", 4: "passed"}
    assert any("second axis" in note for note in proof.levels[2].notes)


def test_one_sample_only_is_no_proof_of_independence():
    b = Builder()
    with b.graph.as_default():
        tf.identity(v1.placeholder("float32", [1, 4], name="x"), name="z")
    x = keras.Input(batch_shape=(1, 4), name="x")
    statuses, proof = check(b.original(["x:0"], ["z:0"]), keras.Model(x, layers.Activation("linear")(x)))
    assert statuses == {1: "passed", 3: "passed", 4: "skipped"}
    assert proof.complete


# --- Inputs -------------------------------------------------------------------------------------------------


def test_integers_stay_within_their_table():
    b = Builder()
    with b.graph.as_default():
        ids = v1.placeholder("int32", [None, None], name="ids")
        table = b.weight("table", 4, 3)
        tf.gather(table, tf.reshape(ids, [-1]), axis=0, name="z")
    original = b.original(["ids:0"], ["z:0"])
    x = keras.Input((None,), dtype="int32", name="ids")
    model = keras.Model(x, layers.Embedding(4, 3, name="e")(keras.ops.reshape(x, (-1,))))
    set_weights(model, {"e": [b.arrays["table"]]})
    statuses, proof = check(original, model, (3,))
    assert statuses[3] == "passed", proof.to_dict()


def test_inputs_are_seeded_and_of_all_kinds():
    inputs = [
        Input("x:0", (None, None, 3), "float32"),
        Input("n:0", (None,), "int64", bound=3),
        Input("b:0", (), "bool"),
    ]
    first, again = (draw(inputs, Setting(), "normal", 3, seed=4) for _ in range(2))
    assert {name: array.shape for name, array in first.items()} == {"x:0": (3, 20, 3), "n:0": (3,), "b:0": ()}
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["x:0"], draw(inputs, Setting(), "normal", 3, seed=5)["x:0"])
    assert (draw(inputs, Setting(), "large", 3, seed=4)["n:0"] == 2).all()
    assert np.ptp(draw(inputs, Setting(), "constant", 3, seed=4)["x:0"]) == 0


def test_no_admissible_input_is_a_skip_with_the_reason():
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 4], name="x")
        bad = v1.debugging.assert_greater(tf.reduce_min(x), 1e9, message="too small")
        with tf.control_dependencies([bad]):
            tf.identity(x, name="z")
    x = keras.Input((4,), name="x")
    statuses, proof = check(b.original(["x:0"], ["z:0"]), keras.Model(x, layers.Activation("linear")(x)))
    assert set(statuses.values()) == {"skipped"}
    assert "too small" in proof.levels[1].reason
    assert proof.verdict == "unproved"


def test_what_no_values_can_be_made_up_for_is_a_skip_with_the_reason():
    b = Builder()
    with b.graph.as_default():
        v1.decode_raw(v1.placeholder("string", [None], name="x"), "float32", name="z")
    x = keras.Input((), dtype="string", name="x")
    report = report_of(SimpleNamespace(inputs=[x], outputs=[x]), ["x:0"], ["z:0"])
    report["inputs"][0]["dtype"] = "variant"
    proof = prove(b.original(["x:0"], ["z:0"]), keras.Model(x, layers.Identity()(x)), report, levels=(3,))
    assert proof.levels[0].status == "skipped"
    assert "variant" in proof.levels[0].reason
