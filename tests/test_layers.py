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
