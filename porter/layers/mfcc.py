"""`MFCC`."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class MFCC(layers.Layer):
    """Mel frequency cepstral coefficients: the cosine transform of how loud bands of frequencies are.

    Args:
        sample_rate: of the sound, per second.
        lower_frequency, upper_frequency: what the bands cover, in Hz.
        bands: how many, equally wide on the mel scale.
        coefficients: how many of the cosine transform.

    Shapes: squared spectrograms [channels, windows, frequencies] to [channels, windows, coefficients].
    Source: tensorflow/core/kernels/mfcc_mel_filterbank.cc and mfcc_dct.cc, 1.15.
    """

    def __init__(self, sample_rate, lower_frequency=20.0, upper_frequency=4000.0, bands=40, coefficients=13, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.sample_rate = sample_rate
        self.lower_frequency, self.upper_frequency = lower_frequency, upper_frequency
        self.bands = bands
        self.coefficients = coefficients

    def call(self, x):
        bands = ops.matmul(ops.sqrt(x), self._filters(x.shape[-1]))
        place = np.outer(np.arange(self.bands) + 0.5, np.arange(self.coefficients))
        cosines = np.sqrt(2 / self.bands) * np.cos(np.pi / self.bands * place)
        return ops.matmul(ops.log(ops.maximum(bands, 1e-12)), cosines.astype("float32"))

    def _filters(self, size):
        """How much each frequency counts in each band: triangles that reach to the centres of the neighbours."""
        step = 0.5 * self.sample_rate / (size - 1)
        low, high = (1127 * np.log1p(each / 700) for each in (self.lower_frequency, self.upper_frequency))
        centres = low + (high - low) / (self.bands + 1) * np.arange(1, self.bands + 2)
        mel = 1127 * np.log1p(np.arange(size) * step / 700)
        first, last = int(1.5 + self.lower_frequency / step), int(self.upper_frequency / step)
        filters = np.zeros((size, self.bands), "float32")
        for place in range(first, min(last, size - 1) + 1):
            # the band whose centre is the last below this frequency, -1 for none
            band = min(int(np.searchsorted(centres, mel[place])), self.bands) - 1
            before = low if band < 0 else centres[band]
            weight = (centres[band + 1] - mel[place]) / (centres[band + 1] - before)
            if band >= 0:
                filters[place, band] = weight
            if band + 1 < self.bands:
                filters[place, band + 1] = 1 - weight
        return filters

    def compute_output_spec(self, x):
        return keras.KerasTensor((*x.shape[:-1], self.coefficients), dtype=x.dtype)

    def get_config(self):
        config = {"sample_rate": self.sample_rate, "lower_frequency": self.lower_frequency}
        config.update(upper_frequency=self.upper_frequency, bands=self.bands, coefficients=self.coefficients)
        return {**super().get_config(), **config}
