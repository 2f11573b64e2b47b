"""`tf.contrib.opt`: optimizers that training code of the time took from there. porter itself never takes their steps."""

from __future__ import annotations

from typing import Any

import tensorflow.compat.v1 as tf


class LazyAdamOptimizer(tf.train.AdamOptimizer):
    """Adam; for sparse gradients this one updates all moments, which only training would notice."""


class NadamOptimizer(tf.train.AdamOptimizer):
    """Adam with Nesterov's momentum: the operation has it as an argument."""

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        beta1_power, beta2_power = self._get_beta_accumulators()
        return tf.raw_ops.ApplyAdam(
            var=var._ref(), m=self.get_slot(var, "m")._ref(),
            v=self.get_slot(var, "v")._ref(), beta1_power=beta1_power, beta2_power=beta2_power, lr=self._lr_t,
            beta1=self._beta1_t, beta2=self._beta2_t, epsilon=self._epsilon_t, grad=grad, use_nesterov=True,
        ).op  # fmt: skip


def extend_with_decoupled_weight_decay(base: type) -> type:
    """An optimizer class that also shrinks each variable by `weight_decay` in a step."""

    class Decoupled(base):
        """The optimizer with weight decay."""

        def __init__(self, weight_decay: Any, *args: Any, **more: Any):
            super().__init__(*args, **more)
            self._decay = weight_decay

        def apply_gradients(self, grads_and_vars: Any, *args: Any, **more: Any) -> Any:
            """The step, after the variables have been shrunk."""
            pairs = list(grads_and_vars)
            shrink = [tf.assign_sub(variable, self._decay * variable) for grad, variable in pairs if grad is not None]
            with tf.control_dependencies(shrink):
                return super().apply_gradients(pairs, *args, **more)

    return Decoupled


AdamWOptimizer = extend_with_decoupled_weight_decay(tf.train.AdamOptimizer)
MomentumWOptimizer = extend_with_decoupled_weight_decay(tf.train.MomentumOptimizer)
