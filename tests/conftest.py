"""What has to be set before TensorFlow and Keras are imported: quiet, no GPU, `tf.layers` as TensorFlow 1 had it."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
