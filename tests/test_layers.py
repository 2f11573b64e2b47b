"""The custom layers by themselves, in a fresh process for each backend: see layers_alone.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import elsewhere
import layers_alone
import pytest

import porter.layers

SCRIPT = Path(layers_alone.__file__)


def run(backend: str, folder: Path) -> dict[str, str]:
    env = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, SCRIPT, folder], env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def tensorflow(tmp_path_factory):
    """The folder where TensorFlow's answers are, and what was wrong there."""
    folder = tmp_path_factory.mktemp("layers")
    return folder, run("tensorflow", folder)


def test_on_tensorflow(tensorflow):
    assert not tensorflow[1], tensorflow[1]


@pytest.mark.parametrize("backend", elsewhere.BACKENDS)
def test_elsewhere(backend, tensorflow):
    """The same answers and derivatives."""
    wrong = run(backend, tensorflow[0])
    assert not wrong, wrong


def test_every_layer_with_statistics_is_there():
    tried = {case.name.split()[0] for case in layers_alone.cases()}
    words = ("Normaliz", "Standard", "Equalized")
    missing = {name for name in porter.layers.__all__ if any(word in name for word in words)} - tried
    assert not missing


@pytest.mark.parametrize("name", ["L1Normalization", "L2Normalization", "StandardScore", "MinMaxNormalization"])
def test_an_axis_that_holds_the_batch_has_to_be_meant(name):
    kind = getattr(porter.layers, name)
    with pytest.raises(ValueError, match="batch_coupled=True"):
        kind(axis=(0, 1))
    assert kind(axis=(0, 1), batch_coupled=True).get_config()["batch_coupled"]


def test_a_negative_control(tmp_path, monkeypatch):
    """A layer whose gradient is stopped, whose statistics are half, or whose configuration is lost is found."""
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    import numpy as np
    from keras import layers, ops

    class Stopped(layers.Layer):
        def call(self, x):
            return x * ops.stop_gradient(ops.mean(x, axis=-1, keepdims=True))

        def compute_output_shape(self, input_shape):
            return input_shape

    class Half(layers.Layer):
        def call(self, x):
            return x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True))

    for kind, found in ((Stopped, "derivative"), (Half, "mixed precision")):
        case = layers_alone.Case(kind.__name__, kind, ((3, 4),))
        arrays = layers_alone.inputs(case)
        kept = {case.name: np.zeros((3, 4))}
        said = [*layers_alone.slope(case, arrays, kept, "float64"), *layers_alone.mixed(case, arrays)]
        assert any(found in text for text in said), said


def test_the_fused_kernel_of_tensorflow_moves_averages_as_the_legacy_layer_does():
    """n / (n - 1) times the variance; with bessel=False, what Keras' own layer does."""
    import numpy as np
    import tensorflow as tf
    from keras import layers

    x = np.random.default_rng(1).normal(2, 3, (2, 2, 3, 4)).astype("float32")
    _, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=tf.ones(4), offset=tf.zeros(4), mean=[], variance=[], epsilon=1e-3
    )
    ours = porter.layers.LegacyBatchNormalization(momentum=0.9)
    ours(x, training=True)
    np.testing.assert_allclose(ours.moving_mean.numpy(), 0.1 * mean.numpy(), rtol=1e-5)
    np.testing.assert_allclose(ours.moving_variance.numpy(), 0.9 + 0.1 * variance.numpy(), rtol=1e-5)
    plain, keras_own = (
        porter.layers.LegacyBatchNormalization(momentum=0.9, bessel=False),
        layers.BatchNormalization(momentum=0.9),
    )
    np.testing.assert_allclose(plain(x, training=True), keras_own(x, training=True), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(plain.moving_variance.numpy(), keras_own.moving_variance.numpy(), rtol=1e-5)
    assert np.abs(ours.moving_variance.numpy() / keras_own.moving_variance.numpy() - 1).max() > 0.01


def test_averages_without_the_bias_towards_zero():
    import numpy as np

    x = np.random.default_rng(1).normal(2, 3, (8, 4)).astype("float32")
    layer = porter.layers.LegacyBatchNormalization(momentum=0.99, zero_debias=True, trainable=False)
    for _ in range(3):
        layer(x, training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), x.mean(0), rtol=1e-4)


def test_virtual_batches_have_statistics_of_their_own():
    import numpy as np

    x = np.random.default_rng(1).normal(2, 3, (6, 5, 4)).astype("float32")
    layer = porter.layers.LegacyBatchNormalization(virtual_batch_size=2, epsilon=1e-3)
    y = np.asarray(layer(x, training=True))
    for each in range(3):  # TensorFlow 1.15 reshapes to [2, 3, ...]: every third sample
        part = x[each::3]
        want = (part - part.mean((0, 1))) / np.sqrt(part.var((0, 1)) + 1e-3)
        np.testing.assert_allclose(y[each::3], want, rtol=1e-3, atol=1e-4)
