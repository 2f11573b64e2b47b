"""Levels 5 and 6: training with the same random numbers on both sides, moving averages, gradients, a step."""

import keras
import lab
import numpy as np
import pytest
from test_verify_layers import faulty

from porter.read import make_original
from porter.verify import prove
from porter.verify.graphdef import by_name
from porter.verify.only_in_training import only_in_training
from porter.verify.steps import places
from porter.verify.stopped import stopped


def level(conversion, number, model=None, **options):
    def recut(outputs):
        return make_original(conversion.original.source, inputs=conversion.original.inputs, outputs=outputs)

    proof = prove(
        conversion.original, model or conversion.model, conversion.report, levels=(number,), exact=conversion.exact,
        reference=conversion.reference, recut=recut, **options,
    )  # fmt: skip
    return proof.levels[0]


@pytest.fixture(scope="module")
def network():
    def build(tf):
        x = tf.placeholder("float32", [None, 6, 6, 3], name="x")
        training = tf.placeholder("bool", [], name="training")
        y = tf.layers.conv2d(x, 4, 3, padding="same", name="conv")
        y = tf.layers.batch_normalization(y, momentum=0.9, training=training, name="bn")
        y = tf.nn.relu(y)
        y = tf.layers.flatten(y)
        y = tf.layers.dropout(y, 0.4, training=training)
        y = tf.layers.dense(y, 5, name="hidden")
        y = tf.layers.batch_normalization(y, momentum=0.7, training=training, name="last_bn")
        y = tf.nn.dropout(y, keep_prob=tf.placeholder("float32", [], name="keep_prob"))
        y = tf.layers.dense(y, 2, name="out")
        update = tf.group(*tf.get_collection(tf.GraphKeys.UPDATE_OPS))
        with tf.control_dependencies([update]):
            tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_mean(y))
        return y

    conversion = lab.convert_graph(build)
    yield conversion
    conversion.close()


def test_training_is_the_same(network):
    found = level(network, 5)
    assert found.status == "passed", found.reason
    assert "4 of 4 moving averages" in found.reason
    assert {row["status"] for row in found.layers} == {"agrees"}
    assert "out/BiasAdd:0" in found.outputs
    assert found.outputs["bn/moving_mean after one step"]["ok"]
    # the fused kernel of images takes n / (n - 1) times the variance; that of vectors does not
    assert [note.split(" ")[0] for note in found.notes if "n / (n - 1)" in note] == ["bn/moving_variance"]


def test_the_legacy_form_moves_the_variance_as_the_fused_kernel_did():
    def build(tf):
        x = tf.placeholder("float32", [None, 3, 3, 2], name="x")
        return tf.layers.batch_normalization(x, momentum=0.9, training=tf.placeholder("bool", [], name="training"))

    conversion = lab.convert_graph(build, normalisation="legacy")
    assert conversion.classes == ["LegacyBatchNormalization"]
    found = level(conversion, 5)
    assert found.status == "passed", found.reason
    assert "2 of 2 moving averages" in found.reason
    assert not found.notes
    conversion.close()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("momentum=0.9", "momentum=0.99", "It agrees if momentum is 0.9 instead of 0.99"),
        ("momentum=0.7", "momentum=0.75", "It agrees if momentum is 0.7 instead of 0.75"),
        ("Dropout(0.4)", "Dropout(0.5)", "It agrees if rate is 0.4 instead of 0.5"),
        ("Dropout(0.4)", "Dropout(0.4, noise_shape=(None, 1))", "Dropout"),
        ('momentum=0.9, name="bn"', 'momentum=0.9, trainable=False, name="bn"', "BatchNormalization bn"),
    ],
)
def test_training_that_differs_is_caught(network, old, new, told):
    found = level(network, 5, faulty(network, old, new))
    assert found.status == "failed"
    assert told in found.reason


def test_a_dropout_that_is_gone_is_caught(network):
    gone = faulty(network, "x = layers.Dropout(0.4)(x)", "pass")
    assert level(network, 5, gone).status == "failed"


@pytest.fixture(scope="module")
def loops():
    def build(tf):
        x = tf.placeholder("float32", [None, 3, 4], name="x")
        keep_prob = tf.placeholder("float32", [], name="keep_prob")
        table = tf.random_normal([4, 4], stddev=0.5, seed=1)
        weights = tf.get_variable("weights", initializer=table, use_resource=False)

        def step(index, state, last):  # two dropouts, and a state that is no vector
            state = tf.tensordot(tf.nn.dropout(state, keep_prob=keep_prob), weights, 1)
            return index + 1, tf.tanh(tf.nn.dropout(state, keep_prob=keep_prob)) + last, state

        going = tf.while_loop(lambda index, *_: index < tf.shape(x)[1], step, [tf.constant(0), x, x])
        cell = tf.nn.rnn_cell.DropoutWrapper(tf.nn.rnn_cell.GRUCell(4), output_keep_prob=keep_prob)
        with tf.variable_scope("over_time"):
            over_time, _ = tf.nn.dynamic_rnn(cell, x, dtype="float32")
        return going[1] + over_time

    conversion = lab.convert_graph(build)
    yield conversion
    conversion.close()


def test_dropout_in_loops_is_compared_with_one_mask_for_all_steps(loops):
    found = level(loops, 5)
    assert found.status == "passed", found.reason
    assert {row.get("clause") for row in found.layers if row["status"] == "agrees"} <= {"exact", "tolerance"}
    dropped = loops.model(np.ones((2, 3, 4), "float32"), training=True).numpy()
    assert not np.array_equal(dropped, loops.model(np.ones((2, 3, 4), "float32"), training=True).numpy())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.5, seeds[1]", "0.4, seeds[1]"),
        ("0.5, seeds[0]", "0.5, None"),
        ("Dropout(0.5)", "Dropout(0.4)"),
    ],
)
def test_dropout_in_loops_that_differs_is_caught(loops, old, new):
    assert level(loops, 5, faulty(loops, old, new)).status == "failed"


def test_the_models_moving_averages_stay(network):
    before = [weight.numpy() for weight in network.model.weights]
    level(network, 5)
    level(network, 6)
    assert all(np.array_equal(a, b) for a, b in zip(before, [w.numpy() for w in network.model.weights], strict=True))


def test_an_original_for_inference_has_no_training_to_compare():
    def build(tf):
        x = tf.placeholder("float32", [None, 4], name="x")
        return tf.layers.batch_normalization(tf.layers.dense(x, 3), training=False)

    conversion = lab.convert_graph(build)
    found = level(conversion, 5)
    assert (found.status, found.applies) == ("skipped", False)
    conversion.close()


def test_a_normalisation_that_was_built_for_inference_is_told():
    def build(tf):
        x = tf.placeholder("float32", [None, 4], name="x")
        y = tf.layers.batch_normalization(tf.layers.dense(x, 3), training=False, name="frozen")
        return tf.layers.dropout(y, 0.5, training=tf.placeholder("bool", [], name="training"))

    conversion = lab.convert_graph(build)
    found = level(conversion, 5)
    assert found.status == "passed", found.reason
    assert any("built so" in note and "frozen" in note for note in found.notes)
    conversion.close()


def test_gradients_are_the_same(network):
    found = level(network, 6)
    assert found.status == "passed", found.reason
    assert {"by x:0", "by conv/kernel", "by out/bias", "conv/kernel after one step"} <= found.outputs.keys()
    assert all(row["ok"] for row in found.outputs.values())
    assert not any("bn/moving_mean after" in name for name in found.outputs)


def test_a_gradient_that_is_stopped_is_caught(network):
    stopped = faulty(network, "x = layers.ReLU()(x)", "x = keras.ops.stop_gradient(layers.ReLU()(x))")
    found = level(network, 6, stopped)
    assert found.status == "failed"
    assert "by conv/kernel" in found.reason
    assert "by out/kernel" not in found.reason


def test_gradients_of_shared_transposed_and_joined_weights():
    def build(tf):
        x = tf.placeholder("float32", [None, 4], name="x")
        w = tf.get_variable("w", [4, 4])
        y = tf.tanh(tf.matmul(x, w))
        y = tf.matmul(y, w, transpose_b=True)
        ids = tf.cast(tf.argmax(x, 1), "int32")
        return y + tf.nn.embedding_lookup(tf.get_variable("table", [4, 4]), ids)

    conversion = lab.convert_graph(build)
    found = level(conversion, 6)
    assert found.status == "passed", (found.reason, found.notes)
    assert {"by w", "by table"} <= found.outputs.keys()
    conversion.close()


def test_where_numbers_of_a_weight_come_from():
    shapes = [(2, 3), (2, 1)]
    assert places("a, transposed (1, 0)", [(2, 3)]).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert places("a + b", shapes).tolist() == [[0, 1, 2, 6], [3, 4, 5, 7]]
    assert places("a, plus (1.0, 0, 1)", [(2,)]).tolist() == [0, 1]
    assert places("a, turned (1, 0)", [(2,)]) is None


def test_slopes_stand_in_where_tensorflow_forms_no_gradient():
    def build(tf):
        x = tf.placeholder("float32", [None, 4, 4, 1], name="x")
        return tf.image.resize_images(x, [2, 2], tf.image.ResizeMethod.AREA)

    conversion = lab.convert_graph(build)
    found = level(conversion, 6)
    assert found.status == "passed", found.reason
    assert "No gradient defined" in found.notes[0]
    assert found.outputs["by x:0"]["clauses"] == ["slope"]
    conversion.close()


def test_gradients_through_a_loop():
    def build(tf):
        x = tf.placeholder("float32", [None, 3], name="x")
        w = tf.get_variable("w", [3, 3])
        step = lambda i, h: (i + 1, tf.tanh(tf.matmul(h, w)))  # noqa: E731
        return tf.while_loop(lambda i, h: i < 3, step, (0, x))[1]

    conversion = lab.convert_graph(build)
    found = level(conversion, 6)
    assert found.status == "passed", found.reason
    assert {"by x:0", "by w"} <= found.outputs.keys()
    wrong = faulty(conversion, "ops.tanh(", "ops.stop_gradient(0.1) + ops.tanh(")
    assert level(conversion, 6, wrong).status == "failed"
    conversion.close()


def test_a_layer_inside_a_loop_is_not_taken_for_the_one_outside_of_its_name():
    def build(tf):
        ids = tf.placeholder("int32", [None], name="ids")
        h = tf.nn.embedding_lookup(tf.get_variable("embedding", [5, 3]), ids)
        words = tf.get_variable("words", [3, 3])
        step = lambda i, h: (i + 1, tf.tanh(h + tf.nn.embedding_lookup(words, tf.argmax(h, 1))))  # noqa: E731
        return tf.while_loop(lambda i, h: i < tf.reduce_max(ids), step, (0, h))[1]

    conversion = lab.convert_graph(build)
    assert {each.name for each in conversion.model._flatten_layers()} >= {"embedding", "loop"}
    found = level(conversion, 6)
    assert found.status == "passed", found.reason
    assert {"by embedding", "by words"} <= found.outputs.keys()
    conversion.close()


def test_the_gradient_of_a_table_that_a_loop_uses_too_is_compared():
    def build(tf):
        table = tf.get_variable("table", [5, 3])
        start = tf.nn.embedding_lookup(table, tf.fill([4], 2))  # the loop begins with a row of it
        x = tf.placeholder("float32", [4, 3], name="x")
        w = tf.get_variable("w", [3, 3])
        step = lambda i, g, h: (i + 1, g * 0.5, tf.tanh(tf.matmul(h, w) + g))  # noqa: E731
        ids = tf.cast(tf.argmax(x, 1), "int32")
        return tf.while_loop(lambda i, g, h: i < 3, step, (0, start, x))[2] + tf.nn.embedding_lookup(table, ids)

    conversion = lab.convert_graph(build)
    found = level(conversion, 6)
    assert found.status == "passed", found.reason
    assert {"by table", "by w"} <= found.outputs.keys(), found.notes
    conversion.close()


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("trainable=False", "the original trains kernel, bias, the model does not. It agrees if trainable is True"),
        ('kernel_regularizer="l2"', "its kernel_regularizer, L2, adds to the loss"),
        ('kernel_constraint="non_neg"', "its kernel_constraint, NonNeg, changes weights after each step"),
    ],
)
def test_what_a_step_does_beside_the_gradient_is_named(network, argument, told):
    found = level(network, 6, faulty(network, 'name="conv"', f'{argument}, name="conv"'))
    assert found.status == "failed"
    assert found.reason.startswith("Conv2D conv (rule ")
    assert told in found.reason


def test_what_is_computed_twice_from_one_variable_is_not_taken_for_a_weight():
    def build(tf):
        x = tf.placeholder("float32", [None, 3], name="x")
        w = tf.get_variable("w", [9])
        y = tf.tanh(tf.matmul(x, tf.reshape(w, [3, 3], name="once")))
        return tf.matmul(y, tf.reshape(w, [3, 3], name="again"), name="y")

    conversion = lab.convert_graph(build)
    found = level(conversion, 6)
    assert found.status == "passed", found.reason
    assert "by x:0" in found.outputs
    conversion.close()


def test_a_gradient_is_stopped_but_not_by_the_mean_in_a_variance():
    tf = lab.tensorflow()
    with tf.Graph().as_default() as graph:
        x = tf.placeholder("float32", [None, 3], name="x")
        w, v = (tf.placeholder("float32", [3], name=name) for name in "wv")
        mean, variance = tf.nn.moments(x * w, [0, 1])
        tf.add((x - mean) / variance, tf.stop_gradient(v), name="y")
        lone = tf.squared_difference(x, tf.stop_gradient(tf.reduce_mean(x, 0)))  # the mean of no variance
        tf.add(lone, 0.0 * w, name="z")
    nodes = by_name(graph.as_graph_def())
    assert stopped(nodes, ["y:0"]) & {"x", "w", "v"} == {"v"}
    assert stopped(nodes, ["z:0"]) & {"x", "w", "v"} == {"x"}


def test_what_only_the_conversion_does_in_training_is_named():
    x = keras.Input((5, 2), name="x")
    report = {"x:0": np.ones((3, 5, 2), "float32")}
    told = "LSTM l: in training it gives something else; the original does what it does in inference"
    for rate, found in ((0.0, []), (0.4, [told])):
        y = keras.layers.LSTM(3, dropout=rate, name="l")(x)
        y = keras.layers.BatchNormalization(name="b")(y)
        assert only_in_training(keras.Model(x, y), report, []) == found
