"""What a rule makes of a match, and a single operation of its node: calls that are written down, and refusals."""

from __future__ import annotations

import pytest
from sketch import Sketch

from porter.graph import WeightRef
from porter.pattern import Matcher, Miss
from porter.rule import layers, op, ops, require, rule
from porter.rule.context import Context, use
from porter.rule.rule import OPS


@pytest.fixture
def g():
    return Sketch()


def example_rule(to_keras):
    @rule
    def largest(tf, a):
        """Raise a maximum."""
        return tf.Max(a).named("max")

    largest.to_keras(to_keras)
    return largest


def test_require_refuses_with_the_reason(g):
    out = g.out(g("Max", g.x(), axes=(1,)))

    def to_keras(a, max):
        require(max["axes"] == (2,), f"over {max['axes']}", max)
        return ops.max(a)

    each = example_rule(to_keras)
    (match,) = Matcher(g.graph).matches(each.pattern, out)
    with pytest.raises(Miss, match=r"over \(1,\) \(at max\)"):
        each.propose(match)


def test_an_attribute_that_was_not_read_is_a_miss(g):
    out = g.out(g("Max", g.x(), axes=(1,), keepdims=True))
    each = example_rule(lambda a, max: ops.max(a, axis=max["axes"]))
    (match,) = Matcher(g.graph).matches(each.pattern, out)
    with pytest.raises(Miss, match="keepdims = True of Max is not covered"):
        each.propose(match)
    read = example_rule(lambda a, max: ops.max(a, axis=max["axes"], keepdims=max.get("keepdims", False)))
    (match,) = Matcher(g.graph).matches(read.pattern, out)
    assert read.propose(match).node.op == "ops.max"


def test_an_attribute_that_is_not_known_before_it_runs_is_a_miss(g):
    out = g.out(g("Max", g.x(), g.x("axes")))
    each = example_rule(lambda a, max: ops.max(a, axis=max["axes"]))

    @rule
    def largest(tf, a, axes):
        return tf.Max(a, axes).named("max")

    largest.to_keras(lambda a, max: ops.max(a, axis=max["axes"]))
    assert not list(Matcher(g.graph).matches(each.pattern, out))
    (match,) = Matcher(g.graph).matches(largest.pattern, out)
    with pytest.raises(Miss, match="axes of Max is not known before it runs"):
        largest.propose(match)


def test_to_keras_may_only_ask_for_what_is_bound():
    @rule
    def simple(tf, a):
        return tf.Relu(a)

    with pytest.raises(TypeError, match="binds no b"):
        simple.to_keras(lambda a, b: a)


# --- Single operations ---------------------------------------------------------------------------------------


@pytest.fixture
def registered():
    """Operations that a test registers are gone after it."""
    before = {name: list(forms) for name, forms in OPS.items()}
    yield
    OPS.clear()
    OPS.update(before)


def test_attributes_of_an_operation(g, registered):
    @op("Widget")
    def widget(x, *, size, mode="plain"):
        require(mode == "plain", f"mode {mode}")
        return ops.widget(x, size)

    (form,) = OPS["Widget"]
    good = g("Widget", g.x(), size=3).node
    assert form.propose(good).node.attrs["args"][1] == 3
    for attrs, reason in (
        ({}, "size of Widget is not known before it runs"),
        ({"size": 3, "other": 1}, "other = 1 of Widget is not supported"),
        ({"size": 3, "mode": "odd"}, "mode odd"),
    ):
        with pytest.raises(Miss, match=reason):
            form.propose(g("Widget", g.graph.inputs[0], **attrs).node)
    with pytest.raises(Miss, match="Widget with 2 inputs"):
        form.propose(g("Widget", g.graph.inputs[0], g.graph.inputs[0], size=3).node)


def test_calls_are_written_down_not_made(g):
    x, w = g.x(), WeightRef(g.weight())
    value = layers.Dense(3, activation="relu").bind(kernel=w, bias=None)(x)
    assert value.node.op == "layers.Dense"
    assert value.node.attrs["config"] == ((3,), {"activation": "relu"})
    assert value.node.attrs["weights"] == {"kernel": w}
    assert value.node.inputs == [x]
    assert value.node.name not in g.graph.nodes


def test_a_layer_on_other_floats_is_told_so(g):
    value = layers.Dense(3)(g.x(dtype="float64"))
    assert value.node.attrs["config"] == ((3,), {"dtype": "float64"})


def test_the_batch_is_told_by_probes(g):
    context = Context(batch=1009)
    with use(context):
        x = g.x(shape=(None, 4))
        x.probe = (1009, 4)
        folded = g("Reshape", x, shape=(None, 2))
        folded.probe = (2018, 2)
        assert context.holds_batch(x, 0)
        assert not context.holds_batch(x, 1)
        assert context.holds_batch(folded, 0)
