"""`import tensorflow as tf`, as TensorFlow 1 had it."""

from __future__ import annotations

import builtins
import contextlib
import importlib
import os
import sys
import warnings
from types import ModuleType
from typing import Any

VERSION = "1.15.5"  # what legacy source is told when it asks

LAYERS = "tf_keras.src.legacy_tf_layers"
KERAS = "tf_keras.api._v1.keras"
ENGINE = "porter.legacy.world.keras_engine"
INSIDE = "tensorflow.python.keras"  # a remainder today, which has half of the layers
MOVED = {
    "tensorflow.contrib": "porter.legacy.world.contrib",
    "tensorflow.contrib.slim": "tf_slim",
    "tensorflow.contrib.slim.python.slim": "tf_slim",
    "tensorflow.contrib.keras": KERAS,
    "tensorflow.contrib.keras.python.keras": KERAS,
    "tensorflow.contrib.keras.api.keras": KERAS,
    "tensorflow.contrib.losses": "tf_slim.losses",
    "tensorflow.contrib.metrics": "tf_slim.metrics",
    "tensorflow.examples": "porter.legacy.world.examples",
    "tensorflow.contrib.learn.python.learn.datasets.mnist": "porter.legacy.world.examples",
    "tensorflow.estimator": "porter.legacy.world.estimator",
    "tensorflow.models.rnn": "tensorflow.nn.rnn_cell",
    "tensorflow.models.rnn.rnn_cell": "tensorflow.nn.rnn_cell",
    "tensorflow.models.rnn.rnn": "tensorflow.nn",
    "tensorflow.models.rnn.seq2seq": "porter.legacy.world.contrib.legacy_seq2seq",
    "tensorflow.python.ops.rnn_cell": "tensorflow.nn.rnn_cell",
    "tensorflow.python.ops.rnn_cell_impl": "tensorflow.nn.rnn_cell",
    "tensorflow.python.ops.seq2seq": "porter.legacy.world.contrib.legacy_seq2seq",
    "tensorflow.python.layers": LAYERS,
    "tensorflow.python.layers.layers": "tensorflow.layers",
    "tensorflow.keras": KERAS,
    "keras": KERAS,
    "keras.engine": ENGINE,
    "keras.objectives": f"{KERAS}.losses",
    INSIDE: KERAS,
    f"{INSIDE}.engine": ENGINE,
    f"{INSIDE}._impl.keras": KERAS,
    f"{INSIDE}._impl.keras.engine": ENGINE,
    "tf_keras.legacy_tf_layers": LAYERS,  # where tf-slim looks for it
}
DIVIDED = [f"tensorflow.python.framework.{name}" for name in ("ops", "tensor_shape", "sparse_tensor")]
DIVIDED += [
    f"tensorflow.python.ops.{name}"
    for name in ("array_ops", "math_ops", "control_flow_ops", "nn_ops", "nn", "variables", "variable_scope", "init_ops",
                 "standard_ops")
]  # fmt: skip


def restore() -> None:
    """Make the module `tensorflow` what it was. Graphs are built as TensorFlow 1 built them."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    warnings.simplefilter("ignore")
    import tensorflow as tf

    v1 = tf.compat.v1
    v1.logging.set_verbosity(v1.logging.ERROR)
    v1.disable_v2_behavior()  # resource variables and control flow of version 2 too
    from porter.addons import older_keras
    from porter.legacy.world import examples, spellings
    from porter.legacy.world.aliases import CONTRIB, Aliases
    from porter.legacy.world.contrib import parts

    keras = importlib.import_module(KERAS)
    sys.meta_path.insert(0, Aliases(MOVED))
    sys.meta_path.append(Aliases({name: name for name in (LAYERS, *(f"{CONTRIB}.{part}" for part in parts()))}))
    for part in ("base", "convolutional", "core", "normalization", "pooling"):
        importlib.import_module(f"{LAYERS}.{part}")
    import tf_keras

    older_keras.keep_all_steps()
    tf_keras.legacy_tf_layers = sys.modules[LAYERS]
    v1.keras, v1.layers = keras, importlib.import_module(f"{KERAS}.__internal__.legacy.layers")
    v1.nn.rnn_cell = sys.modules["tensorflow.nn.rnn_cell"] = importlib.import_module(
        f"{KERAS}.__internal__.legacy.rnn_cell"
    )
    spellings.restore(v1)
    _forget_devices()
    _take_over(tf, v1)
    _refill(v1)
    examples.restore_datasets(keras)
    tf.estimator = v1.estimator = importlib.import_module("tensorflow.estimator")
    tf.contrib = v1.contrib = importlib.import_module("tensorflow.contrib")
    cells: Any = importlib.import_module("tensorflow.contrib.rnn")
    private: Any = importlib.import_module("tensorflow.python.ops.rnn_cell_impl")
    private._linear, private._Linear = cells._linear, cells._Linear
    tf.examples = importlib.import_module("tensorflow.examples")
    tf.pywrap_tensorflow = importlib.import_module("tensorflow.python.pywrap_tensorflow")
    tf.pywrap_tensorflow.NewCheckpointReader = v1.train.NewCheckpointReader
    tf.python = v1.python = sys.modules["tensorflow.python"]
    for name in [name for name in sys.modules if name == INSIDE or name.startswith(f"{INSIDE}.")]:
        del sys.modules[name]  # TensorFlow has what it needs of it
    tf.python.keras = keras
    keras.utils.multi_gpu_model = lambda model, *_, **__: model
    for module in (tf, v1):
        module.__version__ = module.VERSION = VERSION


def _forget_devices() -> None:
    """Let `tf.device` mean nothing: the graphics cards and the other machines that a program names are not here."""
    from tensorflow.python.framework.ops import Graph

    Graph.device = lambda self, device_name_or_function: contextlib.nullcontext()  # type: ignore[method-assign]


def _refill(v1: Any) -> None:
    """Private files that TensorFlow has since divided hold again what tf-slim and legacy source look for there."""
    from tensorflow.python.framework import graph_util, tensor_shape
    from tensorflow.python.ops import nn
    from tensorflow.python.util import nest

    for module, public in ((nn, v1.nn), (graph_util, v1.graph_util)):
        _fill(module, public)
    for private in DIVIDED:
        _fill(importlib.import_module(private), v1)
    nest.is_sequence = nest.is_nested  # type: ignore[attr-defined]
    shapes: Any = tensor_shape
    shapes.scalar, shapes.vector = lambda: v1.TensorShape([]), lambda length: v1.TensorShape([length])
    shapes.matrix = lambda rows, columns: v1.TensorShape([rows, columns])
    importlib.import_module("tensorflow.python.ops.variable_scope").variable = v1.Variable  # type: ignore[attr-defined]
    python: Any = sys.modules["tensorflow.python"]
    for private in DIVIDED:  # `from tensorflow.python import control_flow_ops`
        setattr(python, private.rpartition(".")[2], sys.modules[private])


def _fill(module: Any, public: Any) -> None:
    """Give a private module the names of a public one that it has not."""
    for name in dir(public):
        if not name.startswith("_") and not hasattr(builtins, name) and not hasattr(module, name):
            setattr(module, name, getattr(public, name))


def _take_over(tf: Any, v1: Any) -> None:
    """Let `tensorflow` have the names of version 1, its modules too."""
    for name in dir(tf):
        if not name.startswith("_") and not hasattr(v1, name) and name not in ("compat", "python"):
            vars(tf).pop(name, None)
    for name in dir(v1):
        if name.startswith("_") or name == "compat":
            continue
        value = getattr(v1, name)
        setattr(tf, name, value)
        if isinstance(value, ModuleType):
            sys.modules[f"tensorflow.{name}"] = value
