"""`CropAndResize`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class CropAndResize(layers.Layer):
    """Cuts boxes out of images and resizes each to `crop_size`; corners of a box lie on the centres of pixels.

    Args:
        crop_size: rows and columns of every crop; without it they are the fourth input [2], which a compiled model
            knows on TensorFlow alone.
        method: "bilinear" or "nearest".
        extrapolation_value: what stands outside of the image.

    Inputs: images [batch, rows, columns, channels], boxes [boxes, 4] as (y1, x1, y2, x2) with 1 for the last pixel,
        and the image that each box is cut from [boxes]. Output: [boxes, *crop_size, channels], float32.
    Source: tensorflow/core/kernels/crop_and_resize_op.cc, 1.15.
    """

    def __init__(self, crop_size=None, method="bilinear", extrapolation_value=0.0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = crop_size is not None  # JAX cannot compile sizes that depend on the data
        self.crop_size = None if crop_size is None else tuple(crop_size)
        self.method = method
        self.extrapolation_value = extrapolation_value

    def call(self, images, boxes, box_indices, crop_size=None):
        crop_rows, crop_columns = self.crop_size or (crop_size[0], crop_size[1])
        _, rows, columns, channels = ops.shape(images)
        y = self._places(boxes[:, 0], boxes[:, 2], rows, crop_rows)[:, :, None]
        x = self._places(boxes[:, 1], boxes[:, 3], columns, crop_columns)[:, None, :]
        last_row, last_column = ops.cast(rows - 1, "float32"), ops.cast(columns - 1, "float32")
        inside = ops.logical_and(
            ops.logical_and(y >= 0, y <= last_row), ops.logical_and(x >= 0, x <= last_column)
        )  # [boxes, crop rows, crop columns]
        y, x = ops.clip(y, 0.0, last_row), ops.clip(x, 0.0, last_column)
        pixels = ops.reshape(ops.cast(images, "float32"), (-1, channels))
        image = ops.cast(box_indices, "int32")[:, None, None] * rows

        def at(y, x):
            return ops.take(pixels, (image + ops.cast(y, "int32")) * columns + ops.cast(x, "int32"), axis=0)

        if self.method == "nearest":
            result = at(ops.floor(y + 0.5), ops.floor(x + 0.5))
        else:
            top, left, bottom, right = ops.floor(y), ops.floor(x), ops.ceil(y), ops.ceil(x)
            down, across = (y - top)[..., None], (x - left)[..., None]
            upper = at(top, left) + (at(top, right) - at(top, left)) * across
            lower = at(bottom, left) + (at(bottom, right) - at(bottom, left)) * across
            result = upper + (lower - upper) * down
        return ops.where(inside[..., None], result, self.extrapolation_value)

    def _places(self, start, end, size, count):
        """Where the crop's rows (or columns) lie in the image: [boxes, count]."""
        last = ops.cast(size - 1, "float32")
        start, end = start[:, None], end[:, None]
        steps = ops.cast(ops.maximum(count - 1, 1), "float32")
        extent = (end - start) * last
        step = extent / steps
        # JAX multiplies by the reciprocal, and the last unit tells whether a box ends inside of the image: add what is
        # left
        coarse = ops.floor(step * 1024) / 1024
        step = step + ((extent - coarse * steps) - (step - coarse) * steps) / steps
        places = start * last + ops.cast(ops.arange(count), "float32") * step
        return ops.where(count == 1, 0.5 * (start + end) * last, places)

    def compute_output_spec(self, images, boxes, box_indices, crop_size=None):
        size = self.crop_size or (None, None)
        return keras.KerasTensor((boxes.shape[0], *size, images.shape[-1]), dtype="float32")

    def get_config(self):
        config = {"crop_size": self.crop_size, "method": self.method}
        return {**super().get_config(), **config, "extrapolation_value": self.extrapolation_value}
