"""`LegacySpectralNormalization`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class LegacySpectralNormalization(layers.Wrapper):
    """Wraps a layer whose kernel is divided by its largest singular value, which power iteration finds.

    Each call starts from the vector u that is kept, in inference too, goes `iterations` steps, and divides by what it
    then finds; in training the new u is kept. `keras.layers.SpectralNormalization` is another: it writes the divided
    kernel back into the variable in training, and divides by nothing in inference.

    With W the kernel as a matrix [all axes but the last, last axis], a step is v = unit(u W'), u = unit(v W), and the
    value is v W u'.

    Args:
        layer: one with a `kernel`, such as `keras.layers.Dense(8)` or `keras.layers.Conv2D(8, 3)`.
        iterations: steps in each call.
        epsilon: what keeps a vector's norm from zero.
        guard: how it does so: "norm" divides by norm + epsilon, "squares" by sqrt(max(sum of squares, epsilon)) as
            tf.nn.l2_normalize does.
        side: what u has an entry for: the "filters" of the kernel's last axis, or its "inputs"; W is then transposed.
        stop_gradient: whether u and v count as constants when gradients are taken.

    Shapes: those of the wrapped layer; u [1, filters], or [1, inputs].
    Source: "Spectral Normalization for GANs" (Miyato et al., 2018), as TensorFlow 1 code has it; tensorflow_gan's
    spectral_normalize has its u on the other side.
    """

    def __init__(
        self, layer, iterations=1, epsilon=1e-12, guard="norm", side="filters", stop_gradient=True, **kwargs
    ):  # fmt: skip
        super().__init__(layer, **kwargs)
        for name, value, known in (("guard", guard, ("norm", "squares")), ("side", side, ("filters", "inputs"))):
            if value not in known:
                raise ValueError(f"{name} must be one of {known}. Received: {name}={value}")
        self.iterations = iterations
        self.epsilon = epsilon
        self.guard = guard
        self.side = side
        self.stop_gradient = stop_gradient

    def build(self, input_shape=None):
        super().build(input_shape)
        *inputs, filters = self.layer.kernel.shape
        size = filters
        if self.side == "inputs":
            size = 1
            for each in inputs:
                size *= each
        self.u = self.add_weight(shape=(1, size), initializer="random_normal", trainable=False, name="u")

    def _unit(self, x):
        squares = ops.sum(ops.square(x))
        if self.guard == "norm":
            return x / (ops.sqrt(squares) + self.epsilon)
        return x * ops.rsqrt(ops.maximum(squares, self.epsilon))

    def call(self, x, training=False):
        layer = self.layer
        wide = ops.cast(layer.kernel, keras.backend.result_type(layer.kernel.dtype, "float32"))
        matrix = ops.reshape(wide, (-1, wide.shape[-1]))
        if self.side == "inputs":
            matrix = ops.transpose(matrix)
        u = ops.cast(self.u, wide.dtype)
        v = None
        for _ in range(self.iterations):
            v = self._unit(ops.matmul(u, ops.transpose(matrix)))
            u = self._unit(ops.matmul(v, matrix))
        if self.stop_gradient:
            u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        kernel = wide / ops.matmul(ops.matmul(v, matrix), ops.transpose(u))[0, 0]
        if training:
            self.u.assign(ops.cast(ops.stop_gradient(u), self.u.dtype))
        trained, fixed = (
            [kernel if each is layer.kernel else each for each in variables]
            for variables in (layer.trainable_variables, layer.non_trainable_variables)
        )
        return layer.stateless_call(trained, fixed, x)[0]

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        config = {"iterations": self.iterations, "epsilon": self.epsilon, "guard": self.guard}
        return {**super().get_config(), **config, "side": self.side, "stop_gradient": self.stop_gradient}
