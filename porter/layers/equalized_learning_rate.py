"""`EqualizedLearningRate`."""

import keras
from keras import layers


@keras.saving.register_keras_serializable(package="porter")
class EqualizedLearningRate(layers.Wrapper):
    """Wraps a layer whose kernel is its variable times a constant, so that all layers learn at one pace.

    Args:
        layer: one with a `kernel`, such as `keras.layers.Dense(8)`; that kernel is what the constant multiplies.
        factor: the constant, usually gain / sqrt(number of inputs).

    Shapes: those of the wrapped layer.
    Source: "Progressive Growing of GANs" (Karras et al., 2017) and its TensorFlow 1 code.
    """

    def __init__(self, layer, factor, **kwargs):
        super().__init__(layer, **kwargs)
        self.factor = factor

    def call(self, x):
        kernel, layer = self.layer.kernel * self.factor, self.layer
        trained, fixed = (
            [kernel if each is layer.kernel else each for each in variables]
            for variables in (layer.trainable_variables, layer.non_trainable_variables)
        )
        return layer.stateless_call(trained, fixed, x)[0]

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
