"""`AudioSpectrogram`."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class AudioSpectrogram(layers.Layer):
    """How strong each frequency is in windows of a sound, each faded in and out by a Hann window.

    Args:
        window_size, stride: in samples. The transform is as long as the next power of two.
        magnitude_squared: leave the squares as they are.

    Shapes: [samples, channels] to [channels, windows, transform / 2 + 1].
    Source: tensorflow/core/kernels/spectrogram.cc, 1.15.
    """

    def __init__(self, window_size, stride, magnitude_squared=False, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.window_size = window_size
        self.stride = stride
        self.magnitude_squared = magnitude_squared
        self.fft_length = 1 << (window_size - 1).bit_length()

    def call(self, x):
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window_size) / self.window_size)
        samples = ops.shape(x)[0]
        count = (samples - self.window_size) // self.stride + 1
        start = ops.arange(count)[:, None] * self.stride
        frames = ops.take(ops.transpose(x), start + ops.arange(self.window_size)[None, :], axis=1)
        real, imaginary = ops.rfft(frames * window.astype("float32"), self.fft_length)
        power = real * real + imaginary * imaginary
        return power if self.magnitude_squared else ops.sqrt(power)

    def compute_output_spec(self, x):
        windows = None if x.shape[0] is None else (x.shape[0] - self.window_size) // self.stride + 1
        return keras.KerasTensor((x.shape[1], windows, self.fft_length // 2 + 1), dtype=x.dtype)

    def get_config(self):
        config = {"window_size": self.window_size, "stride": self.stride}
        return {**super().get_config(), **config, "magnitude_squared": self.magnitude_squared}
