"""What has to be set before TensorFlow and Keras are imported: quiet, no GPU, `tf.layers` as TensorFlow 1 had it; and that
JAX keeps what it compiles from one run of the tests to the next, since compiling is most of what it does here."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import pytest


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Where a module's tests leave models for the other backends, which its last test runs."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def graph():
    """A graph with version 1 conditionals and loops, and variables by reference."""
    import tensorflow as tf

    tf.compat.v1.disable_control_flow_v2()  # and never switched back: the process is shared with tests that need it so
    with tf.Graph().as_default() as graph:
        yield graph
