"""The rule language and its matcher, on graphs of a few nodes made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sketch import Sketch

from porter.graph import Node, Value, WeightRef
from porter.pattern import Knob, Matcher, Scalar, Weight, one_of, reshaped, trace
from porter.rule import ops, rule


@pytest.fixture
def g():
    return Sketch()


def matches(g, formula, value):
    """What each match binds, and the deepest miss of the attempt."""
    matcher = Matcher(g.graph)
    pattern, _ = trace(formula)
    found = [match.bound for match in matcher.matches(pattern, value)]
    return found, matcher.miss


def first(g, formula, value):
    """The names that the first match binds; there has to be one."""
    found, miss = matches(g, formula, value)
    assert found, miss
    return {name: bound.name if isinstance(bound, Value) else bound for name, bound in found[0].items()}


# --- Operators and variables ---------------------------------------------------------------------------------


def test_operators_are_operations(g):
    x, y = g.x("x"), g.x("y")
    out = g.out(g("RealDiv", g("Sub", g("Mul", x, y), g("Add", x, y)), g.const(2.0)))
    assert first(g, lambda tf, a, b: (a * b - (a + b)) / 2.0, out) == {"a": "x:0", "b": "y:0"}


def test_numbers_on_the_left(g):
    x = g.x()
    out = g.out(g("RealDiv", g.const(1.0), g("Sub", g.const(3.0, "three"), x)))
    assert first(g, lambda tf, a: 1.0 / (3.0 - a), out) == {"a": "x:0"}


def test_a_variable_used_twice_is_one_value(g):
    x, y = g.x("x"), g.x("y")
    square, product = g("Mul", x, x), g("Mul", x, y, name="product")
    g.out(square, product)
    assert first(g, lambda tf, a: a * a, square) == {"a": "x:0"}
    found, miss = matches(g, lambda tf, a: a * a, product)
    assert not found
    assert "a stands for two values" in str(miss)


def test_a_literal_is_compared_as_float32(g):
    x = g.x()
    out = g.out(g("Mul", x, g.const(np.float32(0.1))))
    assert matches(g, lambda tf, a: a * 0.1, out)[0]
    assert not matches(g, lambda tf, a: a * 0.1001, out)[0]


def test_commutative_operations_match_in_both_orders(g):
    x, c = g.x(), g.const(2.0)
    out = g.out(g("Add", c, g("Mul", c, x)))
    assert first(g, lambda tf, a: a * 2.0 + 2.0, out) == {"a": "x:0"}


def test_others_do_not(g):
    x, c = g.x(), g.const(2.0)
    out = g.out(g("Sub", c, x))
    assert not matches(g, lambda tf, a: a - 2.0, out)[0]
    assert matches(g, lambda tf, a: 2.0 - a, out)[0]


def test_backtracking_over_orders(g):
    """The first order binds `a` to what does not fit further down; the other one has to be tried."""
    x, y = g.x("x"), g.x("y")
    out = g.out(g("Mul", g("Add", y, x), g("Relu", x)))
    assert first(g, lambda tf, a, b: (a + b) * tf.Relu(a), out) == {"a": "x:0", "b": "y:0"}


def test_backtracking_over_nested_orders(g):
    """Three sums, of which one order in eight fits."""
    a, b, c, d = (g.x(name) for name in "abcd")
    out = g.out(
        g(
            "Mul",
            g("Add", g("Add", d, c, name="inner"), g("Add", b, a, name="left"), name="top"),
            g("Sub", g("Sub", a, b), d),
        )
    )
    bound = first(g, lambda tf, p, q, r, s: ((p + q) + (r + s)) * ((p - q) - s), out)
    assert bound == {"p": "a:0", "q": "b:0", "r": "c:0", "s": "d:0"}


def test_one_of_takes_the_first_that_fits(g):
    x = g.x()
    out = g.out(g("Square", x))
    assert first(g, lambda tf, a: one_of(tf.Square(a), a * a), out) == {"a": "x:0"}
    assert first(g, lambda tf, a: one_of(a * a, tf.Square(a)), out) == {"a": "x:0"}


def test_an_optional_that_is_not_there_is_none(g):
    x = g.x()
    out = g.out(g("Relu", x))

    @rule
    def offset(tf, a, b: Weight):
        return one_of(tf.Relu(a + b), tf.Relu(a))

    asked = []
    offset.to_keras(lambda a, b: asked.append((a, b)) or ops.relu(a))
    (match,) = Matcher(g.graph).matches(offset.pattern, out)
    offset.propose(match)
    assert asked == [(x, None)]


def test_other_outputs_than_the_first(g):
    x = g.x()
    node = Node("split", "Split", [x], {"axis": 1})
    node.outputs = [Value(node, i, (None, 2)) for i in range(2)]
    g.graph.add(node)
    out = g.out(g("Add", node.outputs[0], node.outputs[1]))
    assert first(g, lambda tf, a: tf.Split(a)[0] + tf.Split(a)[1], out) == {"a": "x:0"}
    assert not matches(g, lambda tf, a: tf.Split(a)[0] + tf.Split(a)[0], out)[0]


def test_a_label_stands_for_one_node(g):
    x = g.x()
    one, other = g("Max", x, axes=(1,)), g("Max", x, axes=(2,), name="other")
    out = g.out(g("Add", one, other))
    assert not matches(g, lambda tf, a: tf.Max(a).named("m") + tf.Max(a).named("m"), out)[0]
    assert matches(g, lambda tf, a: tf.Max(a).named("m") + tf.Max(a).named("n"), out)[0]
    same = g.out(g("Mul", other, other))
    g.graph.prune()
    assert matches(g, lambda tf, a: tf.Max(a).named("m") * tf.Max(a).named("m"), same)[0]


def test_reshaped_looks_through_axes_of_one(g):
    x = g.x(shape=(None, 4, 1))
    squeezed = g("Squeeze", x, shape=(None, 4), axes=(2,))
    out = g.out(g("Relu", g("Reshape", squeezed, shape=(None, 1, 4))))
    found, _ = matches(g, lambda tf, a: tf.Relu(reshaped(tf.Placeholder().named("p"))), out)
    assert found
    moved = g("Reshape", x, shape=(None, 2, 2), name="moved")
    out = g.out(g("Relu", moved, name="other"))
    assert not matches(g, lambda tf, a: tf.Relu(reshaped(tf.Placeholder().named("p"))), out)[0]


# --- Kinds of variables --------------------------------------------------------------------------------------


def test_a_weight_depends_on_weights_alone(g):
    x, w = g.x(), g.weight()
    made = g("Mul", w, g.const(3.0), shape=(4, 4))
    out, other = g("MatMul", x, made), g("MatMul", x, x, name="other")
    g.out(out, other)

    def formula(tf, a, kernel: Weight):
        return tf.MatMul(a, kernel)

    bound = matches(g, formula, out)[0][0]
    assert isinstance(bound["kernel"], WeightRef)
    assert bound["kernel"].value is made
    found, miss = matches(g, formula, other)
    assert not found
    assert "kernel must be a weight" in str(miss)


def test_a_random_number_is_no_weight(g):
    x = g.x()
    out = g.out(g("MatMul", x, g("RandomUniform", g.const([4, 4]), shape=(4, 4))))
    assert not matches(g, lambda tf, a, kernel: tf.MatMul(a, kernel), out)[1]

    def formula(tf, a, kernel: Weight):
        return tf.MatMul(a, kernel)

    assert not matches(g, formula, out)[0]


def test_a_scalar_arrives_as_a_number(g):
    x = g.x()
    out = g.out(g("Add", x, g.const([[0.5]])))

    def formula(tf, a, epsilon: Scalar):
        return a + epsilon

    assert first(g, formula, out)["epsilon"] == 0.5
    g.out(g("Add", x, g.const([1.0, 2.0], "two"), name="more"))
    assert "epsilon must be a constant scalar" in str(matches(g, formula, g.graph.outputs[0])[1])


def test_a_knob_arrives_as_its_node(g):
    x = g.x()
    knob = g("Knob", name="training", shape=(), training=True, inference=False)
    out = g.out(g("Cond", knob, g("Relu", x), x))

    def formula(tf, training: Knob, a):
        return tf.Cond(training, tf.Relu(a), a)

    assert first(g, formula, out)["training"] is knob.node


# --- Leaks ---------------------------------------------------------------------------------------------------


def test_a_value_inside_that_is_used_outside_is_refused(g):
    x = g.x()
    inner = g("Sub", x, g.const(1.0))
    out = g("Relu", inner)
    g.out(out, g("Tanh", inner))
    found, miss = matches(g, lambda tf, a: tf.Relu(a - 1.0), out)
    assert not found
    assert "is used outside too" in str(miss)


def test_so_is_one_that_the_user_wants(g):
    x = g.x()
    inner = g("Sub", x, g.const(1.0))
    out = g("Relu", inner)
    g.out(out, inner)
    assert not matches(g, lambda tf, a: tf.Relu(a - 1.0), out)[0]


def test_then_the_next_smaller_one_is_tried(g):
    x = g.x()
    inner = g("Sub", x, g.const(1.0))
    out = g("Relu", inner)
    g.out(out, inner)
    bound = first(g, lambda tf, a: one_of(tf.Relu(a - 1.0), tf.Relu(a)), out)
    assert bound == {"a": "sub:0"}


def test_arithmetic_on_weights_may_be_shared(g):
    x, w = g.x(), g.weight()
    root = g("Rsqrt", w, shape=(4, 4))
    out, other = g("Mul", x, root), g("Add", x, root, name="other")
    g.out(out, other)
    assert matches(g, lambda tf, a, v: a * tf.Rsqrt(v), out)[0]


# --- Misses --------------------------------------------------------------------------------------------------


def test_the_deepest_miss_is_kept(g):
    x, y = g.x("x"), g.x("y")
    out = g.out(g("RealDiv", g("Sub", x, g("Min", x)), g("Tanh", g("Abs", y))))
    _, miss = matches(g, lambda tf, a: one_of(tf.Relu(a), (a - tf.Min(a)) / tf.Tanh(tf.Max(a))), out)
    assert str(miss).startswith("Max expected, not Abs")
    assert miss.at.name == "abs"


def test_nothing_is_said_where_not_even_the_root_fits(g):
    out = g.out(g("Relu", g.x()))
    found, miss = matches(g, lambda tf, a: tf.Tanh(a), out)
    assert (found, miss) == ([], None)
