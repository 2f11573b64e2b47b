"""Runs the converted model, with arrays by the names that the source gave its tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, repeat
from typing import Any

import numpy as np

from porter.errors import OutputsDiffer
from porter.verify.reference import first_line
from porter.verify.words import as_text


class Converted:
    """The Keras model, and which tensor each of its inputs and outputs stands for (`report`)."""

    def __init__(self, model: Any, report: Mapping[str, Any]) -> None:
        self.model = model
        self.inputs = [item["tensor"] for item in report["inputs"]]
        self.outputs = [item["tensor"] for item in report["outputs"]]
        self._call = self._callable()

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs, by tensor name. Raises OutputsDiffer where the model raises, or doesn't give what it should."""
        import keras

        values = [feeds[name] for name in self.inputs]
        arguments = values[0] if len(values) == 1 else values
        try:
            results = self._call(arguments)
            leaves = keras.tree.flatten(results)
            arrays = [as_text(np.asarray(keras.ops.convert_to_numpy(leaf))) for leaf in leaves]
        except Exception as problem:  # a model may raise anything, and that it does is the finding
            text = first_line(problem) if type(problem).__module__.startswith("tensorflow") else str(problem).strip()
            text = text or "no message"
            raise OutputsDiffer(f"The conversion raises {type(problem).__name__}: {text[:300]}") from problem
        return named(self.outputs, arrays)

    def _callable(self) -> Callable[[Any], Any]:
        """On TensorFlow one trace, with the model's own unknown sizes, serves all batches: loops run fast in it. The
        first call is made without, as `model(x)` is: what Keras takes only where it traces is no model yet."""
        import keras

        if keras.backend.backend() != "tensorflow" or not self.inputs:
            return partial(self.model, training=False)
        import tensorflow as tf

        specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in self.model.inputs]
        signature = specs[0] if len(specs) == 1 else specs
        traced = tf.function(partial(self.model, training=False), input_signature=[signature], autograph=False)
        ways = chain([partial(self.model, training=False)], repeat(traced))

        def call(arguments: Any) -> Any:
            given = tf.nest.map_structure(
                lambda spec, value: tf.convert_to_tensor(value, spec.dtype), signature, arguments
            )
            with _as_written():
                return next(ways)(given)

        return call


def named(names: Sequence[str], arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """`arrays` by name. A name may occur twice, but must then have one value."""
    if len(names) != len(arrays):
        raise OutputsDiffer(f"The conversion gives {len(arrays)} outputs, the report names {len(names)}")
    found: dict[str, np.ndarray] = {}
    for name, array in zip(names, arrays, strict=True):
        if name in found and not same(found[name], array):
            raise OutputsDiffer(f"The conversion gives {name} twice, with different numbers")
        found[name] = array
    return found


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether both hold the same bits; NaN equals NaN."""
    return np.array_equal(one, other, equal_nan=one.dtype.kind in "fVc" and other.dtype.kind in "fVc")


@contextmanager
def _as_written() -> Iterator[None]:
    """Without TensorFlow's graph optimiser, which runs less than was written: not two Reshapes that cancel out, say."""
    import tensorflow as tf

    before = tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": before})
