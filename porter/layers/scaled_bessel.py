"""`ScaledBessel`."""

import keras
from keras import layers, ops

# Chebyshev series of exp(-x) I(x): up to 8 in x / 4 - 1 (that of order 1 divided by x), beyond it, times sqrt(x), in
# 16 / x - 1.
NEAR = (
    (
        0.338397637, -0.304682672, 0.171620902, -0.094901097, 0.0493052842, -0.0237374148, 0.0105464604, -0.00432431,
        0.00163947562, -0.000576375575, 0.000188502885, -5.75419501e-05, 1.64484481e-05, -4.41673836e-06,
        1.11738754e-06, -2.67079374e-07, 6.04698735e-08, -1.29997646e-08,
    ),
    (
        0.126293593, -0.176416518, 0.102643659, -0.0529459812, 0.024726449, -0.0105640849, 0.00415642294,
        -0.00151357245, 0.000512285956, -0.000161760816, 4.78156511e-05, -1.32731637e-05, 3.47025131e-06,
        -8.56872026e-07, 2.00329475e-07, -4.44505901e-08, 9.38152978e-09, -1.88719936e-09,
    ),
)  # fmt: skip
FAR = (
    (0.402245206, 0.00336911648, 6.88975835e-05, 2.89137052e-06, 2.04891869e-07, 2.26667314e-08, 3.3962168e-09),
    (0.389288118, -0.00976109749, -0.000110588939, -3.88256481e-06, -2.51223634e-07, -2.63147312e-08, -3.83535918e-09),
)


@keras.saving.register_keras_serializable(package="porter")
class ScaledBessel(layers.Layer):
    """The modified Bessel function of the first kind, of order 0 or 1, times exp(-|x|): good to float32.

    Args:
        order: 0 or 1.
        scaled: whether it is multiplied by exp(-|x|).

    Source: tf.math.bessel_i0e and bessel_i1e, 1.15. The coefficients are fitted to the functions.
    """

    def __init__(self, order, scaled=True, **kwargs):
        super().__init__(**kwargs)
        self.order, self.scaled = order, scaled

    def call(self, x):
        size = ops.abs(x)
        near = self._series(NEAR[self.order], ops.minimum(size, 8.0) / 4.0 - 1.0)
        near = near * x if self.order else near
        large = ops.maximum(size, 8.0)
        far = self._series(FAR[self.order], 16.0 / large - 1.0) / ops.sqrt(large)
        far = far * ops.sign(x) if self.order else far
        found = ops.where(size <= 8.0, near, far)
        return found if self.scaled else found * ops.exp(size)

    @staticmethod
    def _series(coefficients, x):
        """Clenshaw's sum."""
        one, two = ops.zeros_like(x), ops.zeros_like(x)
        for each in coefficients[:0:-1]:
            one, two = 2.0 * x * one - two + each, one
        return x * one - two + coefficients[0]

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "order": self.order, "scaled": self.scaled}
