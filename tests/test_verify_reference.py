"""What the proof compares with: the original, its weights, recordings; and how numbers are compared."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from by_hand import Builder, check, keras_network, report_of, set_weights, small_network, v1
from keras import layers

from porter.errors import UsageError
from porter.read.model import Knob
from porter.verify.compare import Tolerance, compare
from porter.verify.inputs import read_inputs, settings
from porter.verify.prove import prove
from porter.verify.reference import Reference, Refused


@pytest.fixture(scope="module")
def network():
    return small_network()


# --- The reference ------------------------------------------------------------------------------------------


def test_knobs_are_fed_their_values():
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 2], name="x")
        training = v1.placeholder("bool", [], name="training")
        tf.identity(v1.cond(training, lambda: x * 2.0, lambda: x * 3.0), name="z")
    knob = Knob("training:0", "training", False, True, "feeds a cond")
    x = np.ones((1, 2), "float32")
    with Reference(b.original(["x:0"], ["z:0"], [knob])) as reference:
        assert (reference.run({"x:0": x})["z:0"] == 3).all()
        assert (reference.run({"x:0": x}, training=True)["z:0"] == 2).all()


def test_a_v1_loop_runs_in_both_precisions():
    b = Builder()
    v1.disable_control_flow_v2()
    with v1.Graph().as_default() as b.graph:
        x = v1.placeholder("float32", [None, 2], name="x")
        w = b.weight("w", 2)
        array = tf.TensorArray("float32", 3)
        step = lambda i, h, a: (i + 1, tf.tanh(h * w), a.write(i, h))  # noqa: E731
        _, h, array = tf.while_loop(lambda i, *_: i < 3, step, (0, x, array))
        tf.add(h, array.read(1), name="z")
    assert any(node.op == "Enter" for node in b.graph.as_graph_def().node)
    x = np.linspace(-1, 1, 6, dtype="float32").reshape(3, 2)
    with Reference(b.original(["x:0"], ["z:0"])) as reference:
        single, double = (reference.run({"x:0": x}, precision=p)["z:0"] for p in ("float32", "float64"))
    h = x.astype("float64")
    first = np.tanh(h * b.arrays["w"])
    want = np.tanh(np.tanh(first * b.arrays["w"]) * b.arrays["w"]) + first
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(single, want, rtol=1e-5)
    np.testing.assert_allclose(double, want, rtol=1e-7)


def test_channels_first_runs_on_the_cpu():
    b, last = Builder(), Builder()
    for builder, form in ((b, "NCHW"), (last, "NHWC")):
        with builder.graph.as_default():
            x = v1.placeholder("float32", [None, 3, 9, 8] if form == "NCHW" else [None, 9, 8, 3], name="x")
            long = lambda value, form=form: [1, 1, *value] if form == "NCHW" else [1, *value, 1]  # noqa: E731
            y = v1.nn.conv2d(x, builder.weight("w", 3, 2, 3, 4), long((2, 1)), "SAME", data_format=form)
            y = tf.nn.bias_add(y, builder.weight("b", 4), data_format=form)
            gamma, mean = builder.weight("g", 4), builder.weight("m", 4)
            variance = builder.weight("v", 4, positive=True)
            y = v1.nn.fused_batch_norm(y, gamma, mean, mean, variance, data_format=form, is_training=False)[0]
            y = v1.nn.max_pool(y, long((3, 1)), long((1, 2)), "VALID", data_format=form)
            v1.nn.avg_pool(y, long((1, 2)), long((1, 1)), "SAME", data_format=form, name="z")
    x = np.random.default_rng(1).normal(size=(2, 9, 8, 3)).astype("float32")
    with Reference(b.original(["x:0"], ["z:0"])) as one, Reference(last.original(["x:0"], ["z:0"])) as other:
        for precision in ("float32", "float64"):
            got = one.run({"x:0": x.transpose(0, 3, 1, 2)}, precision=precision)["z:0"]
            want = other.run({"x:0": x}, precision=precision)["z:0"]
            np.testing.assert_array_equal(got.transpose(0, 2, 3, 1), want)


def test_float64_shows_the_rounding():
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 64], name="x")
        tf.matmul(tf.matmul(x, b.weight("w", 64, 64)), b.weight("u", 64, 2), name="z")
    x = np.random.default_rng(0).normal(size=(3, 64)).astype("float32")
    with Reference(b.original(["x:0"], ["z:0"])) as reference:
        single, double = (reference.run({"x:0": x}, precision=p)["z:0"] for p in ("float32", "float64"))
    want = x.astype("float64") @ b.arrays["w"] @ b.arrays["u"].astype("float64")
    assert 0 < np.abs(single - double).max() < 1e-3
    np.testing.assert_allclose(double, want, rtol=1e-12, atol=1e-12)


def test_inputs_that_the_original_refuses():
    b = Builder()
    with b.graph.as_default():
        tf.identity(v1.placeholder("float32", [None, 2], name="x"), name="z")
    with Reference(b.original(["x:0"], ["z:0"])) as reference, pytest.raises(Refused):
        reference.run({"x:0": np.ones((1, 3), "float32")})


def test_an_open_reference_is_used_and_stays_open(network):
    original, arrays = network
    with Reference(original) as reference:
        assert check(original, keras_network(arrays), (1, 3), reference=reference)[1].proved
        reference.run({"x:0": np.zeros((1, 8, 8, 3), "float32")})


def test_an_output_may_occur_twice_but_not_with_two_values():
    b = Builder()
    with b.graph.as_default():
        tf.add(v1.placeholder("float32", [None, 2], name="x"), 1.0, name="z")
    x = keras.Input((2,), name="x")
    original = b.original(["x:0"], ["z:0", "z:0"])
    assert check(original, keras.Model(x, [x + 1.0, x + 1.0]), (3,))[0][3] == "passed"
    assert check(original, keras.Model(x, [x + 2.0, x + 1.0]), (3,))[0][3] == "failed"


def test_an_output_may_be_an_input_or_depend_on_none():
    b = Builder()
    with b.graph.as_default():
        v1.placeholder("float32", [None, 2], name="x")
        tf.constant([1.0, 2.0], name="c")
    x = keras.Input((2,), name="x")
    original = b.original(["x:0"], ["x:0", "c:0"])

    class Constant(layers.Layer):
        def call(self, _):
            return keras.ops.convert_to_tensor([1.0, 2.0])

    statuses, proof = check(original, keras.Model(x, [layers.Identity()(x), Constant()(x)]))
    assert statuses == {1: "passed", 3: "passed", 4: "passed"}, proof.to_dict()


def test_outputs_drawn_at_random_are_undecided():
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 2], name="x")
        tf.add(x, tf.random.normal([2]), name="z")
        tf.add(x, 1.0, name="y")
    x = keras.Input((2,), name="x")
    statuses, proof = check(b.original(["x:0"], ["z:0", "y:0"]), keras.Model(x, [x + 0.5, x + 1.0]), (3,))
    assert statuses[3] == "skipped"
    assert "at random" in proof.levels[0].reason
    assert proof.levels[0].outputs["y:0"]["ok"]


# --- Weights ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("w", ""),
        ("w:0, transposed (1, 0)", "differs"),
        ("w, transposed (1, 0), transposed (1, 0)", ""),
        ("u", "is not in the original"),
        ("b", "has shape"),
        (0, "is not 0 everywhere"),
    ],
)
def test_sources_of_weights(source, fault):
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 3], name="x")
        tf.add(tf.matmul(x, b.weight("w", 3, 3)), b.weight("b", 3), name="z")
    x = keras.Input((3,), name="x")
    model = set_weights(keras.Model(x, layers.Dense(3, name="d")(x)), {"d": [b.arrays["w"], b.arrays["b"]]})
    more = {
        "layers": [{"name": "d", "weights": {"kernel": source, "bias": "b"}}],
        "weights": {"copied": ["w", "b"], "left": []},
    }
    statuses, proof = check(b.original(["x:0"], ["z:0"]), model, (0,), more)
    assert statuses[0] == ("failed" if fault else "passed"), proof.levels[0].reason
    assert fault in proof.levels[0].reason


def test_every_weight_has_a_source_and_every_variable_an_account():
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 3], name="x")
        tf.matmul(x, b.weight("w", 3, 3), name="z")
        b.weight("adam", 3)
    x = keras.Input((3,), name="x")
    model = set_weights(keras.Model(x, layers.Dense(3, use_bias=False, name="d")(x)), {"d": [b.arrays["w"]]})

    def reason(sources, copied, left):
        more = {"layers": [{"name": "d", "weights": sources}], "weights": {"copied": copied, "left": left}}
        return check(b.original(["x:0"], ["z:0"]), model, (0,), more)[1].levels[0]

    left = [{"name": "adam", "why": "optimizer state"}]
    assert reason({"kernel": "w"}, ["w"], left).status == "passed"
    assert "adam is in the checkpoint, but neither" in reason({"kernel": "w"}, ["w"], []).reason
    assert "without a reason" in reason({"kernel": "w"}, ["w"], [{"name": "adam", "why": ""}]).reason
    assert "d/kernel has no source" in reason({}, ["w"], left).reason
    assert "no layer holds it" in reason({"kernel": "w"}, ["w", "adam"], []).reason
    assert "does not count as copied" in reason({"kernel": "w"}, [], [*left, {"name": "w", "why": "no"}]).reason


# --- Comparing ----------------------------------------------------------------------------------------------


def test_the_scale_is_the_spread():
    want = np.float32([1000.0, 1010.0])
    assert compare(want + np.float32([0, 1e-2]), want).clause == "tolerance"  # rtol of the size allows this much
    near_zero = np.float32([0.0, 1e-4, 1.0])
    assert compare(near_zero + np.float32(5e-6), near_zero).clause == "tolerance"
    off = compare(near_zero + np.float32([0, 5e-5, 0]), near_zero)
    assert not off.ok
    assert off.index == (1,)
    assert off.share == pytest.approx(1 / 3)
    assert off.relative == pytest.approx(5e-5, rel=1e-2)


@pytest.mark.parametrize(
    ("got", "want", "why"),
    [
        ([1.0, np.nan], [np.nan, 1.0], "NaN"),
        ([1.0, 2.0], [1.0, np.nan], "NaN"),
        ([1.0, np.inf], [1.0, -np.inf], "NaN"),
        ([1.0, np.nan], [1.0, 2.0], "NaN"),
        ([[1.0, 2.0]], [1.0, 2.0], "shape"),
        ([1, 2], [1.0, 2.0], "dtype"),
        ([True, False], [1, 0], "dtype"),
        ([1, 3], [1, 2], "50 %"),
        ([True, False], [True, True], "50 %"),
    ],
)
def test_differences(got, want, why):
    found = compare(np.array(got), np.array(want))
    assert not found.ok
    assert why in found.why


def test_equal_specials_pass():
    values = np.float32([np.nan, np.inf, -np.inf, 1.0])
    assert compare(values, values).clause == "exact"
    assert compare(np.zeros((0, 3), "float32"), np.zeros((0, 3), "float32")).ok


def test_rounding_is_allowed_eight_times_but_not_in_tolerance_mode():
    want = np.float32([0.0, 1.0])
    truth = want.astype("float64") + np.array([0.0, 2e-5])
    off = want + np.float32([1e-4, 0])
    assert not compare(off, want).ok
    assert compare(off, want, exact_run=truth).clause == "rounding"
    assert not compare(want + np.float32([2e-4, 0]), want, exact_run=truth).ok
    assert not compare(off, want, Tolerance(1e-5, rounding=False), exact_run=truth).ok
    assert compare(off, want, Tolerance(1e-3, rounding=False)).clause == "tolerance"


def test_agreement_within_a_huge_rounding_decides_nothing():
    want = np.float32([0.0, 1.0])
    found = compare(np.float32([0.3, 1.0]), want, exact_run=np.array([0.5, 1.0]))
    assert found.clause == "undecided"
    assert not found.decided


def test_a_narrower_type_only_where_the_backend_has_no_other():
    want = np.array([1, 2], "int64")
    assert not compare(want.astype("int32"), want).ok
    assert compare(want.astype("int32"), want, Tolerance(narrow=True)).ok
    assert not compare(want.astype("int32"), want.astype("float64"), Tolerance(narrow=True)).ok


def test_tolerance_mode(network):
    original, arrays = network
    nudged = keras_network({**arrays, "dense/bias": arrays["dense/bias"] + np.float32([1e-3, 0, 0, 0, 0, 0])})
    assert check(original, nudged, (3,))[0][3] == "failed"
    statuses, proof = check(original, nudged, (3,), tolerance=1e-2)
    assert statuses[3] == "passed"
    assert proof.to_dict()["tolerance"] == {"rtol": 1e-2, "rounding": False}


# --- Recordings, and fresh processes ------------------------------------------------------------------------


def test_a_recording_stands_in_for_the_original(network, tmp_path):
    original, arrays = network
    x = np.random.default_rng(0).normal(size=(3, 8, 8, 3)).astype("float32")
    with Reference(original) as reference:
        z = reference.run({"x:0": x})["z:0"]
    good, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    np.savez(good, **{"in:x:0": x, "out:z:0": z, "in:keep_prob:0": 1.0})
    np.savez(bad, **{"in:x:0": x, "out:z:0": z + np.float32(1e-3)})
    model = keras_network(arrays)
    report = report_of(model, ["x:0"], ["z:0"])
    proofs = [prove(None, model, report, levels=(1, 3, 4), reference_npz=path) for path in (good, bad)]
    assert [level.status for level in proofs[0].levels] == ["passed"] * 3
    assert proofs[1].levels[1].status == "failed"
    alone = prove(None, model, report, levels=(1, 3))
    assert alone.levels[1].status == "skipped"
    np.savez(bad, **{"in:y:0": x, "out:z:0": z})
    with pytest.raises(UsageError, match="feeds no x:0"):
        prove(None, model, report, levels=(3,), reference_npz=bad)


MODEL_PY = """
import keras
from pathlib import Path

def build_model():
    x = keras.Input((4,), name="x")
    return keras.Model(x, keras.layers.Dense(2, activation="tanh", name="d")(x))

def load_model():
    model = build_model()
    model.load_weights(Path(__file__).with_name("model.weights.h5"))
    return model
"""


def test_fresh_processes(tmp_path):
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 4], name="x")
        tf.tanh(tf.matmul(x, b.weight("w", 4, 2)) + b.weight("b", 2), name="z")
    names = {}
    exec(MODEL_PY.replace("__file__", "'.'"), names)
    model = set_weights(names["build_model"](), {"d": [b.arrays["w"], b.arrays["b"]]})
    Path(tmp_path / "model.py").write_text(MODEL_PY)
    model.save(tmp_path / "model.keras")
    set_weights(model, {"d": [b.arrays["w"], b.arrays["b"] + np.float32(1e-3)]}).save_weights(
        tmp_path / "model.weights.h5"
    )
    report = report_of(model, ["x:0"], ["z:0"])
    original = b.original(["x:0"], ["z:0"])
    proof = prove(original, model, report, tmp_path, levels=(7,), backends=["jax"])
    assert proof.levels[0].status == "failed"
    assert "model.py" in proof.levels[0].reason
    assert "Dense d: bias holds other numbers in model.keras than in model.weights.h5" in proof.levels[0].reason
    assert "(jax, model.keras" not in proof.levels[0].reason
    set_weights(model, {"d": [b.arrays["w"], b.arrays["b"]]}).save_weights(tmp_path / "model.weights.h5")
    proof = prove(original, model, report, tmp_path, levels=(2, 7), backends=["jax"])
    assert [level.status for level in proof.levels] == ["skipped", "passed"]


def test_unknown_levels_and_backends():
    with pytest.raises(UsageError, match="no level 9"):
        prove(None, None, {}, levels=(9,))
    with pytest.raises(UsageError, match="no backend theano"):
        prove(None, None, {}, backends=["theano"])


def test_lists_of_features_are_as_long_as_what_their_values_are_reshaped_to():
    with tf.Graph().as_default() as graph:
        values = tf.compat.v1.placeholder(tf.float32, [None, None], "values")
        tf.reshape(values, [-1, 5, 1])
    shaped = [{"tensor": name, "shape": [None, None], "dtype": "float32"} for name in ("places:0", "values:0")]
    inputs = read_inputs({"inputs": shaped}, graph, lambda name: values if name == "values:0" else None)
    tried = [tuple(setting.shape(given, 2) for given in inputs) for setting in settings(inputs)]
    assert ((2, 5), (2, 5)) in tried[:5]
