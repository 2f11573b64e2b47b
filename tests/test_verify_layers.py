"""Level 2: the layer that is wrong is named, with what it comes from, and the change that makes it agree."""

import re

import keras
import lab
import numpy as np
import pytest

from porter.errors import PorterError
from porter.report import digest
from porter.verify import prove
from porter.verify.overrides import read_overrides
from porter.verify.placing import calls, place


def faulty(conversion, old, new):
    """The model of the generated source with `old` replaced by `new`, with the weights of the right one."""
    assert old in conversion.source, conversion.source
    scope = {"__name__": "converted"}
    exec(compile(conversion.source.replace(old, new), "model.py", "exec"), scope)
    model = scope["build_model"]()
    arrays = {weight.path: keras.ops.convert_to_numpy(weight) for weight in conversion.model.weights}
    for weight in model.weights:
        if weight.path in arrays and tuple(weight.shape) == arrays[weight.path].shape:
            weight.assign(arrays[weight.path])
    return model


def layer_by_layer(conversion, model, **options):
    proof = prove(
        conversion.original, model, conversion.report, levels=(2,), exact=conversion.exact,
        reference=conversion.reference, **options,
    )  # fmt: skip
    return proof.levels[0]


@pytest.fixture(scope="module")
def network():
    def build(tf):
        x = tf.placeholder("float32", [None, 8, 8, 4], name="x")
        y = tf.layers.conv2d(x, 4, 3, strides=2, padding="same", name="first")
        y = tf.layers.batch_normalization(y, name="bn")
        y = tf.nn.relu(y, name="positive")
        y = tf.layers.conv2d(y, 4, 3, padding="same", activation=tf.nn.relu, name="second")
        y = tf.nn.softmax(y, axis=1, name="odd")
        y = tf.layers.flatten(y)
        y = tf.layers.dense(y, 6, activation=tf.nn.tanh, name="dense")
        return tf.layers.dense(y, 6, name="square")

    conversion = lab.convert_graph(build)
    yield conversion
    conversion.close()


def test_all_layers_of_a_right_model_agree(network):
    level = layer_by_layer(network, network.model)
    assert level.status == "passed", level.reason
    assert [row["status"] for row in level.layers] == ["agrees"] * len(network.report["layers"])
    assert max(row["relative"] for row in level.layers) < 1e-5


@pytest.mark.parametrize(
    ("old", "new", "layer", "explanation"),
    [
        ('name="bn"', 'epsilon=1e-2, name="bn"', "BatchNormalization bn", "epsilon is 0.001 instead of 0.01"),
        ('strides=2, padding="same"', "strides=2", "Conv2D first", "padding is 'same' instead of 'valid'"),
        (
            'activation="relu", name="second"',
            'name="second"',
            "Conv2D second",
            "activation is 'relu' instead of 'linear'",
        ),
        ('activation="tanh"', 'activation="elu"', "Dense dense", "activation is 'tanh' instead of 'elu'"),
        ('padding="same", activation', 'dilation_rate=2, padding="same", activation', "Conv2D second", "dilation_rate"),
        ("axis=1", "axis=2", "Softmax of odd", "axis is 1 instead of 2"),
        ("layers.ReLU()", "layers.ReLU(max_value=40.0)", "ReLU of positive", "max_value is None instead of 40"),
        ('name="square"', 'use_bias=False, name="square"', "Dense square", "it has the original's bias"),
    ],
)
def test_a_layer_made_otherwise_is_named_and_explained(network, old, new, layer, explanation):
    level = layer_by_layer(network, faulty(network, old, new))
    assert level.status == "failed"
    first = level.reason.splitlines()[0]
    assert first.startswith(layer)
    assert f"It agrees if {explanation}" in first
    assert next(row["title"] for row in level.layers if row["status"] == "differs") == layer


@pytest.mark.parametrize(
    ("layer", "change", "explanation"),
    [
        ("square", lambda w: [w[0].T, w[1]], "kernel is transposed"),
        ("bn", lambda w: [w[1], w[0], *w[2:]], "gamma and beta are swapped"),
        ("bn", lambda w: [*w[:2], w[3], w[2]], "moving_mean and moving_variance are swapped"),
        ("second", lambda w: [w[0][::-1, ::-1], w[1]], "kernel is turned over in space"),
        ("second", lambda w: [w[0].transpose(1, 0, 2, 3), w[1]], "the rows and columns of kernel are swapped"),
        ("square", lambda w: [w[0] * np.float32(1.001), w[1]], "kernel holds what it holds in the original"),
        ("first", lambda w: [w[0], w[1] + np.float32(1e-3)], "bias holds what it holds in the original"),
    ],
)
def test_a_wrong_weight_is_named_and_explained(network, layer, change, explanation):
    model = faulty(network, "keras.Model", "keras.Model")
    held = model.get_layer(layer)
    held.set_weights(change(held.get_weights()))
    level = layer_by_layer(network, model)
    assert level.status == "failed"
    assert f" {layer} (rule" in level.reason
    assert f"It agrees if {explanation}" in level.reason
    assert "converted: mean" in level.reason
    assert len(level.reason.splitlines()) == 1


def test_a_layer_that_is_gone_or_in_between_is_named(network):
    gone = layer_by_layer(network, faulty(network, "layers.ReLU()(x)", "x"))
    assert gone.status == "failed"
    assert "ReLU of positive" in gone.reason
    assert "is not in the model" in gone.reason
    between = layer_by_layer(
        network, faulty(network, "layers.Softmax(axis=1)(x)", "layers.Softmax(axis=1)(layers.ReLU()(x))")
    )
    assert between.status == "failed"
    assert re.search(r"Softmax of odd \(rule .*\) takes the result of re_lu\w*", between.reason)
    assert "which the report does not name" in between.reason


def test_an_operation_in_the_place_of_another_is_named():
    def build(tf):
        x = tf.placeholder("float32", [None, 5, 4], name="x")
        return tf.layers.dense(tf.reduce_max(x, 1, name="highest"), 3, name="out")

    conversion = lab.convert_graph(build)
    highest = "layers.GlobalMaxPooling1D()(inputs)"
    mean = layer_by_layer(conversion, faulty(conversion, highest, "layers.GlobalAveragePooling1D()(inputs)"))
    assert "It agrees if it is GlobalMaxPooling1D instead of GlobalAveragePooling1D" in mean.reason.splitlines()[0]
    level = layer_by_layer(conversion, faulty(conversion, highest, "keras.ops.min(inputs, axis=1)"))
    assert level.status == "failed"
    assert "TensorFlow nodes highest), for which the model has Min, differs" in level.reason
    conversion.close()


def test_inputs_in_another_order_are_told():
    def build(tf):
        one, other = (tf.placeholder("float32", [None, 3], name=name) for name in ("one", "other"))
        return tf.nn.tanh(2.0 * one - other, name="y")

    conversion = lab.convert_graph(build)
    level = layer_by_layer(conversion, faulty(conversion, "Model([one, other]", "Model([other, one]"))
    assert level.status == "failed"
    assert level.reason == "the model takes its inputs in the order other, one; that of the report is one, other"
    conversion.close()


def test_batch_statistics_are_recognised(network):
    bn = 'layers.BatchNormalization(name="bn")(x)'
    level = layer_by_layer(network, faulty(network, bn, bn[:-1] + ", training=True)"))
    assert level.status == "failed"
    assert "It agrees if it is called with training=False" in level.reason


def test_operations_and_shared_layers_are_found():
    def build(tf):
        x, y = (tf.placeholder("float32", [None, 4], name=name) for name in "xy")
        both = [tf.layers.dense(each, 3, activation=tf.nn.relu, reuse=tf.AUTO_REUSE, name="shared") for each in (x, y)]
        distance = tf.abs(both[0] - 2 * both[1], name="distance")
        return tf.reduce_sum(distance * both[0] / (1 + both[1]), 1, name="z")

    conversion = lab.convert_graph(build)
    level = layer_by_layer(conversion, conversion.model)
    assert level.status == "passed", level.reason
    assert all(row["status"] == "agrees" for row in level.layers), level.layers
    placed, faults, notes = place(conversion.model, conversion.report)
    assert len(placed) == len(conversion.report["layers"]) == len(calls(conversion.model))
    assert not faults
    assert not notes
    text = conversion.source
    swapped = re.sub(r"ops\.abs\((.*?) - (.*?)\)", r"ops.abs(\2 - 3.0 * \1)", text)
    assert swapped != text
    level = layer_by_layer(conversion, faulty(conversion, text, swapped))
    assert level.status == "failed"
    conversion.close()


def test_channels_first_is_compared_through_its_transposes():
    def build(tf):
        x = tf.placeholder("float32", [None, 3, 8, 8], name="x")
        y = tf.layers.conv2d(x, 4, 3, data_format="channels_first", name="conv")
        y = tf.nn.relu(y)
        return tf.layers.max_pooling2d(y, 2, 2, data_format="channels_first", name="z")

    conversion = lab.convert_graph(build)
    level = layer_by_layer(conversion, conversion.model)
    assert level.status == "passed", level.reason
    assert any("transposed" in source for row in conversion.report["layers"] for source in row["outputs"])
    assert [row["status"] for row in level.layers] == ["agrees"] * len(level.layers)
    conversion.close()


def test_recurrent_gates_in_another_order():
    units = 3
    inputs = keras.Input((4, 2), name="x")
    layer = keras.layers.LSTM(units, name="lstm")
    model = keras.Model(inputs, layer(inputs))
    from porter.verify.compare import Tolerance
    from porter.verify.diagnose import Suspect, diagnose

    x = np.random.default_rng(0).normal(size=(2, 4, 2)).astype("float32")
    want = keras.ops.convert_to_numpy(model(x))
    weights = layer.get_weights()
    layer.set_weights([np.concatenate(np.split(w, 4, axis=-1)[::-1], axis=-1) for w in weights])
    run = lambda operation, **more: [keras.ops.convert_to_numpy(operation(x, **more))]  # noqa: E731
    told = diagnose(Suspect(layer, run, run(layer), {}), 0, want, Tolerance())
    assert told == "It agrees if its gates stand in the order (3, 2, 1, 0)"
    bias = weights[2] - np.float32([0] * 3 + [1] * 3 + [0] * 6)
    layer.set_weights([*weights[:2], bias])
    told = diagnose(Suspect(layer, run, run(layer), {}), 0, want, Tolerance())
    assert told == "It agrees if +1 is added to the bias of the forget gate"


def test_what_no_change_explains():
    from porter.verify.compare import Tolerance
    from porter.verify.diagnose import Suspect, diagnose

    layer = keras.layers.Dense(3)
    random = np.random.default_rng(0)
    x, want = random.normal(size=(5, 4)).astype("float32"), random.normal(size=(5, 3)).astype("float32")
    run = lambda operation, **more: [keras.ops.convert_to_numpy(operation(x, **more))]  # noqa: E731
    assert diagnose(Suspect(layer, run, run(layer), {}), 0, want, Tolerance()).startswith("None of")


def test_the_two_deviations():
    from porter.verify.compare import Tolerance
    from porter.verify.diagnose import Suspect, diagnose

    class Standardized(keras.layers.Layer):
        def call(self, x):
            return (x - keras.ops.mean(x, 1, keepdims=True)) / keras.ops.std(x, 1, keepdims=True)

    x = np.random.default_rng(0).normal(size=(3, 9)).astype("float32")
    layer = Standardized()
    run = lambda operation, **more: [keras.ops.convert_to_numpy(operation(x, **more))]  # noqa: E731
    want = (x - x.mean(1, keepdims=True)) / x.std(1, ddof=1, keepdims=True)
    told = diagnose(Suspect(layer, run, run(layer), {}), 0, want, Tolerance())
    assert told == "It agrees if the standard deviation is taken with ddof 1 (9 numbers)"


def test_of_cells_in_one_loop_the_wrong_one_is_named():
    """The original shows nothing of what goes from one cell of a loop to the next."""

    def build(tf):
        x = tf.placeholder("float32", [None, 3, 4], name="x")
        cells = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.BasicLSTMCell(4) for _ in range(2)])
        return tf.nn.dynamic_rnn(cells, x, dtype=tf.float32)[0][:, -1]

    conversion = lab.convert_graph(build)
    model = faulty(conversion, "keras.Model", "keras.Model")
    first, second = (layer for layer in model.layers if type(layer).__name__ == "LSTM")
    weights = first.get_weights()
    first.set_weights([np.concatenate([*np.split(w, 4, -1)[:2][::-1], *np.split(w, 4, -1)[2:]], -1) for w in weights])
    level = layer_by_layer(conversion, model)
    assert level.reason.startswith(f"LSTM {first.name} (rule lstm")
    assert "stand in the order (1, 0, 2, 3)" in level.reason.splitlines()[0]
    first.set_weights(weights)
    second.set_weights([w * np.float32(1.01) for w in second.get_weights()])
    level = layer_by_layer(conversion, model)
    assert level.reason.startswith(f"LSTM {second.name} (rule lstm")
    assert "all its weights hold what they hold in the original" in level.reason.splitlines()[0]
    conversion.close()


def test_a_layer_may_be_further_off_for_a_reason(tmp_path):
    def build(tf):
        x = tf.placeholder("float32", [None, 4], name="x")
        return tf.layers.dense(x, 3, name="large") + 1e-4 * tf.layers.dense(x, 3, tf.nn.tanh, name="small")

    conversion = lab.convert_graph(build)
    model = faulty(conversion, "keras.Model", "keras.Model")
    layer = model.get_layer("small")
    right = layer.get_weights()
    layer.set_weights([weights * np.float32(1.0002) for weights in right])
    assert layer_by_layer(conversion, model).status == "failed"
    file = tmp_path / "overrides.toml"
    file.write_text('[[layer]]\nname = "small"\ntolerance = 1e-3\nreason = "rounded weights"\n')
    level = layer_by_layer(conversion, model, overrides=file)
    assert level.status == "passed", level.reason
    assert "small: 0.001 is allowed instead of 1e-05: rounded weights" in level.notes
    granted = [row["override"] for row in level.layers if "override" in row]
    assert granted == [{"tolerance": 0.001, "reason": "rounded weights"}]
    told = digest.overrides({"levels": [level.to_dict()]})
    assert len(told) == 1
    assert told[0].endswith("by itself: 0.001: rounded weights")
    layer.set_weights([weights * np.float32(1.01) for weights in right])
    assert layer_by_layer(conversion, model, overrides=file).status == "failed"  # so far off is not granted
    layer.set_weights(right)
    layer = model.get_layer("large")
    layer.set_weights([weights * np.float32(1.0002) for weights in layer.get_weights()])
    file.write_text(file.read_text().replace("small", "large"))
    proof = prove(
        conversion.original, model, conversion.report, levels=(3,), reference=conversion.reference, overrides=file
    )
    assert proof.failed  # what the model gives has to be right all the same
    conversion.close()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[layer]]\nname = "dense"\ntolerance = 1e-3', "No reason is given why dense"),
        ('[[layer]]\nname = "dense"\ntolerance = 1e-3\nreason = " "', "No reason is given why dense"),
        ('[[layer]]\nname = "dense"\ntolerance = 2\nreason = "r"', "between 0 and 1"),
        ('[[layer]]\nname = "elsewhere"\ntolerance = 1e-3\nreason = "r"', "names no layer"),
        ('[[layer]]\nname = "dense"\nrtol = 1e-3\nreason = "r"', "rtol is no setting"),
        ("layer = 3", "no list of layers"),
        ("[[layer", "cannot be read"),
    ],
)
def test_overrides_that_do_not_fit_are_refused(text, told, tmp_path):
    file = tmp_path / "overrides.toml"
    file.write_text(text)
    with pytest.raises(PorterError, match=told):
        read_overrides(file, {"layers": [{"name": "dense"}]})


def test_bounds_that_no_input_reaches_are_compared():
    conversion = lab.convert_graph(
        lambda tf: tf.clip_by_value(tf.placeholder("float32", [None, 3], "x"), -500.0, 500.0)
    )
    assert layer_by_layer(conversion, conversion.model).status == "passed"
    level = layer_by_layer(conversion, faulty(conversion, "-500.0, 500.0", "-5e4, 5e10"))
    assert level.status == "failed"
    assert level.reason.startswith("ops.clip of ")
    assert "(with larger inputs)" in level.reason
