"""`ProjectiveTransform`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class ProjectiveTransform(layers.Layer):
    """Warps images by projective transforms that map places of the output to places of the input.

    Args:
        output_shape: rows and columns of the output; those of the input by default.
        interpolation: "bilinear" or "nearest".
        fill_mode: what stands outside of the image: "constant" or "nearest", which is its border.
        fill_value: the constant.

    Inputs: images [batch, rows, columns, channels] and transforms [batch or 1, 8]: with (a0, a1, a2, b0, b1, b2, c0,
        c1) the output at (x, y) is the input at ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k), k = c0 x + c1 y + 1.
    Source: tensorflow/core/kernels/image_ops.h, 1.15.
    """

    def __init__(self, output_shape=None, interpolation="bilinear", fill_mode="constant", fill_value=0.0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.output_shape_wanted = None if output_shape is None else tuple(output_shape)
        self.interpolation = interpolation
        self.fill_mode = fill_mode
        self.fill_value = fill_value

    def call(self, images, transforms):
        batch, rows, columns, channels = ops.shape(images)
        new_rows, new_columns = self.output_shape_wanted or (rows, columns)
        y = ops.cast(ops.arange(new_rows), "float32")[None, :, None]
        x = ops.cast(ops.arange(new_columns), "float32")[None, None, :]
        a0, a1, a2, b0, b1, b2, c0, c1 = (transforms[:, i, None, None] for i in range(8))
        k = c0 * x + c1 * y + 1
        flat = ops.equal(k, 0)
        k = ops.where(flat, 1, k)
        x, y = (a0 * x + a1 * y + a2) / k, (b0 * x + b1 * y + b2) / k  # [batch or 1, new rows, new columns]
        last_row, last_column = ops.cast(rows - 1, "float32"), ops.cast(columns - 1, "float32")
        if self.fill_mode == "nearest":
            x, y = ops.clip(x, 0, last_column), ops.clip(y, 0, last_row)
        pixels = ops.reshape(images, (-1, channels))
        image = ops.reshape(ops.arange(batch), (-1, 1, 1)) * rows

        def at(y, x):
            inside = ops.logical_and(ops.logical_and(y >= 0, y <= last_row), ops.logical_and(x >= 0, x <= last_column))
            inside = ops.logical_and(inside, ops.logical_not(flat))
            row = ops.cast(ops.clip(y, 0, last_row), image.dtype)
            column = ops.cast(ops.clip(x, 0, last_column), image.dtype)
            found = ops.take(pixels, (image + row) * columns + column, axis=0)
            return ops.where(inside[..., None], found, ops.cast(self.fill_value, images.dtype))

        if self.interpolation == "nearest":
            return at(_round(y), _round(x))
        top, left = ops.floor(y), ops.floor(x)
        down, across = (y - top)[..., None], (x - left)[..., None]
        upper = (1 - across) * at(top, left) + across * at(top, left + 1)
        lower = (1 - across) * at(top + 1, left) + across * at(top + 1, left + 1)
        return (1 - down) * upper + down * lower

    def compute_output_spec(self, images, transforms):
        size = self.output_shape_wanted or images.shape[1:3]
        return keras.KerasTensor((images.shape[0], *size, images.shape[-1]), dtype=images.dtype)

    def get_config(self):
        config = {"output_shape": self.output_shape_wanted, "interpolation": self.interpolation}
        return {**super().get_config(), **config, "fill_mode": self.fill_mode, "fill_value": self.fill_value}


def _round(x):
    """To the nearest integer, halves away from zero."""
    return ops.sign(x) * ops.floor(ops.abs(x) + 0.5)
