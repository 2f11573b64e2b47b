"""Keras files: what is read out of them, what is refused, and that nothing in them is run."""

from __future__ import annotations

import base64
import json
import marshal
import pickle
import re
from functools import partial

import numpy as np
import pytest
from keras_files import drawn, layer, sequential, write_file

from porter.errors import UnreadableSource, Unsupported, UsageError
from porter.options import Options
from porter.read import open_source
from porter.read.keras_file import open_keras_file
from porter.read.keras_file.byte_code import names_in
from porter.stages import open_original


@pytest.fixture
def write(tmp_path):
    return partial(write_file, tmp_path / "model.h5")


def dense_weights(name="d", rows=4, columns=2):
    return {
        name: [(f"{name}/kernel:0", np.ones((rows, columns), "f")), (f"{name}/bias:0", np.arange(columns, dtype="f"))]
    }


def test_weights_keep_the_names_of_the_file(write):
    source = open_source(write(sequential(layer("Dense", name="d", units=2)), dense_weights()))
    assert source.format == "Keras HDF5"
    assert source.stored == {"d/kernel": ((4, 2), "float32"), "d/bias": ((2,), "float32")}
    np.testing.assert_array_equal(source.load("d/bias"), [0, 1])
    assert [*source.signatures[0].outputs] == ["d"]


def test_layers_that_are_not_known_are_named_together(write):
    config = sequential(layer("Wobble", name="w"), layer("Custom>Other", name="o"), layer("Dense", name="d", units=2))
    with pytest.raises(Unsupported, match="Wobble") as caught:
        open_source(write(config))
    assert "Custom>Other" in str(caught.value)
    assert "--into" in caught.value.todo


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('the file was run')",)


@pytest.mark.parametrize(
    "entry",
    [
        layer("Lambda", name="l", function=[pickle.dumps(Bomb()).decode("latin1"), None, None], function_type="lambda"),
        layer("Lambda", name="l", function="system", function_type="function", module="os"),
        layer("TFOpLambda", name="l", function="io.write_file"),
        layer("TFOpLambda", name="l", function="compat.v1.py_func"),
        layer("TFOpLambda", name="l", function="io.gfile.rmtree"),
        {"module": "os", "class_name": "system", "config": {"name": "l", "command": "true"}, "registered_name": None},
        layer("Dense", name="l", units=2, activation="os>system"),
        layer("Dense", name="l", units=2, activation={"class_name": "function", "config": "system", "module": "os"}),
        layer("BatchNormalization", name="l", renorm=True),
        layer("BatchNormalization", name="l", virtual_batch_size=4),
        layer("Dense", name="l", unitz=2),
    ],
)  # fmt: skip
def test_what_is_refused_by_name(write, entry):
    with pytest.raises(Unsupported, match="layer l") as caught:
        open_source(write(sequential(entry)))
    assert caught.value.where == "l"


def test_layers_that_wait_for_each_other_do_not_hang(write):
    entries = [
        {**layer("InputLayer", name="x", batch_input_shape=[None, 4]), "inbound_nodes": []},
        {**layer("Add", name="a"), "inbound_nodes": [[["x", 0, 0], ["b", 0, 0]]]},
        {**layer("ReLU", name="b"), "inbound_nodes": [[["a", 0, 0]]]},
    ]
    for entry in entries:
        entry["name"] = entry["config"]["name"]
    config = {"name": "m", "layers": entries, "input_layers": [["x", 0, 0]], "output_layers": [["b", 0, 0]]}
    with pytest.raises(Unsupported, match="any order"):
        open_source(write({"class_name": "Model", "config": config}))


def test_weights_that_do_not_fit(write):
    with pytest.raises(UnreadableSource, match="do not fit") as caught:
        open_source(write(sequential(layer("Dense", name="d", units=2)), dense_weights(rows=5)))
    assert "(5, 2)" in caught.value.why
    with pytest.raises(UnreadableSource, match="no weights for d"):
        open_source(write(sequential(layer("Dense", name="d", units=2))))


def test_weights_alone_are_no_model(write):
    with pytest.raises(UnreadableSource, match="weights alone") as caught:
        open_source(write(None, dense_weights()))
    assert "--into" in caught.value.todo


def test_theano_turned_its_kernels(write):
    kernel = np.arange(9, dtype="f").reshape(3, 3, 1, 1)
    config = sequential(layer("Conv2D", name="c", filters=1, kernel_size=[3, 3], use_bias=False), shape=(None, 5, 5, 1))
    source = open_source(write(config, {"c": [("c/kernel:0", kernel)]}, backend="theano"))
    (name,) = source.stored
    np.testing.assert_array_equal(source.load(name), kernel[::-1, ::-1])
    assert any("rearranged" in warning for warning in source.warnings)


def test_keras_1(write):
    """Version 1 had other words, Theano's order of axes, and four kernels where there is one now."""
    config = sequential(
        layer("Convolution2D", name="c", nb_filter=2, nb_row=3, nb_col=2, border_mode="valid", subsample=[1, 1],
              dim_ordering="th", activation="relu", bias=True, init="glorot_uniform", W_regularizer=None),
        layer("MaxPooling2D", name="p", pool_size=[2, 2], strides=[2, 2], border_mode="valid", dim_ordering="th"),
        layer("Dropout", name="o", p=0.4),
        layer("Reshape", name="r", target_shape=[4, 3]),
        layer("LSTM", name="l", output_dim=2, init="glorot_uniform", inner_init="orthogonal", forget_bias_init="one",
              activation="tanh", inner_activation="hard_sigmoid", dropout_W=0.0, dropout_U=0.0, consume_less="cpu",
              return_sequences=False, go_backwards=False, stateful=False, unroll=False, input_dim=3, input_length=4),
        shape=(None, 1, 8, 5),
    )  # fmt: skip
    gates = [(f"l_{kind}_{gate}", np.full(shape, place, "f")) for place, gate in enumerate("icfo")
             for kind, shape in (("W", (3, 2)), ("U", (2, 2)), ("b", (2,)))]  # fmt: skip
    kernel = np.arange(12, dtype="f").reshape(2, 1, 3, 2)
    weights = {"c": [("c_W", kernel), ("c_b", np.zeros(2, "f"))], "l": gates}
    source = open_source(write(config, weights, version="1.2.2"))
    arrays = {name.rsplit("/", 1)[-1]: source.load(name) for name in source.stored if name.startswith("l/")}
    np.testing.assert_array_equal(arrays["bias"], [0, 0, 2, 2, 1, 1, 3, 3])  # i, f, c, o
    (conv,) = (name for name, (shape, _) in source.stored.items() if len(shape) == 4)
    np.testing.assert_array_equal(source.load(conv)[:, :, 0, 1], kernel[1, 0])


def test_older_spellings(write):
    """A Sequential model as a list inside a wrapper, and a number of numpy's with its type beside it."""
    inner = {
        "class_name": "Sequential",
        "config": sequential(layer("Dense", name="d", units=2), shape=(None, 3))["config"]["layers"],
    }
    config = sequential(
        layer("TimeDistributed", name="t", layer=inner),
        layer("ReLU", name="r", max_value={"type": "ndarray", "value": 6.0}),
        shape=(None, 5, 3),
    )
    source = open_source(write(config, {"t": dense_weights(rows=3)["d"]}))
    assert "Relu6" in {node.op for node in source.graph_def.node}
    np.testing.assert_array_equal(source.load("d/bias"), [0, 1])


NET = """
from keras import backend as K
from keras.layers import BatchNormalization, Conv2D, Dense, LSTM, Reshape
from keras.models import Sequential

def build(classes=10):
    model = Sequential()
    model.add(Conv2D(4, (3, 3), activation="relu", input_shape=(8, 8, 3)))
    model.add(BatchNormalization())
    model.add(Reshape((6, 24)))
    model.add(LSTM(5))
    model.add(Dense(classes))
    return model

def unit(x, scale=1.0):
    return scale * K.l2_normalize(x, axis=-1)
"""


def test_weights_go_into_python_source(write, tmp_path):
    """Of layers with other names too, in their order; the recurrent layer's defaults are those of its time."""
    (tmp_path / "net.py").write_text(NET)
    statistics = dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (4,))
    weights = drawn(
        conv2d_7={"kernel": (3, 3, 3, 4), "bias": (4,)}, batch_normalization_3=statistics,
        lstm_2={"kernel": (24, 20), "recurrent_kernel": (5, 20), "bias": (20,)},
        dense_9={"kernel": (5, 3), "bias": (3,)},
    )  # fmt: skip
    path = write(None, weights)
    original = open_original(path, Options(into=f"{tmp_path / 'net.py'}:build(classes=3)"), lambda *_: None)
    assert len(original.variables) == 11
    (dense,) = (node for node, variable in original.variables.items() if variable.shape == (5, 3))
    np.testing.assert_array_equal(original.load(dense), weights["dense_9"][0][1])
    assert [knob.kind for knob in original.knobs] == ["training"]


def test_weights_go_into_an_architecture(write, tmp_path):
    config = sequential(layer("Dense", name="d", units=2))
    (tmp_path / "model.json").write_text(json.dumps({**config, "keras_version": "2.1.6", "backend": "tensorflow"}))
    source = open_source(write(None, dense_weights("other")), into=tmp_path / "model.json")
    np.testing.assert_array_equal(source.load("other/bias"), [0, 1])
    (tmp_path / "model.json").write_text("[]")
    with pytest.raises(UnreadableSource, match="does not describe"):
        open_source(write(None, dense_weights()), into=tmp_path / "model.json")


def test_functions_of_lambda_layers_are_named(write, tmp_path):
    (tmp_path / "net.py").write_text(NET)
    code = layer("Lambda", name="l", function=["nothing to be run", None, None], arguments={"scale": 2.5})
    path = write(sequential(layer("Dense", name="d", units=3), code), dense_weights(columns=3))
    original = open_original(path, Options(functions={"l": f"{tmp_path / 'net.py'}:unit"}), lambda *_: None)
    assert "Rsqrt" in {node.op for node in original.graph_def.node}
    np.testing.assert_array_equal(original.load("d/bias"), [0, 1, 2])
    assert original.source.executed["file"].endswith("net.py:unit")


@pytest.mark.parametrize("layer_name", ["d", "nowhere"])
def test_functions_of_other_layers(write, layer_name):
    with pytest.raises(UsageError, match=f"No layer {layer_name} needs"):
        open_keras_file(write(sequential(layer("Dense", name="d", units=2)), dense_weights()), None, {layer_name: abs})


def test_a_saved_model_of_tensorflow_2(tmp_path):
    """Its signature has no order and other names for its tensors; the file with Keras' own words has the order."""
    import tf_keras

    x = tf_keras.Input((4,), name="x")
    hidden = tf_keras.layers.Dropout(0.5)(tf_keras.layers.Dense(3, name="a")(x))
    model = tf_keras.Model(x, [tf_keras.layers.Dense(2, name="z")(hidden), hidden * 2.0])
    model.compile("sgd", "mse")
    model.save(tmp_path / "saved", save_format="tf")
    original = open_original(tmp_path / "saved", Options(), lambda *_: None)
    assert original.inputs == ["x:0"]
    assert original.outputs == ["z:0", "tf.math.multiply:0"]
    arrays = {variable.shape: original.load(node) for node, variable in original.variables.items()}
    np.testing.assert_array_equal(arrays[4, 3], model.layers[1].get_weights()[0])
    assert any("inference" in warning for warning in original.warnings)
    assert {why for _, why in original.left} <= {"describes the checkpoint's objects", "optimizer state",
                                                 "a metric's state, or the checkpoint's own"}  # fmt: skip


def test_one_function_for_many_layers(write):
    code = [layer("Lambda", name=f"block{i}", function="elsewhere", arguments={}) for i in range(3)]
    source = open_keras_file(write(sequential(*code)), None, {"block*": abs})
    assert [node.op for node in source.graph_def.node].count("Abs") == 3


def test_a_lambda_is_recognised_by_the_names_in_its_code(write):
    """They are looked for, not unmarshalled: other bytes give none."""
    code = marshal.dumps(
        compile("lambda tensor: K.l2_normalize(tensor, axis=-1) / 255.0", "net.py", "eval").co_consts[0]
    )
    for text in (base64.b64encode(code).decode(), code.decode("latin1")):
        entry = layer("Lambda", name="l", function=[text, None, None], function_type="lambda")
        with pytest.raises(Unsupported) as caught:
            open_source(write(sequential(entry)))
        assert "whose code names" in caught.value.where
        assert {"K", "l2_normalize", "tensor", "axis"} <= set(re.findall(r"\w+", caught.value.where))
    for other in ("@@@", "", "AAAA", "\xfa\xff", None, [], {"config": 1}):
        assert names_in([other]) == names_in(other) == []
