"""The canonical form: conditionals, loops, names, static arguments, sizes; and that none of it changes an answer."""

from __future__ import annotations

import numpy as np
import pytest
from lab import canonical_graph, data, only, ops_of, proved


def training(tf, name="training"):
    return tf.placeholder(tf.bool, [], name)


# --- Names, attributes, sizes ----------------------------------------------------------------------------------


def test_old_and_new_names_are_one():
    def build(tf):
        x = data(tf)
        a = tf.raw_ops.AddV2(x=x, y=x)
        b = tf.raw_ops.Add(x=a, y=x)
        c = tf.raw_ops.Pack(values=[a, b], axis=1)
        d = tf.raw_ops.Concat(concat_dim=1, values=[a, b])
        return c, d, tf.raw_ops.Div(x=a, y=b), tf.raw_ops.Inv(x=a)

    found = ops_of(canonical_graph(build))
    assert found == {"Placeholder": 1, "Add": 2, "Stack": 1, "ConcatV2": 1, "RealDiv": 1, "Reciprocal": 1}


@pytest.mark.parametrize(
    ("build", "op", "attrs"),
    [
        (lambda tf, x: tf.reduce_sum(x, [-1, 1]), "Sum", {"axes": (1, 2)}),
        (lambda tf, x: tf.reduce_max(x, -1, keepdims=True), "Max", {"axes": (2,), "keepdims": True}),
        (lambda tf, x: tf.reduce_mean(x), "Mean", {"axes": (0, 1, 2)}),
        (lambda tf, x: tf.concat([x, x], -1), "ConcatV2", {"axis": 2}),
        (lambda tf, x: tf.stack([x, x], -1), "Stack", {"axis": 3}),
        (lambda tf, x: tf.expand_dims(x, -1), "ExpandDims", {"axis": 3}),
        (lambda tf, x: tf.transpose(x, [0, 2, 1]), "Transpose", {"perm": (0, 2, 1)}),
        (lambda tf, x: tf.pad(x, [[0, 0], [1, 2], [0, 0]]), "Pad", {"paddings": ((0, 0), (1, 2), (0, 0))}),
        (lambda tf, x: x[:, 0, 1:], "StridedSlice", {"slices": (slice(None), 0, slice(1, None))}),
        (lambda tf, x: x[..., tf.newaxis, ::2], "StridedSlice", {"slices": (Ellipsis, None, slice(None, None, 2))}),
        (lambda tf, x: tf.reshape(x, [-1, 24]), "Reshape", {"shape": (None, 24)}),
        (lambda tf, x: tf.reshape(x, [tf.shape(x)[0], 24]), "Reshape", {"shape": (None, 24)}),
        (lambda tf, x: tf.reshape(x, [-1, 8]), "Reshape", {"shape": (-1, 8)}),
        (lambda tf, x: tf.reshape(x, tf.stack([tf.shape(x)[0], -1])), "Reshape", {"shape": (None, 24)}),
        (lambda tf, x: tf.gather(x, [0, 1], axis=-1), "GatherV2", {"axis": 2}),
        (lambda tf, x: tf.argmax(x, -1), "ArgMax", {"axis": 2}),
        (lambda tf, x: tf.tile(x, [1, 2, tf.shape(x)[1]]), "Tile", {"multiples": (1, 2, 4)}),
    ],
)
def test_static_arguments(build, op, attrs):
    node = only(canonical_graph(lambda tf: build(tf, tf.placeholder(tf.float32, [None, 4, 6], "x"))), op)
    assert {name: node.attrs[name] for name in attrs} == attrs
    assert all(value.node.op != "Const" or op == "GatherV2" for value in node.inputs)


def test_an_argument_that_is_not_constant_stays_an_input():
    def build(tf):
        return tf.tile(data(tf), [1, tf.placeholder(tf.int32, [], "count")])

    node = only(canonical_graph(build), "Tile")
    assert len(node.inputs) == 2
    assert "multiples" not in node.attrs


def test_identities_and_what_does_nothing_are_dropped():
    def build(tf):
        x = tf.identity(data(tf))
        x = tf.transpose(tf.reshape(tf.cast(x, tf.float32), [-1, 4]), [0, 1])
        x = tf.concat([tf.pad(x, [[0, 0], [0, 0]])], 1)
        x = tf.check_numerics(tf.squeeze(tf.expand_dims(x, 1), [1]), "finite")
        return tf.stop_gradient(x) + tf.add_n([x])

    found = ops_of(canonical_graph(build))
    assert found.keys() - {"ExpandDims", "Squeeze"} == {"Placeholder", "StopGradient", "Add"}


def test_a_reshape_on_both_sides_of_a_conditional_goes_behind_it():
    def build(tf):
        x = tf.reshape(data(tf), [-1, 1, 1, 4])
        sides = [tf.reshape(each, [-1, 4]) for each in (tf.nn.relu(x), tf.tanh(x))]
        return tf.cond(tf.placeholder(tf.bool, [], "fed"), lambda: sides[0], lambda: sides[1])

    assert ops_of(canonical_graph(build))["Reshape"] == 2


def test_a_reshape_that_makes_a_vector_of_one_number_stays():
    found = ops_of(canonical_graph(lambda tf: tf.pad(tf.reshape(tf.argmin(data(tf)[0], 0), [1]), [[0, 1]])))
    assert found["Reshape"] == 1


def test_equal_nodes_are_one_and_random_ones_are_not():
    def build(tf):
        x = data(tf)
        noise = [tf.random_uniform([4]) for _ in range(2)]
        return tf.tanh(x) + tf.tanh(x), noise[0] - noise[1] + x, tf.reduce_sum(x, 1) + tf.reduce_sum(x, 0)[0]

    graph = canonical_graph(build)
    found = ops_of(graph)
    assert found["Tanh"] == 1
    assert found["RandomUniform"] == 2
    assert found["Sum"] == 2
    same = next(node for node in graph if node.op == "Add" and node.inputs[0] is node.inputs[1])
    assert same.inputs[0].node.op == "Tanh"


def test_weight_arithmetic_is_left_for_the_rules():
    def build(tf):
        x, v = data(tf), tf.get_variable("v", [4])
        return x * (tf.rsqrt(v + 1e-3) * tf.get_variable("gamma", [4]))

    assert ops_of(canonical_graph(build)) == {"Placeholder": 1, "Variable": 2, "Add": 1, "Rsqrt": 1, "Mul": 2}


def test_known_sizes_are_constants():
    def build(tf):
        x = tf.placeholder(tf.float32, [None, 4, 6], "x")
        sizes = tf.shape(x)
        return x / tf.cast(sizes[1] * sizes[2], tf.float32), tf.reshape(x, [-1, sizes[2]])

    found = ops_of(canonical_graph(build))
    assert "Shape" not in found


def test_what_a_loop_gave_is_flattened_to_a_known_width():
    """As `tf.layers.flatten` behind `dynamic_rnn`: the batch's size and -1."""

    def build(tf):
        x = tf.transpose(tf.placeholder(tf.float32, [None, 6, 3], "x"), [1, 0, 2])
        array = tf.TensorArray(tf.float32, 6)
        step = lambda i, array: (i + 1, array.write(i, tf.tanh(tf.gather(x, i))))  # noqa: E731
        h = tf.transpose(tf.while_loop(lambda i, _: i < 6, step, [0, array])[1].stack(), [1, 0, 2])
        flat = tf.reshape(h, [tf.shape(h)[0], -1])
        return tf.matmul(flat, tf.get_variable("w", [18, 2]))

    assert {"Flatten", "Dense"} <= set(proved(build).classes)


def test_rows_stay_apart_up_to_the_reshape_that_undoes_it():
    def build(tf):
        x, ids = tf.placeholder(tf.float32, [None, None, 4], "x"), tf.placeholder(tf.int32, [None, None], "ids")
        size = tf.concat([tf.shape(x)[:2], [4]], 0)
        rows = tf.reshape(x, [-1, 4])
        for name in ("a", "b"):
            rows = (
                tf.nn.relu(tf.matmul(rows, tf.get_variable(name, [4, 4])) + tf.get_variable(f"{name}_bias", [4])) + rows
            )
        rows = tf.nn.softmax(rows) * tf.reduce_mean(rows, axis=1, keepdims=True)
        looked_up = tf.gather(tf.get_variable("table", [9, 4]), tf.reshape(ids, [-1]))
        return tf.reshape(rows, size), tf.reshape(looked_up, tf.concat([tf.shape(ids), [4]], 0))

    assert "Reshape" not in ops_of(canonical_graph(build))
    assert "ops.reshape" not in proved(build).classes


def test_rows_that_meet_stay_rows():
    """What is put together and then reduced is not the same before the reshape."""

    def build(tf):
        rows = tf.reshape(tf.placeholder(tf.float32, [None, 3, 4], "x"), [-1, 4])
        return tf.reshape(tf.nn.relu(rows - tf.reduce_mean(rows, axis=0)), [-1, 3, 4])

    assert ops_of(canonical_graph(build))["Reshape"] == 2
    proved(build, exact=True)


def test_sizes_are_read_where_they_come_from():
    def build(tf):
        x = tf.placeholder(tf.float32, [None, None, 4], "x")
        scores = tf.matmul(x, x, transpose_b=True)
        return tf.nn.relu(scores) + tf.cast(tf.range(tf.shape(scores)[2]), tf.float32)

    shape = only(canonical_graph(build), "Shape")
    assert [value.node.name for value in shape.inputs] == ["x"]
    proved(build)


def test_channels_first_becomes_channels_last():
    """Two transposes at the ends, none in between."""

    def build(tf):
        x = tf.placeholder(tf.float32, [None, 3, 8, 8], "x")
        for i in range(3):
            kernel = tf.get_variable(f"kernel{i}", [3, 3, 3, 3])
            x = tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME", data_format="NCHW")
            x = tf.nn.relu(tf.nn.bias_add(x, tf.get_variable(f"bias{i}", [3]), data_format="NCHW"))
        return x

    found = ops_of(canonical_graph(build))
    assert found["Transpose"] == 2
    proved(build)


def test_names_of_a_graph_are_unique_and_its_uses_right():
    """After all passes each use is where it says, and each input is in the graph."""

    def build(tf):
        x, number = data(tf), tf.placeholder(tf.float32, [], "number")
        x = tf.cond(number > 0.0, lambda: tf.layers.dense(x, 4, name="a"), lambda: tf.layers.dense(x, 4, name="b"))
        return tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2.0), [0, x])[1]

    graph = canonical_graph(build)
    for node in graph:
        assert graph.nodes[node.name] is node
        for slot, value in enumerate(node.inputs):
            assert graph.nodes[value.node.name] is value.node
            assert (node, slot) in value.uses
        for value in node.outputs:
            assert value.node is node
            assert all(user.inputs[slot] is value for user, slot in value.uses)


def test_nothing_is_quadratic():
    """Twice the nodes take about twice the work: counted in calls of Python functions, not in seconds."""
    import sys

    from lab import source_of

    from porter.canonical import canonical
    from porter.read import make_original
    from porter.read.to_graph import to_graph

    def chain(tf, length):
        x = data(tf)
        for _ in range(length):
            x = tf.nn.relu(x * 2.0 + 1.0)
        return x

    def work(length):
        graph = to_graph(make_original(*[source_of(lambda tf: chain(tf, length))[0]], outputs=None))
        calls = 0

        def count(frame, event, arg):
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count)
        try:
            canonical(graph)
        finally:
            sys.setprofile(None)
        return calls

    small, large = work(200), work(800)
    assert large / small < 4 * 1.3, f"{small} calls, then {large}"


def test_answers_stay(tmp_path):
    """A graph with a bit of everything, at once."""

    def build(tf):
        x = tf.placeholder(tf.float32, [None, 8, 8, 3], "x")
        is_training = training(tf)
        for i in range(2):
            x = tf.layers.conv2d(x, 4, 3, name=f"conv{i}")
            x = tf.layers.batch_normalization(x, training=is_training, name=f"bn{i}")
            x = tf.maximum(0.1 * x, x)
        x = tf.layers.dropout(tf.layers.flatten(x), 0.4, training=is_training)
        logits = tf.layers.dense(x, 3, name="logits")
        return tf.nn.softmax(logits), tf.argmax(logits, 1)

    conversion = proved(build)
    assert conversion.classes.count("Conv2D") == 2
    assert "Dropout" in conversion.classes
    assert np.shape(conversion.model.outputs[0]) == (None, 3)


def test_rows_of_a_fixed_batch_are_left_open():
    """[6, 4] as twelve rows is [-1, 2]: the model then takes other batches than the one the graph was made for."""

    def build(tf):
        return tf.reshape(tf.placeholder(tf.float32, [6, 4], "x"), [12, -1])

    graph = canonical_graph(build)
    assert [node.attrs["shape"] for node in graph if node.op == "Reshape"] == [(-1, 2)]


def test_channels_are_known_behind_a_crop_to_the_size_of_another():
    """As a U-Net crops what it copies over; the layers behind it need to know how many channels there are."""

    def build(tf):
        x, y = (tf.placeholder(tf.float32, [None, None, None, 4], name) for name in ("x", "y"))
        (_, *large), (batch, rows, columns, channels) = (tf.unstack(tf.shape(each)) for each in (x, y))
        begin = [0, (large[0] - rows) // 2, (large[1] - columns) // 2, 0]
        cropped = tf.slice(x, begin, [-1, rows, columns, -1])
        shape = tf.stack([batch, rows * 2, columns * 2, channels * 3 // 2])
        larger = tf.nn.conv2d_transpose(y, tf.get_variable("w", [2, 2, 6, 4]), shape, [1, 2, 2, 1])
        pooled = tf.nn.max_pool(larger + tf.get_variable("b", [6]), [1, 2, 2, 1], [1, 2, 2, 1], "VALID")
        joined = tf.concat([pooled, cropped], 3)
        return tf.nn.conv2d(joined, tf.get_variable("v", [3, 3, 10, 5]), [1, 1, 1, 1], "SAME")

    graph = canonical_graph(build)
    assert only(graph, "ConcatV2").out.shape == (None, None, None, 10)
    assert only(graph, "Conv2D").out.shape == (None, None, None, 5)


def test_a_size_is_asked_behind_bias_and_activation():
    def build(tf):
        x = tf.placeholder(tf.float32, [None, None, None, 4], "x")
        y = tf.nn.conv2d(x, tf.get_variable("w", [3, 3, 4, 6]), [1, 1, 1, 1], "VALID")
        z = tf.nn.relu(tf.nn.bias_add(y, tf.get_variable("b", [6])), name="last")
        noise = tf.random_uniform(tf.shape(z))
        return tf.reshape(z * noise, [-1, tf.shape(y)[1], tf.shape(y)[2], 2, 3])

    graph = canonical_graph(build)
    assert {node.inputs[0].node.op for node in graph if node.op == "Shape"} == {"Relu"}


def test_padding_fused_into_a_convolution_is_taken_apart():
    """As optimize_for_inference writes it; of a batch of one, which is all that TensorFlow's kernels pad."""

    def build(tf):
        x, w = tf.placeholder(tf.float32, [1, 6, 6, 2], "x"), tf.get_variable("w", [3, 3, 2, 4])
        how = {"paddings": [[0, 0], [1, 1], [1, 1], [0, 0]], "mode": "REFLECT", "padding": "VALID"}
        y = tf.raw_ops.FusedResizeAndPadConv2D(
            input=x, size=[9, 9], filter=w, strides=[1, 2, 2, 1], resize_align_corners=True, **how
        )
        return tf.raw_ops.FusedPadConv2D(
            input=y, filter=tf.get_variable("v", [2, 2, 4, 3]), strides=[1, 1, 1, 1], **how
        )

    assert proved(build).classes.count("Conv2D") == 2


def test_products_with_ones_are_broadcasts():
    def build(tf):
        x = tf.placeholder(tf.float32, [None, 1, 1, 3], "x")
        grown = x * tf.ones([tf.shape(x)[0], 20, 20, 3])
        same = tf.constant(np.ones((2, 3), "float32")) * tf.get_variable("w", [2, 3])
        laid = tf.get_variable("b", [3]) * tf.ones([40, 3])
        return (
            tf.nn.relu(grown),
            tf.reduce_sum(x, [1, 2]) @ tf.transpose(same) + 1.0,
            tf.reduce_sum(x, [1, 2]) @ tf.transpose(laid),
        )

    assert "Mul" not in ops_of(canonical_graph(build))
    assert "Parameter" not in proved(build).classes


def test_a_product_with_ones_of_fewer_pixels_stays_a_product():
    def build(tf):
        x = tf.placeholder(tf.float32, [None, 4, 5, 3], "x")
        return x * tf.ones([1, 5, 3]) * tf.constant([[1.0], [1.0], [2.0], [1.0], [1.0]])

    assert ops_of(canonical_graph(build))["Mul"] == 2
    proved(build)


# --- Biases ----------------------------------------------------------------------------------------------------


def biased_behind_a_reshape(tf, shape, bias, twice=False):
    x = tf.placeholder(tf.float32, [None, 6], "x")
    product = tf.reshape(tf.matmul(x, tf.get_variable("w", [6, 4])), shape)
    y = tf.nn.bias_add(product, tf.get_variable("b", bias))
    return (y, product) if twice else y


def test_a_bias_stands_at_its_product():
    graph = canonical_graph(lambda tf: biased_behind_a_reshape(tf, [-1, 1, 4], [4]))
    assert graph.outputs[0].node.op == "Reshape"
    assert graph.outputs[0].node.inputs[0].node.inputs[0].node.op == "MatMul"
    proved(lambda tf: biased_behind_a_reshape(tf, [-1, 1, 4], [4]))


@pytest.mark.parametrize(
    ("shape", "bias", "twice"), [([-1, 2, 2], [2], False), ([-1, 1, 4], [4], True)], ids=["other axis", "used twice"]
)
def test_a_bias_stays_behind_a_reshape(shape, bias, twice):
    graph = canonical_graph(lambda tf: biased_behind_a_reshape(tf, shape, bias, twice))
    assert graph.outputs[0].node.op in ("Add", "BiasAdd")
