"""The proof: what is right passes, and each way of being slightly wrong is caught."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from porter.errors import UsageError
from porter.read.model import Knob, Original, Variable
from porter.verify.compare import Tolerance, compare
from porter.verify.inputs import Input, Setting, draw, read_inputs, settings
from porter.verify.prove import prove
from porter.verify.reference import Reference, Refused

v1 = tf.compat.v1
CHECKED = (0, 1, 3, 4)


class Builder:
    """Builds an `Original` by hand: weights are placeholders, as reading leaves them."""

    def __init__(self, seed=0):
        self.graph, self.random, self.arrays = tf.Graph(), np.random.default_rng(seed), {}

    def weight(self, name, *shape, positive=False):
        array = self.random.normal(size=shape).astype("float32")
        self.arrays[name] = np.abs(array) + 0.1 if positive else array
        return v1.placeholder("float32", shape, name=name)

    def original(self, inputs, outputs, knobs=()):
        variables = {name: Variable(name, name, array.shape, "float32") for name, array in self.arrays.items()}
        stored = {name: (array.shape, "float32") for name, array in self.arrays.items()}
        return Original(
            source=SimpleNamespace(stored=stored),
            graph_def=self.graph.as_graph_def(),
            inputs=inputs,
            outputs=outputs,
            knobs=list(knobs),
            variables=variables,
            load=self.arrays.__getitem__,
        )


def report_of(model, inputs, outputs, **more):
    def items(tensors, names):
        return [
            {"tensor": name, "keras": tensor.name, "shape": list(tensor.shape), "dtype": tensor.dtype}
            for tensor, name in zip(tensors, names, strict=True)
        ]

    return {
        "inputs": items(model.inputs, inputs),
        "outputs": items(keras.tree.flatten(model.outputs), outputs),
        "layers": [],
        "weights": {"copied": [], "left": []},
        **more,
    }


def check(original, model, levels=(1, 3, 4), more=None, **options):
    """Prove, and give the statuses by level with the proof."""
    report = report_of(model, original.inputs, original.outputs, **(more or {}))
    proof = prove(original, model, report, levels=levels, **options)
    return {level.level: level.status for level in proof.levels}, proof


def set_weights(model, arrays):
    """Give each layer its arrays, by layer name."""
    for name, values in arrays.items():
        model.get_layer(name).set_weights(values)
    return model


# --- A network of convolution, batch normalisation and dense ------------------------------------------------


@pytest.fixture(scope="module")
def network():
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 8, 8, 3], name="x")
        y = tf.nn.conv2d(x, b.weight("conv/kernel", 2, 2, 3, 6), strides=2, padding="SAME")
        y = tf.nn.bias_add(y, b.weight("conv/bias", 6))
        y = v1.nn.fused_batch_norm(
            y,
            b.weight("bn/gamma", 6),
            b.weight("bn/beta", 6),
            b.weight("bn/mean", 6),
            b.weight("bn/variance", 6, positive=True),
            epsilon=1e-3,
            is_training=False,
        )[0]
        y = tf.nn.relu(y)
        y = tf.reduce_mean(y, [1, 2])
        y = tf.matmul(y, b.weight("dense/kernel", 6, 6)) + b.weight("dense/bias", 6)
        tf.nn.softmax(y, name="z")
    return b.original(["x:0"], ["z:0"]), b.arrays


def keras_network(arrays, *, epsilon=1e-3, padding="same", activation="relu", axis=-1, swap=False, transpose=False):
    x = keras.Input((8, 8, 3), name="x")
    y = layers.Conv2D(6, 2, strides=2, padding=padding, name="conv")(x)
    y = layers.BatchNormalization(epsilon=epsilon, name="bn")(y)
    y = layers.Activation(activation, name="act")(y)
    y = layers.GlobalAveragePooling2D(name="pool")(y)
    y = layers.Dense(6, name="dense")(y)
    model = keras.Model(x, layers.Softmax(axis=axis, name="z")(y))
    gamma, beta = arrays["bn/gamma"], arrays["bn/beta"]
    kernel = arrays["dense/kernel"]
    return set_weights(
        model,
        {
            "conv": [arrays["conv/kernel"], arrays["conv/bias"]],
            "bn": [*((beta, gamma) if swap else (gamma, beta)), arrays["bn/mean"], arrays["bn/variance"]],
            "dense": [kernel.T if transpose else kernel, arrays["dense/bias"]],
        },
    )


SOURCES = [
    {"name": "conv", "weights": {"kernel": "conv/kernel", "bias": "conv/bias:0"}},
    {
        "name": "bn",
        "weights": {
            "gamma": "bn/gamma",
            "beta": "bn/beta",
            "moving_mean": "bn/mean",
            "moving_variance": "bn/variance",
        },
    },
    {"name": "dense", "weights": {"kernel": "dense/kernel", "bias": "dense/bias"}},
]


def test_what_is_right_passes(network):
    original, arrays = network
    more = {"layers": SOURCES, "weights": {"copied": list(arrays), "left": []}}
    statuses, proof = check(original, keras_network(arrays), CHECKED, more)
    assert statuses == dict.fromkeys(CHECKED, "passed"), proof.to_dict()
    assert proof.verdict == "proved"
    assert proof.complete
    found = proof.levels[2]
    assert found.batch_sizes == [1, 2, 3, 7]
    assert found.kinds == ["normal", "uniform", "constant", "large", "small"]
    assert found.outputs["z:0"]["relative"] < 1e-5


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": 1e-2},
        {"swap": True},
        {"transpose": True},
        {"activation": "linear"},
        {"activation": "elu"},
    ],
    ids=str,
)
def test_what_is_wrong_fails(network, wrong):
    original, arrays = network
    statuses, proof = check(original, keras_network(arrays, **wrong), (3,))
    assert statuses[3] == "failed"
    assert "z:0" in proof.levels[0].reason
    assert "of the elements" in proof.levels[0].reason
    assert 0 < proof.levels[0].outputs["z:0"]["share"] <= 1


@pytest.mark.parametrize(("factor", "status"), [(1, "passed"), (10, "failed")])
def test_the_smallest_epsilon_of_tensorflow_1s_fused_kernel(factor, status):
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 8, 8, 3], name="x")
        mean, variance = b.weight("mean", 3), b.weight("variance", 3, positive=True)
        ones, zeros = tf.ones([3]), tf.zeros([3])
        v1.nn.fused_batch_norm(x, ones, zeros, mean, variance, epsilon=1.001e-5, is_training=False, name="z")
    x = keras.Input((8, 8, 3), name="x")
    model = keras.Model(x, layers.BatchNormalization(epsilon=1.001e-5 * factor, center=False, scale=False, name="n")(x))
    set_weights(model, {"n": [b.arrays["mean"], b.arrays["variance"]]})
    assert check(b.original(["x:0"], ["z:0"]), model, (3,))[0][3] == status


def test_a_slight_error_in_one_weight_is_caught(network):
    original, arrays = network
    nudged = {**arrays, "conv/bias": arrays["conv/bias"] + np.float32([0, 0, 1e-3, 0, 0, 0])}
    assert check(original, keras_network(nudged), (3,))[0][3] == "failed"
    more = {"layers": SOURCES, "weights": {"copied": list(arrays), "left": []}}
    statuses, proof = check(original, keras_network(nudged), (0,), more)
    assert statuses[0] == "failed"
    assert "conv/bias" in proof.levels[0].reason


# --- Padding, axes, groups: equal shapes, other numbers -----------------------------------------------------


@pytest.mark.parametrize(("padding", "status"), [("SAME", "passed"), ("VALID", "failed")])
def test_same_for_valid_at_equal_shape(padding, status):
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 9, 9, 2], name="x")
        pad = [[0, 0], [0, 1], [0, 1], [0, 0]] if padding == "VALID" else [[0, 0]] * 4
        tf.nn.conv2d(tf.pad(x, pad), b.weight("w", 2, 2, 2, 4), 1, padding if padding == "SAME" else "VALID", name="z")
    x = keras.Input((9, 9, 2), name="x")
    # SAME pads an even kernel at the end; padding in front instead gives the same shape.
    if padding == "SAME":
        y = layers.Conv2D(4, 2, padding="same", use_bias=False, name="c")(x)
    else:
        y = layers.Conv2D(4, 2, use_bias=False, name="c")(layers.ZeroPadding2D(((1, 0), (1, 0)))(x))
    model = set_weights(keras.Model(x, y), {"c": [b.arrays["w"]]})
    assert check(b.original(["x:0"], ["z:0"]), model)[0][3] == status


@pytest.mark.parametrize(("padding", "status"), [("valid", "passed"), ("same", "failed")])
def test_padding_of_a_strided_convolution(padding, status):
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 9, 9, 2], name="x")
        tf.nn.conv2d(x, b.weight("w", 4, 4, 2, 4), 3, "VALID", name="z")
    x = keras.Input((9, 9, 2), name="x")
    y = x if padding == "valid" else layers.ZeroPadding2D(1)(x)
    model = set_weights(
        keras.Model(x, layers.Conv2D(4, 4, strides=3, use_bias=False, name="c")(y)), {"c": [b.arrays["w"]]}
    )
    statuses, _ = check(b.original(["x:0"], ["z:0"]), model)
    assert statuses[3] == status


@pytest.fixture(scope="module")
def group_norm():
    """Group normalisation with two groups and an epsilon of 1e-6, as written by hand."""
    b = Builder()
    with b.graph.as_default():
        x = v1.placeholder("float32", [None, 6, 6, 8], name="x")
        y = tf.reshape(x, [-1, 6, 6, 2, 4])
        mean, variance = tf.nn.moments(y, [1, 2, 4], keepdims=True)
        y = tf.reshape((y - mean) * tf.math.rsqrt(variance + 1e-6), [-1, 6, 6, 8])
        tf.add(y * b.weight("gamma", 8), b.weight("beta", 8), name="z")
    return b.original(["x:0"], ["z:0"]), b.arrays


@pytest.mark.parametrize(
    ("groups", "epsilon", "status"),
    [(2, 1e-6, "passed"), (4, 1e-6, "failed"), (2, 1e-5, "failed"), (1, 1e-6, "failed")],
)
def test_groups(group_norm, groups, epsilon, status):
    original, arrays = group_norm
    x = keras.Input((6, 6, 8), name="x")
    model = keras.Model(x, layers.GroupNormalization(groups, epsilon=epsilon, name="n")(x))
    set_weights(model, {"n": [arrays["gamma"], arrays["beta"]]})
    statuses, proof = check(original, model)
    assert statuses[3] == status, proof.to_dict()


@pytest.mark.parametrize(("axis", "status"), [(1, "passed"), (2, "failed")])
def test_axis(axis, status):
    b = Builder()
    with b.graph.as_default():
        tf.nn.softmax(v1.placeholder("float32", [None, 5, 5], name="x"), axis=1, name="z")
    x = keras.Input((5, 5), name="x")
    assert check(b.original(["x:0"], ["z:0"]), keras.Model(x, layers.Softmax(axis)(x)))[0][3] == status


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


def test_strings_are_a_skip_with_the_reason():
    b = Builder()
    with b.graph.as_default():
        tf.strings.length(v1.placeholder("string", [None], name="x"), name="z")
    x = keras.Input((), dtype="string", name="x")
    report = report_of(SimpleNamespace(inputs=[x], outputs=[x]), ["x:0"], ["z:0"])
    proof = prove(b.original(["x:0"], ["z:0"]), keras.Model(x, layers.Identity()(x)), report, levels=(3,))
    assert proof.levels[0].status == "skipped"
    assert "string" in proof.levels[0].reason


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
