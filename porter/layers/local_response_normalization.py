"""`LocalResponseNormalization`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class LocalResponseNormalization(layers.Layer):
    """Divides by what happens in neighbouring channels: `x / (bias + alpha * sum(x²)) ** beta`.

    The sum is over the channel itself and `depth_radius` channels on either side, as far as there are any. Caffe and
    the paper on AlexNet divide alpha by the number of channels in the window; TensorFlow does not.

    Args:
        depth_radius: how many channels on either side count.
        bias, alpha, beta: as in the formula.

    Shapes: [..., channels] in and out.
    Source: tensorflow/python/ops/nn_ops.py, function local_response_normalization, 1.15.
    """

    def __init__(self, depth_radius=5, bias=1.0, alpha=1.0, beta=0.5, **kwargs):
        super().__init__(**kwargs)
        self.depth_radius = depth_radius
        self.bias = bias
        self.alpha = alpha
        self.beta = beta

    def call(self, x):
        channels = x.shape[-1]
        around = [(0, 0)] * (len(x.shape) - 1) + [(self.depth_radius, self.depth_radius)]
        wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        squares = ops.pad(ops.square(wide), around)
        total = sum(squares[..., start : start + channels] for start in range(2 * self.depth_radius + 1))
        return ops.cast(wide / (self.bias + self.alpha * total) ** self.beta, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = {"depth_radius": self.depth_radius, "bias": self.bias, "alpha": self.alpha, "beta": self.beta}
        return {**super().get_config(), **config}
