"""A graph that was written for one batch size takes any with --lift-batch, and what cannot is refused by name."""

import numpy as np
import pytest

from porter.convert import convert
from porter.errors import Unsupported, UsageError
from porter.options import Options
from porter.read import make_original, open_source
from porter.reverify import verify


@pytest.fixture(scope="module")
def tf():
    import tensorflow

    return tensorflow


def frozen(tf, path, build):
    """A frozen graph in `path` of what `build` gives, whose name is y."""
    with tf.Graph().as_default() as graph:
        tf.identity(build(tf.compat.v1), name="y")
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def numbers(*shape):
    return np.random.default_rng(3).standard_normal(shape).astype("float32")


def dense(v1):
    x = v1.placeholder("float32", [4, 5], "x")
    return v1.nn.relu(v1.matmul(x, v1.constant(numbers(5, 3))) + v1.constant(numbers(3)))


def recurrent(v1):
    """A state of zeros for a fixed number of sentences, three steps, rows of all steps together."""
    x = v1.placeholder("float32", [5, 3, 4], "x")
    w = v1.constant(numbers(10, 6))
    state = v1.fill(v1.concat([v1.constant([5]), v1.constant([6])], 0), 0.0)
    steps = []
    for each in v1.unstack(x, axis=1):
        state = v1.tanh(v1.matmul(v1.concat([each, state], 1), w))
        steps.append(state)
    rows = v1.reshape(v1.concat(steps, 1), [15, 6])
    return v1.reshape(v1.nn.softmax(v1.matmul(rows, v1.constant(numbers(6, 7)))), [5, 3, 7])


def generator(v1):
    z = v1.placeholder("float32", [6, 10], "z")
    h = v1.reshape(v1.matmul(z, v1.constant(numbers(10, 32))), [6, 4, 4, 2])
    return v1.tanh(v1.nn.conv2d_transpose(h, v1.constant(numbers(5, 5, 3, 2)), [6, 8, 8, 3], [1, 2, 2, 1]))


def capsules(v1):
    x = v1.placeholder("float32", [6, 4, 4, 8], "x")
    u = v1.reshape(x, [6, -1, 8, 1])
    u = v1.tile(u, [1, 1, 1, 3]) * v1.constant(np.full((6, 1, 1, 3), 0.5, "float32"))
    return v1.reduce_sum(v1.nn.softmax(u, axis=3) * u, axis=1)


def size_inside(v1):
    """The input takes any number of rows, of which the graph uses 5: as decoders begin their sentences."""
    x = v1.placeholder("float32", [None, 4], "x")
    start = v1.fill([5, 2], 1.0)
    return v1.tanh(v1.matmul(v1.concat([start, v1.strided_slice(x, [0, 0], [5, -1])], 1), v1.constant(numbers(5, 3))))


@pytest.mark.parametrize(
    "build", [dense, recurrent, generator, capsules, size_inside], ids=lambda build: build.__name__
)
def test_any_batch_is_taken_and_proved(tf, tmp_path, build):
    source = frozen(tf, tmp_path / "g.pb", build)
    made = convert(source, tmp_path / "out", Options(outputs=["y:0"], lift_batch=True))
    assert [each["shape"][0] for each in made.report["inputs"] + made.report["outputs"]] == [None, None]
    assert made.report["verified"]["verdict"] == "proved"
    tried = {level["level"]: level["batch_sizes"] for level in made.report["verified"]["levels"]}
    assert {1, 2, 3, 7} <= set(tried[3])


def test_verify_repeats_it(tf, tmp_path):
    source = frozen(tf, tmp_path / "g.pb", dense)
    convert(source, tmp_path / "out", Options(outputs=["y:0"], lift_batch=True, verify=False))
    found = verify(tmp_path / "out", levels=[1, 2, 3, 4])
    assert [level["status"] for level in found["levels"]] == ["passed"] * 4
    assert found["levels"][2]["batch_sizes"] == [1, 2, 3, 4, 7]


def test_rows_that_differ_need_the_size(tf, tmp_path):
    def build(v1):
        return v1.placeholder("float32", [4, 5], "x") + v1.constant(numbers(4, 5), name="rows")

    source = frozen(tf, tmp_path / "g.pb", build)
    with pytest.raises(Unsupported) as refused:
        make_original(open_source(source), outputs=["y:0"], lift=True)
    assert "batch size of 4" in refused.value.what
    assert refused.value.where == "add"


def test_samples_that_influence_each_other_are_refused(tf, tmp_path):
    def build(v1):
        x = v1.placeholder("float32", [4, 5], "x")
        return x - v1.reduce_mean(x, axis=0, keepdims=True)

    source = frozen(tf, tmp_path / "g.pb", build)
    with pytest.raises(Unsupported, match="cannot be lifted") as refused:
        convert(source, tmp_path / "out", Options(outputs=["y:0"], lift_batch=True))
    assert "influence each other" in refused.value.why
    assert not (tmp_path / "out").exists()


def test_a_graph_that_takes_any_batch_has_nothing_to_lift(tf, tmp_path):
    source = frozen(tf, tmp_path / "g.pb", lambda v1: v1.tanh(v1.placeholder("float32", [None, 5], "x")))
    with pytest.raises(UsageError, match="fixed batch"):
        make_original(open_source(source), outputs=["y:0"], lift=True)
