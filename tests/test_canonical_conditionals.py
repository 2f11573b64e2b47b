"""Conditionals in the canonical form: what is known, what training decides, what stays; no answer changes."""

from __future__ import annotations

import pytest
from lab import canonical_graph, data, only, ops_of, proved


def training(tf, name="training"):
    return tf.placeholder(tf.bool, [], name)


# --- Conditionals on what is known -----------------------------------------------------------------------------


def test_switch_and_merge_become_cond():
    def build(tf):
        x = data(tf)
        return tf.cond(training(tf), lambda: tf.nn.dropout(x, rate=0.3), lambda: tf.nn.relu(x))

    graph = canonical_graph(build)
    cond = only(graph, "Cond")
    predicate, true_side, false_side = cond.inputs
    assert predicate.node.op == "Knob"
    assert (predicate.node.attrs["training"], predicate.node.attrs["inference"]) == (True, False)
    assert false_side.node.op == "Relu"
    assert true_side.node.op != "Relu"
    assert not {"Switch", "Merge"} & ops_of(graph).keys()


def test_an_inverted_predicate_is_turned():
    def build(tf):
        x = data(tf)
        return tf.cond(tf.logical_not(training(tf)), lambda: tf.nn.relu(x), lambda: tf.nn.dropout(x, rate=0.3))

    cond = only(canonical_graph(build), "Cond")
    assert cond.inputs[0].node.attrs["training"] is True
    assert cond.inputs[2].node.op == "Relu"


def test_a_predicate_that_says_inference_is_turned():
    def build(tf):
        x = data(tf)
        return tf.cond(training(tf, "is_inference"), lambda: tf.nn.relu(x), lambda: tf.nn.dropout(x, rate=0.3))

    cond = only(canonical_graph(build), "Cond")
    assert cond.inputs[0].node.attrs["training"] is True
    assert cond.inputs[2].node.op == "Relu"


def test_predicates_combine():
    def build(tf):
        x, flag = data(tf), tf.constant(True)
        both = tf.logical_and(training(tf), flag)
        return tf.cond(both, lambda: tf.nn.dropout(x, rate=0.3), lambda: x * 2.0)

    assert only(canonical_graph(build), "Cond").inputs[2].node.op == "Mul"


def test_a_cond_on_arithmetic_of_constants_is_gone():
    def build(tf):
        x = data(tf)
        return tf.cond(tf.equal(tf.constant(7) % 4, 3), lambda: tf.nn.relu(x), lambda: tf.transpose(x))

    assert ops_of(canonical_graph(build)).keys() == {"Placeholder", "Relu"}


def test_shapes_of_several_tensors_are_one_each():
    def build(tf):
        x = data(tf)
        return tf.reshape(x, tf.raw_ops.ShapeN(input=[x, tf.concat([x, x], 0)])[0])

    assert ops_of(canonical_graph(build)).keys() <= {"Placeholder", "Reshape", "Shape"}


def test_a_cond_on_a_constant_is_gone():
    def build(tf):
        x = data(tf)
        return tf.cond(tf.constant(False), lambda: tf.nn.relu(x), lambda: tf.tanh(x))

    assert ops_of(canonical_graph(build)).keys() == {"Placeholder", "Tanh"}


@pytest.mark.parametrize("which", ["training", "inference"])
def test_constants_on_a_branch(which):
    """`tf.cond(training, 0.5, 1.0)` is a number that knobs decide."""

    def build(tf):
        x = data(tf)
        rate = tf.cond(training(tf), lambda: tf.constant(0.5), lambda: tf.constant(1.0))
        return tf.nn.dropout(x, keep_prob=rate) * tf.cond(training(tf, "is_training"), lambda: 1.0, lambda: 3.0)

    graph = canonical_graph(build)
    found = [node.attrs[which] for node in graph if node.op == "Knob" and isinstance(node.attrs[which], float)]
    assert {"training": 0.5, "inference": 1.0}[which] in [pytest.approx(each) for each in found]
    assert "Merge" not in ops_of(graph)


def test_a_branch_that_depends_on_nothing():
    """The constant's branch is told by the predicate of the other branch."""

    def build(tf):
        x, number = data(tf), tf.placeholder(tf.float32, [], "number")
        return x * tf.cond(number > 0.0, lambda: number, lambda: tf.constant(0.0))

    graph = canonical_graph(build)
    cond = only(graph, "Cond")
    assert cond.inputs[2].node.op == "Const"
    proved(build)


def test_nested_conds():
    def build(tf):
        x, number = data(tf), tf.placeholder(tf.float32, [], "number")

        def inner():
            return tf.cond(number > 1.0, lambda: x * 2.0, lambda: x * 3.0)

        return tf.cond(number > 0.0, inner, lambda: tf.cond(number < -1.0, lambda: -x, lambda: x + 1.0))

    graph = canonical_graph(build)
    assert ops_of(graph)["Cond"] == 3
    proved(build)


def test_nested_conds_of_knobs_and_data():
    def build(tf):
        x, number = data(tf), tf.placeholder(tf.float32, [], "number")

        def trained():
            return tf.nn.dropout(tf.cond(number > 0.0, lambda: x, lambda: -x), rate=0.4)

        return tf.cond(training(tf), trained, lambda: tf.cond(number > 0.0, lambda: x, lambda: -x))

    conversion = proved(build)
    assert "Dropout" in conversion.classes


def test_a_cond_inside_a_cond_on_the_same_predicate():
    def build(tf):
        x, number = data(tf), tf.placeholder(tf.float32, [], "number")
        positive = number > 0.0
        return tf.cond(positive, lambda: tf.cond(positive, lambda: x + 1.0, lambda: x + 2.0), lambda: x + 3.0)

    proved(build)


def test_several_outputs_of_one_cond():
    def build(tf):
        x, number = data(tf), tf.placeholder(tf.float32, [], "number")
        a, b = tf.cond(number > 0.0, lambda: (x, x + 1.0), lambda: (x * 2.0, x))
        return a - b, b

    proved(build)


def test_a_switch_by_hand():
    """`control_flow_ops.switch` and `merge`, as old libraries used them."""

    def build(tf):
        from tensorflow.python.ops import control_flow_ops

        x, number = data(tf), tf.placeholder(tf.float32, [], "number")
        off, on = control_flow_ops.switch(x, number > 0.0)
        return control_flow_ops.merge([tf.nn.relu(off), tf.tanh(on)])[0]

    cond = only(canonical_graph(build), "Cond")
    assert [side.node.op for side in cond.inputs[1:]] == ["Tanh", "Relu"]
    proved(build)


def test_a_selection_by_a_knob_is_a_cond():
    def build(tf):
        x = data(tf)
        return tf.where(training(tf), tf.nn.dropout(x, rate=0.3), tf.nn.relu(x))

    cond = only(canonical_graph(build), "Cond")
    assert cond.inputs[2].node.op == "Relu"


def test_knobs_of_one_meaning_are_one():
    def build(tf):
        x = data(tf)
        x = tf.layers.dropout(x, 0.3, training=training(tf, "training"))
        return tf.layers.dropout(x, 0.4, training=training(tf, "is_training"))

    graph = canonical_graph(build)
    assert len({id(node.inputs[0].node) for node in graph if node.op == "Cond"}) == 1
