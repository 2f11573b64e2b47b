"""`ScaleAndTranslate`."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class ScaleAndTranslate(layers.Layer):
    """Scales and moves images, each place of the output a weighted mean of the input around it.

    Args:
        size: rows and columns of the output.
        scale, translation: for rows and columns; place x of the input comes to x * scale + translation.
        kernel: the weights: "lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic" or
            "mitchellcubic".
        antialias: widen the kernel where images get smaller.

    Shapes: [batch, rows, columns, channels] to [batch, *size, channels], float32; rows and columns must be known.
    Source: tensorflow/core/kernels/scale_and_translate_op.cc and sampling_kernels.h, 1.15.
    """

    def __init__(self, size, scale, translation=(0.0, 0.0), kernel="lanczos3", antialias=True, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.image_size = tuple(size)
        self.scale, self.translation = tuple(scale), tuple(translation)
        self.kernel = kernel
        self.antialias = antialias

    def call(self, x):
        x = ops.cast(x, "float32")
        rows, columns = (self._weights(axis, x.shape[1 + axis]) for axis in (0, 1))
        return ops.einsum("bhwc,ih,jw->bijc", x, rows, columns)

    def _weights(self, axis, size):
        """How much each of `size` places counts for each place of the output, [output, size]."""
        inverse = 1 / np.float32(self.scale[axis])
        at = (np.arange(self.image_size[axis], dtype="float32") + np.float32(0.5)) * inverse
        at = at - inverse * np.float32(self.translation[axis])
        width = max(inverse, np.float32(1)) if self.antialias else np.float32(1)
        radius, function = _kernel(self.kernel)
        # only these places count, whatever the kernel says at its very end
        first = np.clip(np.ceil(at - radius * width - 0.5), 0, size - 1)[:, None]
        last = np.clip(np.floor(at + radius * width - 0.5), 0, size - 1)[:, None]
        places = np.arange(size, dtype="float32")[None, :]
        weights = function(np.abs(places + np.float32(0.5) - at[:, None]) / width)
        weights = np.where((places >= first) & (places <= last), weights, 0)
        total = weights.sum(axis=1, keepdims=True)
        weights = np.where(np.abs(total) >= 1000 * np.finfo("float32").tiny, weights / np.where(total, total, 1), 0)
        return np.where(((at >= 0) & (at <= size))[:, None], weights, 0).astype("float32")

    def compute_output_spec(self, x):
        return keras.KerasTensor((x.shape[0], *self.image_size, x.shape[3]), dtype="float32")

    def get_config(self):
        config = {"size": self.image_size, "scale": self.scale, "translation": self.translation}
        return {**super().get_config(), **config, "kernel": self.kernel, "antialias": self.antialias}


def _kernel(name):
    """How far a kernel reaches, and its value at distances."""
    if name.startswith("lanczos"):
        radius = float(name[-1])

        def lanczos(x):
            near = np.where(x <= 1e-3, 1, x)
            value = radius * np.sin(np.pi * near) * np.sin(np.pi * near / radius) / (np.pi * near) ** 2
            return np.where(x > radius, 0, np.where(x <= 1e-3, 1, value))

        return radius, lanczos
    if name == "gaussian":
        return 1.5, lambda x: np.where(x >= 1.5, 0, np.exp(-2 * x * x))
    if name == "box":
        return 1.0, lambda x: np.where(x < 0.5, 1.0, np.where(x == 0.5, 0.5, 0.0))
    if name == "triangle":
        return 1.0, lambda x: np.maximum(1 - x, 0)
    b, c = (0.0, 0.5) if name == "keyscubic" else (1 / 3, 1 / 3)

    def cubic(x):
        inner = ((12 - 9 * b - 6 * c) * x + (-18 + 12 * b + 6 * c)) * x * x + (6 - 2 * b)
        outer = (((-b - 6 * c) * x + (6 * b + 30 * c)) * x + (-12 * b - 48 * c)) * x + (8 * b + 24 * c)
        return np.where(x >= 2, 0, np.where(x >= 1, outer, inner)) / 6

    return 2.0, cubic
