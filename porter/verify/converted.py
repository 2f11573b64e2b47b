"""Runs the converted model, with arrays by the names that the source gave its tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from porter.errors import OutputsDiffer


class Converted:
    """The Keras model, and which tensor each of its inputs and outputs stands for (`report`)."""

    def __init__(self, model: Any, report: Mapping[str, Any]) -> None:
        self.model = model
        self.inputs = [item["tensor"] for item in report["inputs"]]
        self.outputs = [item["tensor"] for item in report["outputs"]]
        self._call = self._callable()

    def run(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs, in the order of the report. Raises OutputsDiffer where the model raises."""
        import keras

        values = [feeds[name] for name in self.inputs]
        arguments = values[0] if len(values) == 1 else values
        try:
            results = self._call(arguments)
            return [np.asarray(keras.ops.convert_to_numpy(leaf)) for leaf in keras.tree.flatten(results)]
        except Exception as problem:  # a model may raise anything, and that it does is the finding
            text = str(problem).strip() or "no message"
            raise OutputsDiffer(f"The conversion raises {type(problem).__name__}: {text[:300]}") from problem

    def _callable(self) -> Callable[[Any], Any]:
        """On TensorFlow one trace, with the model's own unknown sizes, serves all batches, faster than eager."""
        import keras

        if keras.backend.backend() != "tensorflow" or not self.inputs:
            return partial(self.model, training=False)
        import tensorflow as tf

        specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in self.model.inputs]
        signature = specs[0] if len(specs) == 1 else specs
        return tf.function(partial(self.model, training=False), input_signature=[signature], autograph=False)
