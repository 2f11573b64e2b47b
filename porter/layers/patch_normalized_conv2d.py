"""`PatchNormalizedConv2D`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class PatchNormalizedConv2D(layers.Layer):
    """A convolution that normalises every patch of the image by itself before the kernel is applied to it.

    With p the patch of kernel_size * channels numbers around a place, and n how many these are, the output there is

        sum(p * kernel) / size(p) + bias, with size = sum(abs(p)) for "l1" and sqrt(sum(p * p)) for "l2"
        sum((p - mean(p)) * kernel) / sqrt(sum((p - mean(p)) ** 2) / n) + bias for "z-score"

    No patch is ever put into memory: the sums over windows are taken first along columns, then along rows, of one map
    that holds the channels' sums. Taking the mean off all patches is taking the kernel's off the kernel; the variance
    is put together from the squares inside the parts and between their means, so that nothing large is subtracted.

    Args:
        filters, kernel_size, strides, padding, dilation_rate, data_format, activation, use_bias, kernel_initializer,
            bias_initializer: as `keras.layers.Conv2D` has them; strides and dilation may come together. Zeros that
            padding adds are part of the patch, and count in its mean.
        norm: "l1", "l2" or "z-score".
        epsilon: what keeps the divisor from zero. With 0, a patch of zeros (for "z-score", a constant one) gives
            0 / 0 = NaN, or what rounding leaves of it.
        guard: how it does so. "norm": size + epsilon. "floor": max(size, epsilon). Inside of the root, not for "l1":
            "squares": sqrt(max(sum, epsilon)), "sum": sqrt(sum + epsilon), where the sum is the variance for "z-score".

    Shapes: x [batch, rows, columns, channels] to [batch, new rows, new columns, filters], or with channels first;
    kernel [rows, columns, channels, filters].
    Source: hand-written TensorFlow 1 code around tf.image.extract_image_patches, whose padding this is.
    """

    def __init__(
        self, filters, kernel_size, strides=1, padding="valid", dilation_rate=1, norm="l2", epsilon=0.0, guard="norm",
        data_format="channels_last", activation=None, use_bias=True, kernel_initializer="glorot_uniform",
        bias_initializer="zeros", **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        pairs = [
            (each, each) if isinstance(each, int) else tuple(each) for each in (kernel_size, strides, dilation_rate)
        ]
        for name, value, known in (
            ("padding", padding, ("valid", "same")),
            ("norm", norm, ("l1", "l2", "z-score")),
            ("guard", guard, ("norm", "floor") if norm == "l1" else ("norm", "floor", "squares", "sum")),
            ("data_format", data_format, ("channels_last", "channels_first")),
        ):
            if value not in known:
                raise ValueError(f"{name} must be one of {known}. Received: {name}={value}")
        self.filters = filters
        self.kernel_size, self.strides, self.dilation_rate = pairs
        self.padding = padding
        self.norm = norm
        self.epsilon = epsilon
        self.guard = guard
        self.data_format = data_format
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape):
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        self.kernel = self.add_weight(
            shape=(*self.kernel_size, channels, self.filters), initializer=self.kernel_initializer, name="kernel"
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.filters,), initializer=self.bias_initializer, name="bias")

    def call(self, x):
        wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        if self.data_format == "channels_first":
            wide = ops.transpose(wide, (0, 2, 3, 1))
        middle = None
        if self.norm == "z-score":
            middle = ops.mean(ops.stop_gradient(wide), axis=(1, 2, 3), keepdims=True)
        if self.padding == "same":
            wide = ops.pad(wide, [(0, 0), self._zeros(wide, 0), self._zeros(wide, 1), (0, 0)])
        if middle is not None:  # no score changes, but images far from zero keep their digits
            wide = wide - middle
        y = self._convolved(wide) / self._divisor(wide)
        if self.bias is not None:
            y = y + ops.cast(self.bias, y.dtype)
        if self.data_format == "channels_first":
            y = ops.transpose(y, (0, 3, 1, 2))
        return ops.cast(self.activation(y), self.compute_dtype)

    def _zeros(self, x, place):
        """How many zeros go before and behind rows (0) or columns (1)."""
        size, step = ops.shape(x)[1 + place], self.strides[place]
        missing = (-(-size // step) - 1) * step + self._span(place) - size
        missing = max(missing, 0) if isinstance(missing, int) else ops.maximum(missing, 0)
        return missing // 2, missing - missing // 2

    def _span(self, place):
        return (self.kernel_size[place] - 1) * self.dilation_rate[place] + 1

    def _convolved(self, x):
        kernel = ops.cast(self.kernel, x.dtype)
        if self.norm == "z-score":
            kernel = kernel - ops.mean(kernel, axis=(0, 1, 2), keepdims=True)
        if max(self.dilation_rate) == 1:
            return ops.conv(x, kernel, self.strides, "valid", data_format="channels_last")
        y = ops.conv(x, kernel, 1, "valid", data_format="channels_last", dilation_rate=self.dilation_rate)
        return y[:, :: self.strides[0], :: self.strides[1]]

    def _divisor(self, x):
        if self.norm == "l1":
            total = self._summed(ops.sum(ops.abs(x), axis=-1, keepdims=True))
        elif self.norm == "l2":
            total = self._summed(ops.sum(ops.square(x), axis=-1, keepdims=True))
        else:
            total = self._variance(x)
        if self.guard == "squares":
            return ops.sqrt(ops.maximum(total, self.epsilon))
        if self.guard == "sum":
            return ops.sqrt(total + self.epsilon)
        size = total if self.norm == "l1" else ops.sqrt(total)
        return ops.maximum(size, self.epsilon) if self.guard == "floor" else size + self.epsilon

    def _parts(self, x, place):
        """What the window meets along rows (0) or columns (1): one view of x for each of its places."""
        size, rate = ops.shape(x)[1 + place], self.dilation_rate[place]
        last = size - self._span(place)
        cuts = [slice(at * rate, last + at * rate + 1, self.strides[place]) for at in range(self.kernel_size[place])]
        return [x[:, cut] if place == 0 else x[:, :, cut] for cut in cuts]

    def _summed(self, x):
        return sum(self._parts(sum(self._parts(x, 1)), 0))

    def _variance(self, x):
        count = x.shape[-1]
        mean = ops.mean(x, axis=-1, keepdims=True)
        squares = ops.sum(ops.square(x - mean), axis=-1, keepdims=True)
        for place in (1, 0):
            means = self._parts(mean, place)
            mean = sum(means) / len(means)
            squares = sum(self._parts(squares, place)) + count * sum(ops.square(each - mean) for each in means)
            count = count * len(means)
        return squares / count

    def compute_output_shape(self, input_shape):
        first = self.data_format == "channels_first"
        sizes = list(input_shape[2:] if first else input_shape[1:3])
        for place, size in enumerate(sizes):
            if size is not None:
                reach = 0 if self.padding == "same" else self._span(place) - 1
                sizes[place] = (size - reach - 1) // self.strides[place] + 1
        return (input_shape[0], self.filters, *sizes) if first else (input_shape[0], *sizes, self.filters)

    def get_config(self):
        config = {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "norm": self.norm,
            "epsilon": self.epsilon,
            "guard": self.guard,
            "data_format": self.data_format,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
        return {**super().get_config(), **config}
