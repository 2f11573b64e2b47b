"""Repeated statements as functions, and the text of calls and lines."""

from __future__ import annotations

import re

import pytest
from lab import proved

from porter.emit.blocks import roll
from porter.emit.expressions import call, text
from porter.emit.statements import Argument, Statement, wrap
from porter.graph import Ref


def body(conversion):
    """The lines of build_model, without the first and the last."""
    source = conversion.source
    start = source.index("def build_model")
    return source[source.index("\n", start) : source.index("return keras.Model", start)]


def images(tf):
    return tf.placeholder(tf.float32, [None, 16, 16, 3], "x")


# --- Blocks ------------------------------------------------------------------------------------------------------


def statements(*rows):
    """Chained statements out of (class, {argument: text})."""
    found, before = [], "inputs"
    for place, (kind, arguments) in enumerate(rows):
        target = "x" if place < len(rows) - 1 else "y"
        given = [
            Argument(name, value, positional=name in ("filters", "kernel_size")) for name, value in arguments.items()
        ]
        found.append(Statement(target, f"layers.{kind}", given, before, chained=True))
        before = target
    return found


def conv(filters, name, **more):
    return ("Conv2D", {"filters": str(filters), "kernel_size": "3", **more, "name": f'"{name}"'})


def test_repeated_runs_become_a_function():
    rows = [
        each
        for i in range(4)
        for each in (conv(8 * (i + 1), f"conv{i}"), ("BatchNormalization", {"name": f'"conv{i}_bn"'}), ("ReLU", {}))
    ]
    functions, rolled = roll(statements(*rows), set())
    (function,) = functions
    assert function.startswith("def conv_bn_relu(x, filters, name):")
    assert 'f"{name}_bn"' in function
    assert len(rolled) == 4
    assert rolled[0].source() == 'x = conv_bn_relu(inputs, 8, name="conv0")'


def test_what_is_usual_is_the_default():
    rows = [
        each
        for i in range(4)
        for each in (
            conv(8, f"c{i}", **({"strides": "2"} if i == 3 else {})),
            ("ReLU", {}),
            ("Dropout", {"rate": "0.5"}),
        )
    ]
    (function,), _ = roll(statements(*rows), set())
    assert "strides=1" in function.splitlines()[0]
    assert "filters" not in function.splitlines()[0]


def test_what_does_not_repeat_stays():
    rows = [conv(8, "a"), ("ReLU", {}), ("Dense", {"units": "3"}), ("Dropout", {"rate": "0.5"})]
    functions, rolled = roll(statements(*rows), set())
    assert functions == []
    assert len(rolled) == 4


def test_a_block_within_a_block_keeps_its_defaults():
    calls = []
    for i in range(5):
        own = [Argument("strides", "2")] if i == 3 else []
        calls.append(Statement("x", "block", own, "x", is_function=True, chained=True, defaults={"strides": "1"}))
        calls += [Statement("x", f"layers.{kind}", [], "x", chained=True) for kind in ("ELU", "ReLU", "Softmax")]
    (function,), _ = roll(calls, {"block"})
    assert "strides=1" in function.splitlines()[0]
    assert "block(x, strides=strides)" in function


def test_function_names_are_free():
    rows = [each for i in range(4) for each in (conv(8, f"c{i}"), ("ReLU", {}), ("Dropout", {"rate": "0.5"}))]
    (function,), _ = roll(statements(*rows), {"conv_relu_dropout"})
    assert function.startswith("def conv_relu_dropout_2(")


def test_blocks_compute_what_the_statements_did():
    """A network of eight blocks, of which some differ in strides and filters."""

    def build(tf):
        x, training = images(tf), tf.placeholder_with_default(False, [], "training")
        for i in range(8):
            x = tf.layers.conv2d(x, 4 + i // 4, 3, 1 + i % 4 // 3, "same", name=f"block{i}/conv", use_bias=i != 5)
            x = tf.nn.relu(tf.layers.batch_normalization(x, training=training, name=f"block{i}/bn"))
        return tf.layers.dense(tf.reduce_mean(x, [1, 2]), 2)

    conversion = proved(build)
    assert len(re.findall(r"^def conv_bn_relu", conversion.source, re.M)) == 1
    assert len(body(conversion).split("\n")) < 25
    assert len({layer.name for layer in conversion.model.layers}) == len(conversion.model.layers)


# --- Text ----------------------------------------------------------------------------------------------------------

A, B = text("a"), text("b")


@pytest.mark.parametrize(
    ("op", "args", "inputs", "expected"),
    [
        ("ops.add", (Ref(0), Ref(1)), [A, B], "a + b"),
        ("ops.add", (Ref(0), -1.5), [A], "a - 1.5"),
        ("ops.subtract", (Ref(0), Ref(1)), [A, text("b - c", 1)], "a - (b - c)"),
        ("ops.subtract", (Ref(0), Ref(1)), [text("a - b", 1), text("c")], "a - b - c"),
        ("ops.multiply", (Ref(0), Ref(1)), [text("a + b", 1), text("c")], "(a + b) * c"),
        ("ops.true_divide", (Ref(0), Ref(1)), [A, text("b * c", 2)], "a / (b * c)"),
        ("ops.power", (Ref(0), 2.0), [text("-a", 3)], "(-a) ** 2.0"),
        ("ops.power", (Ref(0), Ref(1)), [A, text("b ** c", 4)], "a ** (b ** c)"),
        ("ops.negative", (Ref(0),), [text("a + b", 1)], "-(a + b)"),
        ("ops.getitem", (Ref(0), (slice(None), 0, slice(1, -1))), [text("a + b", 1)], "(a + b)[:, 0, 1:-1]"),
        ("ops.getitem", (Ref(0), (Ellipsis, None)), [A], "a[..., None]"),
        ("ops.max", (Ref(0),), [A], "ops.max(a)"),
        ("ops.add", (1.0, 2.0), [], "ops.add(1.0, 2.0)"),
        ("ops.concatenate", ([Ref(0), Ref(1)],), [A, B], "ops.concatenate([a, b])"),
    ],
)
def test_calls(op, args, inputs, expected):
    assert call(op, args, {}, inputs) == expected


def test_defaults_are_left_out():
    assert call("ops.max", (Ref(0),), {"axis": (1,), "keepdims": False}, [A]) == "ops.max(a, axis=1)"
    assert call("ops.max", (Ref(0),), {"axis": None, "keepdims": True}, [A]) == "ops.max(a, keepdims=True)"


def test_long_lines_are_broken_as_ruff_does():
    line = f"x = layers.Something({', '.join(f'argument_{i}={i}' for i in range(9))})(inputs)"
    assert wrap(line).splitlines()[0] == "x = layers.Something("
    assert wrap(line).splitlines()[-1] == ")(inputs)"
    assert len(wrap(line).splitlines()) in (3, 11)
    assert wrap("x = 1") == "x = 1"
