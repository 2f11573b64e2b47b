"""`tf.contrib.distributions`: those that TensorFlow itself has kept, and two that are made of these."""

from __future__ import annotations

from typing import Any

import tensorflow.compat.v1 as tf
from tensorflow.python.ops.distributions.distributions import *  # noqa: F403

softplus_inverse = lambda x, name=None: tf.log(tf.expm1(x), name=name)  # noqa: E731


class MultivariateNormalDiag:
    """Independent normal distributions of the entries of a vector: what is asked for is of all together."""

    def __init__(self, loc: Any = None, scale_diag: Any = None, scale_identity_multiplier: Any = None,
                 validate_args: bool = False, allow_nan_stats: bool = True,
                 name: str = "MultivariateNormalDiag"):  # fmt: skip
        with tf.name_scope(name):
            known = tf.convert_to_tensor(scale_diag if loc is None else loc)
            scale = tf.ones_like(known) if scale_diag is None else tf.convert_to_tensor(scale_diag)
            if scale_identity_multiplier is not None:
                scale = scale_identity_multiplier * tf.ones_like(known) + (0.0 if scale_diag is None else scale)
            self.loc = tf.zeros_like(known) if loc is None else known
            self.parts = tf.distributions.Normal(self.loc, scale)
        self.name, self.dtype, self.event_shape = name, known.dtype, known.shape[-1:]

    def __getattr__(self, name: str) -> Any:
        """`sample`, `mean`, `mode`, `stddev`, `variance` and the like are those of the entries."""
        if name.startswith("__") or name in ("parts", "cdf", "log_cdf", "covariance"):
            raise AttributeError(name)
        return getattr(self.parts, name)

    def log_prob(self, value: Any, name: str = "log_prob") -> Any:
        """Of vectors [..., n]: [...]."""
        return tf.reduce_sum(self.parts.log_prob(value), -1)

    def prob(self, value: Any, name: str = "prob") -> Any:
        """Of vectors [..., n]: [...]."""
        return tf.exp(self.log_prob(value))

    def entropy(self, name: str = "entropy") -> Any:
        """[...]."""
        return tf.reduce_sum(self.parts.entropy(), -1)

    def kl_divergence(self, other: Any, name: str = "kl_divergence") -> Any:
        """From another of the kind: [...]."""
        return tf.reduce_sum(tf.distributions.kl_divergence(self.parts, other.parts), -1)


class MultivariateNormalDiagWithSoftplusScale(MultivariateNormalDiag):
    """The same with softplus(scale_diag) for its scale."""

    def __init__(self, loc: Any, scale_diag: Any, **more: Any):
        super().__init__(loc, tf.nn.softplus(scale_diag), **more)


class OneHotCategorical(tf.distributions.Categorical):
    """A choice among n, as a vector with a 1."""

    def sample(self, sample_shape: Any = (), seed: Any = None, name: str = "sample", **more: Any) -> Any:
        """Vectors [..., n]."""
        drawn = super().sample(sample_shape, seed, name, **more)
        return tf.one_hot(drawn, self.logits.shape[-1].value or tf.shape(self.logits)[-1], dtype=self.dtype)

    def log_prob(self, value: Any, name: str = "log_prob") -> Any:
        """Of vectors [..., n]: [...]."""
        return -tf.nn.softmax_cross_entropy_with_logits_v2(labels=tf.cast(value, self.logits.dtype), logits=self.logits)

    def prob(self, value: Any, name: str = "prob") -> Any:
        """Of vectors [..., n]: [...]."""
        return tf.exp(self.log_prob(value))

    def mode(self, name: str = "mode") -> Any:
        """The likeliest [..., n]."""
        return tf.one_hot(tf.argmax(self.logits, -1), self.logits.shape[-1].value, dtype=self.dtype)


def kl_divergence(distribution_a: Any, distribution_b: Any, *rest: Any, **more: Any) -> Any:
    """How far b is from a."""
    if isinstance(distribution_a, MultivariateNormalDiag):
        return distribution_a.kl_divergence(distribution_b)
    return tf.distributions.kl_divergence(distribution_a, distribution_b, *rest, **more)
