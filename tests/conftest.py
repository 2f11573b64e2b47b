"""What has to be set before TensorFlow and Keras are imported: quiet, no GPU, `tf.layers` as TensorFlow 1 had it."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import pytest  # noqa: E402


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Where a module's tests leave models for the other backends, which its last test runs."""
    return tmp_path_factory.mktemp("shelf")
