"""What must not make a difference, on graphs that hypothesis makes up; and text that must round-trip."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from lab import convert, raised, source_of

from porter.emit import literals, names
from porter.emit.statements import WIDTH, split_arguments, wrap

# A graph takes a tenth of a second: few of them, and none to make a failing one smaller.
few = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
)
many = settings(max_examples=400, deadline=None, derandomize=True)

# --- Graphs --------------------------------------------------------------------------------------------------

STEPS = ("conv", "batch_norm", "relu", "leaky", "residual", "scale", "pool", "dropout")


@st.composite
def chains(draw):
    """A small network as a list of steps; `swap` exchanges the inputs of what is commutative."""
    return draw(st.lists(st.sampled_from(STEPS), min_size=2, max_size=6))


def network(tf, steps, swap=False, prefix=""):
    """The network of `steps`, ending in a dense layer."""
    placeholder = tf.placeholder(tf.float32, [None, 8, 8, 4], "x")
    training = tf.placeholder_with_default(False, [], "training")
    x = placeholder

    def add(a, b):
        return tf.add(b, a) if swap else tf.add(a, b)

    def multiply(a, b):
        return tf.multiply(b, a) if swap else tf.multiply(a, b)

    for i, step in enumerate(steps):
        name = f"{prefix}block{i}"
        if step == "conv":
            kernel = tf.get_variable(f"{name}/kernel", [3, 3, 4, 4])
            x = add(tf.nn.conv2d(x, kernel, 1, "SAME"), tf.get_variable(f"{name}/bias", [4]))
        elif step == "batch_norm":
            x = tf.layers.batch_normalization(x, training=training, fused=i % 2 == 0, name=name)
        elif step == "relu":
            x = tf.nn.relu(x)
        elif step == "leaky":
            x = tf.maximum(x, 0.2 * x) if not swap else tf.maximum(x * 0.2, x)
        elif step == "residual":
            x = add(x, tf.layers.conv2d(x, 4, 1, name=name))
        elif step == "scale":
            x = multiply(x, tf.get_variable(f"{name}/scale", [4]))
        elif step == "pool":
            x = tf.nn.avg_pool(x, [1, 2, 2, 1], [1, 1, 1, 1], "SAME")
        elif step == "dropout":
            x = tf.layers.dropout(x, 0.4, training=training)
    return tf.layers.dense(tf.reduce_mean(x, [1, 2]), 3, name=f"{prefix}logits")


def structure(conversion):
    """What was emitted, whatever its names and its order: classes, by which rule, and which weights they have."""
    return sorted((row["class"], row["rule"], *sorted(row["weights"])) for row in conversion.emitted.layers)


def answers(conversion, batch):
    return np.asarray(conversion.model(batch, training=False))


@given(steps=chains())
@few
def test_the_order_of_commutative_inputs_makes_no_difference(steps):
    conversions = [convert(*source_of(lambda tf, swap=swap: network(tf, steps, swap))) for swap in (False, True)]
    batch = np.random.default_rng(0).normal(size=(3, 8, 8, 4)).astype("float32")
    assert structure(conversions[0]) == structure(conversions[1])
    np.testing.assert_allclose(*(answers(each, batch) for each in conversions), rtol=1e-5, atol=1e-6)
    for each in conversions:
        each.close()


@given(steps=chains(), seed=st.integers(0, 1000))
@few
def test_the_order_of_nodes_makes_no_difference(steps, seed):
    source, outputs = source_of(lambda tf: network(tf, steps))
    conversion = convert(source, outputs)
    nodes = list(source.graph_def.node)
    np.random.default_rng(seed).shuffle(nodes)
    shuffled = type(source.graph_def)(versions=source.graph_def.versions)
    for node in nodes:
        shuffled.node.add().CopyFrom(node)
    source.graph_def = shuffled
    again = convert(source, outputs)
    assert again.source == conversion.source
    conversion.close()
    again.close()


@given(steps=chains(), data=st.data())
@few
def test_names_make_no_difference(steps, data):
    """Names of scopes do not decide what a subgraph is."""
    word = st.text("abcdefgXYZ_0123456789", min_size=1, max_size=8).map(lambda text: f"n{text}/")
    prefix = data.draw(word)
    plain, renamed = (convert(*source_of(lambda tf, p=p: network(tf, steps, prefix=p))) for p in ("", prefix))
    assert structure(plain) == structure(renamed)
    plain.close()
    renamed.close()


@given(steps=chains(), count=st.integers(1, 5), seed=st.integers(0, 1000))
@few
def test_a_sample_does_not_know_its_neighbours(steps, count, seed):
    conversion = convert(*source_of(lambda tf: network(tf, steps)))
    random = np.random.default_rng(seed)
    batch = random.normal(size=(count, 8, 8, 4)).astype("float32")
    whole = answers(conversion, batch)
    order = random.permutation(count)
    np.testing.assert_allclose(answers(conversion, batch[order]), whole[order], rtol=1e-5, atol=1e-6)
    alone = np.concatenate([answers(conversion, batch[i : i + 1]) for i in range(count)])
    np.testing.assert_allclose(alone, whole, rtol=1e-5, atol=1e-6)
    assert conversion.prove().proved
    conversion.close()


@given(planted=st.integers(0, 3), noise=st.integers(0, 3), epsilon=st.sampled_from([0.0, 1e-3]))
@few
def test_a_pattern_is_found_wherever_it_is_planted(planted, noise, epsilon):
    """As many min-max normalisations as the graph holds, whatever else is in it."""

    def build(tf):
        x = tf.placeholder(tf.float32, [None, 4, 6], "x")
        for i in range(max(planted, noise)):
            if i < noise:
                low = tf.reduce_min(x, 1, keepdims=True)
                x = (x - low) / (tf.reduce_max(x + 1.0, 1, keepdims=True) + 5.0)
            if i < planted:
                shifted = x - tf.reduce_min(x, 2, keepdims=True)
                x = shifted / (tf.reduce_max(shifted, 2, keepdims=True) + epsilon)
        return x * 2.0

    graph = raised(build).graph
    found = [node.op for node in graph if node.op == "porter_layers.MinMaxNormalization"]
    assert len(found) == planted


# --- Text ----------------------------------------------------------------------------------------------------

floats = st.floats(width=32) | st.floats(width=64) | st.integers(-(2**70), 2**70)


@given(value=st.floats(width=32))
@many
def test_a_number_is_the_same_float32(value):
    got = eval(literals.number(np.float32(value)))
    assert np.float32(got) == np.float32(value) or math.isnan(value)
    assert struct.pack("f", got) == struct.pack("f", value) or math.isnan(value)


@given(value=floats)
@many
def test_a_number_is_the_same_number(value):
    """Where it is no float32 to the last bit, of which it has 53."""
    got = eval(literals.number(value))
    assert type(got) is type(value)
    is_single = isinstance(value, float) and float(np.float32(value)) == value
    assert (np.float32(got) == value if is_single else got == value) or math.isnan(value)


@given(value=st.floats(width=32, allow_nan=False, allow_infinity=False))
@many
def test_a_number_is_short(value):
    """No decimal of the same float32 with fewer digits takes fewer letters."""
    text = literals.number(np.float32(value))
    for precision in range(9):
        other = float(f"{value:.{precision}e}")
        if np.float32(other) == np.float32(value):
            assert len(text) <= len(repr(other))


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple),
    max_leaves=8,
)


def same(one, other):
    """Equal, a float as float32 where it is one: its literal has no more digits than that takes."""
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and math.isfinite(one) and abs(one) < 3e38 and float(np.float32(one)) == one:
        return np.float32(other) == one
    return one == other


@given(value=plain)
@many
@example(value=[7.205758974296064e16])
def test_a_literal_is_the_same_value(value):
    text = literals.literal(value)
    assert same(value, eval(text))
    assert "\n" not in text


@given(value=st.complex_numbers(allow_nan=False, allow_infinity=False))
@many
def test_a_complex_literal_is_the_same_value(value):
    assert eval(literals.literal(value)) == value


@given(text=st.text(max_size=12))
@many
def test_identifiers(text):
    name = names.clean(text)
    assert name.isidentifier()
    assert name.isascii()
    assert name not in names.RESERVED
    assert "__" not in name
    assert names.identifier(names.identifier(text)) == names.identifier(text)


arguments = st.lists(
    st.sampled_from(
        ["3", "padding='same'", "f(a, b)", "[1, 2, (3, 4)]", 'name="a, (b"', 'x="\\"),"', "{1: 2, 3: 4}", "a + b"]
    ),
    max_size=8,
)


@given(parts=arguments)
@many
def test_arguments_come_apart_as_they_were(parts):
    assert split_arguments(", ".join(parts)) == parts


@given(
    parts=st.lists(
        st.sampled_from(["alpha=1", "b=[1, 2]", 'name="layer_of_some_length"', "f(a, g(b, c))", "12345"]), max_size=30
    )
)
@many
def test_wrapping_changes_nothing(parts):
    """A wrapped line is the same Python, and no line of it is too long."""
    import ast

    line = (
        f"target = layers.Something({', '.join(parts)})(x)".replace("alpha=1", "1")
        .replace("b=[", "[")
        .replace("name=", "")
    )
    wrapped = wrap(line)
    assert ast.dump(ast.parse(wrapped)) == ast.dump(ast.parse(line))
    assert all(len(each) + 4 <= WIDTH for each in wrapped.splitlines())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float32(0.001), "0.001"),
        (np.float32(0.1), "0.1"),
        (1e-12, "1e-12"),
        (1e20, "1e20"),
        (1 / 3, "0.3333333333333333"),
        (np.float32(1 / 3), "0.33333334"),
        (float("inf"), 'float("inf")'),
        (True, "True"),
        (np.int64(3), "3"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
    ],
)
def test_numbers_as_a_person_would_write_them(value, text):
    assert literals.number(value) == text
