"""The self-test: a model made wrong in named ways, and given data and tolerances by name."""

import lab
import numpy as np
import pytest
from test_verify_layers import layer_by_layer

from porter.errors import UnreadableSource, UsageError
from porter.read import make_original
from porter.verify import prepared, prove, self_test
from porter.verify.compare import Tolerance
from porter.verify.mutations import MUTATIONS


@pytest.fixture(scope="module")
def network():
    def build(tf):
        x = tf.placeholder("float32", [None, 6, 6, 4], name="x")
        training = tf.placeholder("bool", [], name="training")
        y = tf.layers.conv2d(x, 4, 3, padding="same", name="conv")
        y = tf.layers.batch_normalization(y, momentum=0.9, training=training, name="bn")
        y = tf.nn.leaky_relu(y, 0.3)
        y = tf.layers.conv2d(y, 4, 3, activation=tf.nn.relu, name="second")
        y = tf.nn.softmax(y, axis=1)
        y = tf.layers.flatten(y)
        y = tf.layers.dropout(y, 0.4, training=training)
        y = tf.layers.dense(y, 5, name="out")
        tf.group(*tf.get_collection(tf.GraphKeys.UPDATE_OPS), name="step")
        return y / (2.0 + tf.square(y))

    conversion = lab.convert_graph(build)
    yield conversion
    conversion.close()


@pytest.fixture(scope="module")
def trials(network):
    def recut(outputs):
        return make_original(network.original.source, inputs=network.original.inputs, outputs=outputs)

    before = [weight.numpy() for weight in network.model.weights]
    config = network.model.get_config()
    with prepared(network.original, network.model, network.report, reference=network.reference, recut=recut) as context:
        found = self_test(context)
    after = [weight.numpy() for weight in network.model.weights]
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
    assert network.model.get_config() == config
    return found


def test_every_mutation_that_applies_is_caught(trials):
    assert [trial.mutation for trial in trials] == [mutation.title for mutation in MUTATIONS]
    statuses = {trial.mutation: trial.status for trial in trials}
    assert "missed" not in statuses.values(), trials
    assert [title for title, status in statuses.items() if status == "does not apply"] == [
        "other groups", "gates in another order",
    ]  # fmt: skip
    assert sum(status == "caught" for status in statuses.values()) >= 17, statuses


def test_what_caught_it_is_told(trials):
    by_name = {trial.mutation: trial for trial in trials}
    assert by_name["epsilon × 10"].level == 2
    assert "It agrees if epsilon is 0.001 instead of 0.01" in by_name["epsilon × 10"].how
    assert by_name["kernel transposed"].level == 0
    assert by_name["another momentum"].level == 5
    assert by_name["another axis"].layer.startswith("Softmax")
    assert by_name["half the dropout rate"].level == 5


def test_the_model_is_right_again_afterwards(network, trials):
    assert layer_by_layer(network, network.model).status == "passed"


def test_a_hole_in_the_proof_is_told(network, monkeypatch):
    """With a level that finds nothing, mutations that it would have caught count as missed."""
    from porter.verify import selftest

    monkeypatch.setattr(selftest, "ORDER", ())
    with prepared(network.original, network.model, network.report, reference=network.reference) as context:
        found = {trial.mutation: trial.status for trial in self_test(context)}
    assert found["epsilon × 10"] == "missed"
    assert found["one weight × 1.001"] == "missed"
    assert found["another momentum"] == "no difference"


def test_the_users_own_inputs(network, tmp_path):
    x = np.random.default_rng(3).normal(size=(5, 6, 6, 4)).astype("float32")

    def outputs(path, **options):
        return prove(
            network.original, network.model, network.report, levels=(3,), reference=network.reference, data=path,
            **options,
        ).levels[0]  # fmt: skip

    for name in ("x:0", "x", "anything"):
        np.savez(tmp_path / "data.npz", **{name: x})
        found = outputs(tmp_path / "data.npz")
        assert found.status == "passed"
        assert 5 in found.batch_sizes
    for other in (x[0], x[:, :, :, :3]):
        np.savez(tmp_path / "data.npz", x=other)
        with pytest.raises(UsageError, match="do not have the shape of the input"):
            outputs(tmp_path / "data.npz")
    np.savez(tmp_path / "data.npz", y=x, z=x)
    with pytest.raises(UsageError, match="no array for the input x:0"):
        outputs(tmp_path / "data.npz")
    (tmp_path / "data.npz").write_text("text")
    with pytest.raises(UnreadableSource, match="cannot be read"):
        outputs(tmp_path / "data.npz")


def test_tolerances_by_name():
    assert Tolerance.named(None) == Tolerance.named("default") == Tolerance()
    assert Tolerance.named("strict") == Tolerance(1e-6, rounding=False)
    assert Tolerance.named("loose") == Tolerance(1e-3, rounding=True)
    assert Tolerance.named(0.5) == Tolerance(0.5, rounding=False)
