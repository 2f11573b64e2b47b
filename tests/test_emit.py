"""What is written: names, blocks, shared layers, parameters, inputs and outputs, layers for sizes known at run time."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest
from lab import convert, proved, source_of

from porter.emit.names import LayerNames, Names, snake
from porter.errors import Unsupported
from porter.graph import Node


def vectors(tf, name="x", width=4):
    return tf.placeholder(tf.float32, [None, width], name)


def images(tf):
    return tf.placeholder(tf.float32, [None, 16, 16, 3], "x")


# --- Inputs and outputs ----------------------------------------------------------------------------------------


def test_an_output_that_is_an_input():
    conversion = proved(
        lambda tf: (tf.placeholder_with_default(tf.zeros([2, 3]), [None, 3], "x") * 1.0, vectors(tf, "y"))
    )
    assert len(conversion.model.outputs) == 2
    conversion = proved(lambda tf: [(x := vectors(tf)), tf.nn.relu(x)])
    assert "layers.Identity()" in conversion.source


def test_an_output_twice():
    def build(tf):
        y = tf.nn.relu(vectors(tf))
        return y, y, tf.tanh(y)

    conversion = proved(build)
    assert len(conversion.model.outputs) == 3
    assert conversion.source.count("ReLU") == 1


def test_outputs_of_one_operation():
    def build(tf):
        mean, variance = tf.nn.moments(vectors(tf), [1])
        return variance, mean

    assert [row["tensor"] for row in proved(build).emitted.outputs][0].startswith("moments/")


def test_an_output_that_depends_on_weights_alone():
    def build(tf):
        w = tf.get_variable("embeddings", [5, 4])
        return tf.matmul(vectors(tf), w, transpose_b=True), tf.nn.l2_normalize(w, 1)

    conversion = proved(build)
    assert "Parameter" in conversion.classes


def test_outputs_that_depend_on_no_input_are_refused():
    source, outputs = source_of(lambda tf: tf.get_variable("w", [5, 4]) * 2.0)
    with pytest.raises(Unsupported, match="depend on no input") as raised:
        convert(source, outputs)
    assert "--outputs" in raised.value.todo


def test_an_output_that_is_a_size():
    conversion = proved(lambda tf: [(x := vectors(tf)) * 2.0, tf.shape(x)])
    assert str(conversion.model.outputs[1].dtype) == "int32"


def test_inputs_without_a_batch():
    def build(tf):
        number, matrix = tf.placeholder(tf.float32, [], "number"), tf.placeholder(tf.float32, [3, 4], "matrix")
        return tf.reduce_sum(matrix * number)

    conversion = proved(build)
    assert 'keras.Input(batch_shape=(), name="number")' in conversion.source
    assert 'keras.Input(batch_shape=(3, 4), name="matrix")' in conversion.source


def test_inputs_of_other_types():
    def build(tf):
        i, d = tf.placeholder(tf.int64, [None, 3], "i"), tf.placeholder(tf.float64, [None, 3], "d")
        b = tf.placeholder(tf.bool, [None, 3], "b")
        return tf.where(b, d, tf.cast(i, tf.float64))

    conversion = proved(build)
    assert sorted(each.dtype for each in conversion.model.inputs) == ["bool", "float64", "int64"]


def test_several_inputs_come_in_order():
    conversion = proved(lambda tf: vectors(tf, "b") - vectors(tf, "a"))
    assert [row["tensor"] for row in conversion.emitted.inputs] == ["b:0", "a:0"]
    assert isinstance(conversion.model.input, list)


# --- Names -----------------------------------------------------------------------------------------------------

AWKWARD = [
    "class", "x", "keras", "layers", "ops", "np", "math", "Path", "model", "build_model", "max", "float", "tuple", "1st",
    "a.b-c", "A", "add", "mean", "inputs", "Input", "None", "MinMaxNormalization", "__", "zip",
]  # fmt: skip


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_names(name):
    """As a placeholder's, a layer's, an operation's and an output's name, in a model that has a bit of everything."""
    if name[0] == "_":
        name = f"n{name}"

    def build(tf):
        x = tf.placeholder(tf.float32, [None, 4], name)
        other = vectors(tf, f"{name}_1")
        y = tf.add(tf.layers.dense(x, 4, name=f"scope/{name}"), other, name=f"scope2/{name}")
        low = tf.reduce_min(y, 1, keepdims=True)
        y = (y - low) / (tf.reduce_max(y - low, 1, keepdims=True) + 1e-3)
        y = tf.tile(tf.reduce_mean(y, 1, keepdims=True), [1, tf.maximum(tf.shape(y)[1], 4)]) + 1.0 / tf.sqrt(2.0)
        y = tf.maximum(tf.reduce_sum(y, 0, keepdims=True) * 0.0 + y, -1e9)
        return tf.identity(y, name=f"scope3/{name}")

    conversion = proved(build)
    compile(conversion.source, "model.py", "exec")


def test_layers_do_not_take_names_that_keras_gives():
    def build(tf):
        x = tf.placeholder(tf.float32, [None, 8, 8, 3], "add")
        x = tf.layers.max_pooling2d(tf.add(x, tf.sigmoid(x)), 2, 2)
        return tf.layers.conv2d(x, 4, 3, name="max_pooling2d_1")

    conversion = proved(build)
    assert [layer.name for layer in conversion.model.layers if layer.weights] == ["max_pooling2d_1_layer"]
    assert conversion.emitted.inputs[0]["keras"] == "add_input"


def test_names_of_layers():
    node = Node("a", "layers.MaxPooling2D", [], {})
    other = Node("b", "layers.Conv2D", [], {"weights": {"kernel": None}})
    names = LayerNames([node, other])
    assert names.unique("conv2d") == "conv2d"
    assert names.unique("conv2d") == "conv2d_2"
    assert names.unique("max_pooling2d") == "max_pooling2d_layer"
    assert names.unique("max_pooling2d_7") == "max_pooling2d_7_layer"


def test_names_are_handed_out_once():
    names = Names({"y"})
    assert [names.unique("y"), names.unique("y"), names.unique("z")] == ["y_2", "y_3", "z"]


@pytest.mark.parametrize("kind", ["Conv2D", "ReLU", "MaxPooling2D", "Conv2DTranspose", "UpSampling1D", "LSTM", "PReLU"])
def test_snake_is_how_keras_names_layers(kind):
    from keras.src.utils.naming import to_snake_case

    assert snake(kind) == to_snake_case(kind)


def test_every_name_that_keras_gave_is_one_that_it_was_expected_to_give():
    """Operations and layers that have no name in the source got one that `LayerNames` keeps free."""

    def build(tf):
        x = tf.nn.relu(tf.layers.max_pooling2d(images(tf), 2, 2))
        y = tf.abs(x[:, 0]) - tf.exp(-x[:, 1])
        z = tf.concat([y, tf.square(y), y * y + 1.0], -1)
        return tf.reduce_max(tf.nn.softmax(z), 1), tf.cast(tf.argmax(z, 1), tf.float32), tf.reduce_mean(z), tf.sqrt(y)

    conversion = proved(build)
    expected = LayerNames(conversion.graph.ordered()).given
    written = set(re.findall(r'name="(\w+)"', conversion.source))
    for operation in conversion.model.operations:
        if operation.name not in written:
            assert re.sub(r"_\d+$", "", operation.name) in expected


# --- Layers and parameters -------------------------------------------------------------------------------------


def test_a_layer_used_twice_is_one_layer():
    def build(tf):
        def tower(x):
            with tf.variable_scope("tower", reuse=tf.AUTO_REUSE):
                return tf.layers.dense(tf.layers.dense(x, 5, tf.nn.relu, name="one"), 3, name="two")

        return tf.abs(tower(vectors(tf, "left")) - tower(vectors(tf, "right")))

    conversion = proved(build)
    assert len([layer for layer in conversion.model.layers if layer.weights]) == 2
    assert conversion.source.count("layers.Dense(") == 2
    assert conversion.model.count_params() == 4 * 5 + 5 + 5 * 3 + 3


def test_one_variable_in_two_kinds_of_layers():
    """Tied weights: the kernel of one and, transposed, of the other; each has its own copy."""

    def build(tf):
        w = tf.get_variable("w", [4, 5])
        return tf.matmul(tf.nn.relu(tf.matmul(vectors(tf), w)), w, transpose_b=True)

    proved(build)


def test_a_large_constant_is_a_parameter_and_a_small_one_stands_in_the_source():
    small, large = np.arange(4, dtype="float32"), np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    conversion = proved(lambda tf: vectors(tf)[:, tf.newaxis] * small + large)
    assert 'np.array([0.0, 1.0, 2.0, 3.0], "float32")' in conversion.source
    assert conversion.classes.count("Parameter") == 1


def test_a_variable_by_itself_is_a_parameter():
    conversion = proved(lambda tf: tf.nn.relu(vectors(tf) + tf.get_variable("shift", [4])) ** 2.0)
    assert conversion.classes.count("Parameter") == 1
    assert conversion.emitted.layers[0]["weights"] == {"value": "shift"}
    assert conversion.model.trainable_weights


def test_zeros_times_a_weight_are_no_parameter():
    """What a hand-written cell does in its first step."""

    def build(tf):
        x, weight, state = vectors(tf), tf.get_variable("u", [4, 4]), tf.zeros([1, 4])
        for _ in range(2):
            state = tf.sin(x + tf.matmul(state, weight))
        return state

    conversion = proved(build)
    assert "Parameter" not in conversion.classes
    assert conversion.classes.count("Dense") == 1


def test_numbers_in_the_source():
    conversion = proved(lambda tf: (tf.tanh(vectors(tf)) * 0.1 + 1e-3) / 3.0 - 1e-12)
    assert "* 0.1 + 0.001" in conversion.source
    assert "1e-12" in conversion.source


def test_weights_are_bound_by_variable_not_by_order():
    """Two layers of one shape, made in the other order than they are called in."""

    def build(tf):
        x = vectors(tf)
        with tf.variable_scope("second"):
            w2 = tf.get_variable("w", [4, 4])
        with tf.variable_scope("first"):
            w1 = tf.get_variable("w", [4, 4])
        return tf.matmul(tf.nn.relu(tf.matmul(x, w1)), w2)

    conversion = proved(build)
    assert [row["weights"].get("kernel") for row in conversion.emitted.layers if row["weights"]] == [
        "first/w",
        "second/w",
    ]


def test_saved_and_loaded(tmp_path):
    """model.keras and model.weights.h5 give the same model; custom layers come with their config."""

    def build(tf):
        x = tf.layers.dense(vectors(tf), 6)
        shifted = x - tf.reduce_min(x, 1, keepdims=True)
        x = shifted / (tf.reduce_max(shifted, 1, keepdims=True) + 1e-3)
        return tf.tile(x, [1, tf.shape(x)[1]]) * tf.get_variable("scale", [36])

    conversion = proved(build)
    batch = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    answer = np.asarray(conversion.model(batch))
    conversion.model.save(tmp_path / "model.keras")
    archived = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(archived(batch)), answer)
    again = keras.Model.from_config(conversion.model.get_config())
    again.set_weights(conversion.model.get_weights())
    np.testing.assert_array_equal(np.asarray(again(batch)), answer)
