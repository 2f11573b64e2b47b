"""`tf.estimator`, as far as a graph needs it: what a model function returns, and an Estimator that builds its graph.

An Estimator here never trains. Its `train`, `evaluate` and `predict` build the graph for prediction from the first
features that `input_fn` gives; whoever runs the program stops it there.
"""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf


class ModeKeys:
    """What a graph is built for."""

    TRAIN, EVAL, PREDICT = "train", "eval", "infer"


class EstimatorSpec(NamedTuple):
    """What a model function returns."""

    mode: str
    predictions: Any = None
    loss: Any = None
    train_op: Any = None
    eval_metric_ops: Any = None
    export_outputs: Any = None
    training_chief_hooks: Any = None
    training_hooks: Any = None
    scaffold: Any = None
    evaluation_hooks: Any = None
    prediction_hooks: Any = None


class RunConfig:
    """Settings of a run, kept as they are given."""

    def __init__(self, model_dir: str | None = None, **settings: Any):
        self.model_dir = model_dir
        vars(self).update(settings)

    def replace(self, **settings: Any) -> RunConfig:
        """The same with other settings."""
        return RunConfig(**{**vars(self), **settings})


class Estimator:
    """A model function with its parameters."""

    def __init__(self, model_fn: Callable[..., Any], model_dir: str | None = None, config: Any = None, params: Any = None,
                 warm_start_from: Any = None):  # fmt: skip
        self.model_fn, self.model_dir, self.config = model_fn, model_dir, config or RunConfig(model_dir)
        self.params = params if params is not None else {}

    def build(self, input_fn: Callable[..., Any]) -> Any:
        """The predictions: a tensor, or tensors by name."""
        given = input_fn(**self._asked(input_fn, {"params": self.params, "mode": ModeKeys.PREDICT}))
        if hasattr(given, "make_one_shot_iterator") or isinstance(given, tf.data.Dataset):
            given = tf.data.make_one_shot_iterator(given).get_next()
        features, labels = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
        known = {"labels": labels, "mode": ModeKeys.PREDICT, "params": self.params, "config": self.config}
        return self.model_fn(features, **self._asked(self.model_fn, known)).predictions

    @staticmethod
    def _asked(function: Callable[..., Any], known: dict[str, Any]) -> dict[str, Any]:
        names = inspect.signature(function).parameters
        return {name: value for name, value in known.items() if name in names}

    def train(self, input_fn: Callable[..., Any], *_: Any, **__: Any) -> Any:
        """Build the graph."""
        return self.build(input_fn)

    evaluate = predict = train


def numpy_input_fn(
    x: Any, y: Any = None, batch_size: int = 128, num_epochs: Any = 1, shuffle: Any = None, **_: Any
) -> Any:
    """Placeholders of the shapes and types of the arrays."""

    def placeholder(name: str, array: Any) -> Any:
        return tf.placeholder(tf.as_dtype(array.dtype), [None, *array.shape[1:]], name=name)

    def input_fn() -> Any:
        features = {k: placeholder(k, v) for k, v in x.items()} if isinstance(x, dict) else placeholder("features", x)
        return features if y is None else (features, placeholder("labels", y))

    return input_fn


def train_and_evaluate(estimator: Estimator, train_spec: Any, eval_spec: Any = None) -> Any:
    """Build the graph."""
    return estimator.train(train_spec.input_fn)


class TrainSpec(SimpleNamespace):
    """How to train."""

    def __init__(self, input_fn: Any, max_steps: Any = None, hooks: Any = None):
        super().__init__(input_fn=input_fn, max_steps=max_steps, hooks=hooks)


class EvalSpec(TrainSpec):
    """How to evaluate."""

    def __init__(self, input_fn: Any, steps: Any = 100, **more: Any):
        super().__init__(input_fn, steps)


inputs = SimpleNamespace(numpy_input_fn=numpy_input_fn)
export = SimpleNamespace(
    PredictOutput=dict, ClassificationOutput=dict, RegressionOutput=dict,
    ServingInputReceiver=namedtuple("ServingInputReceiver", ["features", "receiver_tensors"], defaults=[None]),
)  # fmt: skip


def __getattr__(name: str) -> Any:
    """The hooks, under their older names; what else there was may be named, and using it is an error that names it."""
    from porter.legacy.world.libraries import Unusable

    if name.startswith("__"):
        raise AttributeError(name)
    if hasattr(tf.train, name):
        return getattr(tf.train, name)
    return Unusable(f"tf.estimator.{name}", "the world in which porter runs legacy source has no such part")
