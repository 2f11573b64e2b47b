"""`LegacyResizing`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class LegacyResizing(layers.Layer):
    """Resizes pictures as TensorFlow 1 did: output pixel i lies at `i * rows / height`, not at Keras' half pixels.

    Args:
        size: height and width of the result, an int if they are equal; None to give `factor` or a picture to follow.
        factor: how many times as high and as wide the result is, an int if as many.
        interpolation: "bilinear", "nearest", "bicubic" (with TensorFlow 1's coefficient -0.75 and its table of 1024
            steps), or "area" (the mean over the pixels that an output pixel covers).
        align_corners: output pixel i lies at `i * (rows - 1) / (height - 1)`.
        half_pixel_centers: output pixel i lies at `(i + 0.5) * rows / height - 0.5`, bicubic then with -0.5.

    Call arguments: the pictures, and, without size and factor, pictures whose height and width the result gets, or
    height and width as a pair of numbers.
    Shapes: [batch, rows, columns, channels] to [batch, height, width, channels], float32 unless "nearest".
    Source: tensorflow/core/kernels/resize_*_op.cc and image_resizer_state.h, 1.15.
    """

    def __init__(
        self,
        size=None,
        factor=None,
        interpolation="bilinear",
        align_corners=False,
        half_pixel_centers=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if interpolation not in ("bilinear", "nearest", "bicubic", "area"):
            raise ValueError(f"Unknown interpolation. Received: interpolation={interpolation!r}")
        self.size = (size, size) if isinstance(size, int) else size and tuple(size)
        self.factor = (factor, factor) if isinstance(factor, int) else factor and tuple(factor)
        self.interpolation = interpolation
        self.align_corners = align_corners
        self.half_pixel_centers = half_pixel_centers

    def call(self, x, like=None):
        shape = ops.shape(x)
        if like is not None and not isinstance(like, (tuple, list)):
            like = ops.shape(like)[1:3]
        height, width = self._size(shape[1:3], like)
        if self.interpolation != "nearest":
            x = ops.cast(x, "float32")
        resize = getattr(self, f"_{self.interpolation}")
        return resize(resize(x, 2, shape[2], width), 1, shape[1], height)

    def _size(self, own, other):
        if self.size is not None:
            return self.size
        if self.factor is not None:
            return tuple(None if own[i] is None else own[i] * self.factor[i] for i in (0, 1))
        return tuple(other)

    def _step(self, old, new):
        """The distance between two output pixels, in input pixels."""
        old, new = ops.cast(old, "float32"), ops.cast(new, "float32")
        if self.align_corners:
            return ops.where(new > 1, (old - 1) / ops.maximum(new - 1, 1), old / new)
        return old / new

    def _places(self, old, new):
        """Where the output pixels lie between the input's."""
        places = ops.cast(ops.arange(new), "float32")
        step = self._step(old, new)
        return (places + 0.5) * step - 0.5 if self.half_pixel_centers else places * step

    def _take(self, x, axis, old, places):
        return ops.take(x, ops.clip(ops.cast(places, "int32"), 0, old - 1), axis=axis)

    def _along(self, x, axis, weights):
        return ops.reshape(weights, [-1 if each == axis else 1 for each in range(len(x.shape))])

    def _nearest(self, x, axis, old, new):
        places = ops.cast(ops.arange(new), "float32")
        places = (places + 0.5 if self.half_pixel_centers else places) * self._step(old, new)
        return self._take(x, axis, old, ops.floor(places + 0.5 if self.align_corners else places))

    def _bilinear(self, x, axis, old, new):
        places = self._places(old, new)
        low = self._take(x, axis, old, ops.floor(places))
        high = self._take(x, axis, old, ops.ceil(places))
        return low + (high - low) * self._along(x, axis, places - ops.floor(places))

    def _bicubic(self, x, axis, old, new):
        places = self._places(old, new)
        first = ops.floor(places)
        between = ops.round((places - first) * 1024) / 1024
        a = -0.5 if self.half_pixel_centers else -0.75
        found, total = 0.0, 0.0
        for offset in (-1, 0, 1, 2):
            distance = ops.abs(between - offset)
            near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
            far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
            weights = near if offset in (0, 1) else far
            if self.half_pixel_centers:
                inside = ops.logical_and(first + offset >= 0, first + offset < ops.cast(old, "float32"))
                weights = ops.where(inside, weights, 0.0)
            total = total + weights
            found = found + self._take(x, axis, old, first + offset) * self._along(x, axis, weights)
        return found / self._along(x, axis, total) if self.half_pixel_centers else found

    def _area(self, x, axis, old, new):
        """Each output pixel is the mean of [start, end), in which the first and the last pixel count partly."""
        step = self._step(old, new)
        start = ops.expand_dims(ops.cast(ops.arange(new), "float32") * step, 1)
        end = ops.expand_dims((ops.cast(ops.arange(new), "float32") + 1) * step, 1)
        pixels = ops.expand_dims(ops.cast(ops.arange(old), "float32"), 0)
        covered = ops.maximum(ops.minimum(pixels + 1, end) - ops.maximum(pixels, start), 0.0)
        covered = ops.where(ops.logical_and(pixels < start, end < pixels + 1), step, covered)
        # With aligned corners the last output pixel reaches beyond the input, whose last pixel counts for that too.
        beyond = ops.maximum(end - ops.maximum(start, ops.cast(old, "float32")), 0.0)
        covered = ops.where(pixels == ops.cast(old, "float32") - 1, covered + beyond, covered) / step
        return ops.einsum("oi,biwc->bowc" if axis == 1 else "oi,bhic->bhoc", covered, x)

    def compute_output_spec(self, x, like=None):
        size = self._size(x.shape[1:3], None if like is None else like.shape[1:3])
        dtype = x.dtype if self.interpolation == "nearest" else "float32"
        return keras.KerasTensor((x.shape[0], *size, x.shape[3]), dtype=dtype)

    def get_config(self):
        config = {"size": self.size, "factor": self.factor, "interpolation": self.interpolation}
        config |= {"align_corners": self.align_corners, "half_pixel_centers": self.half_pixel_centers}
        return {**super().get_config(), **config}
