"""`LegacyBatchNormalization`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="porter")
class LegacyBatchNormalization(layers.Layer):
    """Batch normalisation that goes on training as TensorFlow 1's did; in inference it is Keras' own.

    In training `(x - mean) / sqrt(variance + epsilon) * gamma + beta` with mean and variance of the batch, which also
    move the averages: `average = momentum * average + (1 - momentum) * value`. `training` alone decides: the layer does
    so even where `trainable` is False, which in TensorFlow 1 keeps gamma and beta from training and nothing else. For
    batch renormalisation, `keras.layers.BatchNormalization(renorm=True)` computes what TensorFlow 1.15 did.

    Args:
        axis: the axis of the channels, which keep statistics of their own; all other axes are reduced.
        momentum: of the moving averages. epsilon: added to the variance.
        center: whether there is a beta. scale: whether there is a gamma.
        bessel: whether n / (n - 1) times the variance of n numbers goes into its average, as from the fused kernel.
        zero_debias: whether the average of the mean is divided by 1 - momentum ** steps, so that it does not start near
            zero. What is not divided yet is kept beside it, with the number of steps.
        zero_debias_variance: the same for the average of the variance.
        virtual_batch_size: samples that have statistics of their own in training; it must divide the batch. Sample i is
            in virtual batch i % (batch / size), and the averages take the mean over virtual batches.

    Shapes: [batch, ...] in and out; all weights hold one number per channel, but for the steps, of shape [].
    Source: tensorflow/python/keras/layers/normalization.py, class BatchNormalizationBase, 1.15 (virtual batches);
    tensorflow/core/kernels/fused_batch_norm_op.cc (n / (n - 1)); tensorflow/python/training/moving_averages.py,
    function _zero_debias.
    """

    def __init__(
        self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True, bessel=True, zero_debias=False,
        zero_debias_variance=False, virtual_batch_size=None, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.axis = axis
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.bessel = bessel
        self.zero_debias = zero_debias
        self.zero_debias_variance = zero_debias_variance
        self.virtual_batch_size = virtual_batch_size

    def build(self, input_shape):
        def weight(name, initializer, trainable=False, shape=(input_shape[self.axis],)):
            return self.add_weight(
                shape=shape, initializer=initializer, trainable=trainable, autocast=False, name=name
            )  # fmt: skip

        self.gamma = weight("gamma", "ones", True) if self.scale else None
        self.beta = weight("beta", "zeros", True) if self.center else None
        self.moving_mean = weight("moving_mean", "zeros")
        self.moving_variance = weight("moving_variance", "ones")
        if self.zero_debias:
            self.biased_mean = weight("biased_mean", "zeros")
            self.mean_steps = weight("mean_steps", "zeros", shape=())
        if self.zero_debias_variance:
            self.biased_variance = weight("biased_variance", "zeros")
            self.variance_steps = weight("variance_steps", "zeros", shape=())

    def call(self, x, training=False):
        wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
        rank, axis = len(x.shape), self.axis % len(x.shape)
        shape = [-1 if each == axis else 1 for each in range(rank)]
        if training:
            groups = wide
            if self.virtual_batch_size is not None:
                groups = ops.reshape(wide, (self.virtual_batch_size, -1, *ops.shape(wide)[1:]))
                axis, shape = axis + 1, [1, *shape]
            kept = (axis,) if groups is wide else (1, axis)
            axes = [each for each in range(len(groups.shape)) if each not in kept]
            mean, variance = ops.moments(groups, axes, keepdims=True)
            self._move(groups, axes, mean, variance)
        else:
            groups = wide
            mean = ops.reshape(ops.cast(self.moving_mean, wide.dtype), shape)
            variance = ops.reshape(ops.cast(self.moving_variance, wide.dtype), shape)
        factor = ops.rsqrt(variance + self.epsilon)
        if self.scale:
            factor = factor * ops.reshape(ops.cast(self.gamma, wide.dtype), shape)
        y = (groups - mean) * factor
        if self.center:
            y = y + ops.reshape(ops.cast(self.beta, wide.dtype), shape)
        return ops.cast(ops.reshape(y, ops.shape(wide)), self.compute_dtype)

    def _move(self, x, axes, mean, variance):
        """Move the averages by one step."""
        mean, variance = (self._per_channel(ops.stop_gradient(each)) for each in (mean, variance))
        if self.bessel:
            count = 1.0
            for axis in axes:
                count = count * ops.cast(ops.shape(x)[axis], variance.dtype)
            variance = variance * count / ops.maximum(count - 1.0, 1.0)
        if self.zero_debias:
            self._step_debiased(self.moving_mean, self.biased_mean, self.mean_steps, mean)
        else:
            self.moving_mean.assign(self._step(self.moving_mean, mean))
        if self.zero_debias_variance:
            self._step_debiased(self.moving_variance, self.biased_variance, self.variance_steps, variance)
        else:
            self.moving_variance.assign(self._step(self.moving_variance, variance))

    def _step_debiased(self, average, biased, steps, value):
        """Move an average on, and what it is before the division."""
        biased.assign(self._step(biased, value))
        steps.assign(steps + 1.0)
        average.assign(biased / (1.0 - self.momentum**steps))

    def _per_channel(self, x):
        """[channels] out of a statistic with its axes kept, the mean over virtual batches taken."""
        return ops.reshape(x if self.virtual_batch_size is None else ops.mean(x, axis=1), (-1,))

    def _step(self, average, value):
        return average * self.momentum + ops.cast(value, average.dtype) * (1.0 - self.momentum)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        names = (
            "axis", "momentum", "epsilon", "center", "scale", "bessel", "zero_debias", "zero_debias_variance",
            "virtual_batch_size",
        )  # fmt: skip
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
