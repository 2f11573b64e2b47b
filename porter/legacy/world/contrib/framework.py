"""`tf.contrib.framework`: arg_scope, variables, the global step, and what reads checkpoints."""

from __future__ import annotations

from typing import Any

import tensorflow.compat.v1 as tf
from tensorflow.python.ops.variables import Variable as _Variable
from tensorflow.python.util import nest
from tf_slim.ops import arg_scope as _arg_scope
from tf_slim.ops import variables
from tf_slim.ops.arg_scope import *  # noqa: F403
from tf_slim.ops.arg_scope import add_arg_scope, arg_scope, arg_scoped_arguments, current_arg_scope, has_arg_scope
from tf_slim.ops.variables import *  # noqa: F403

argsort, sort = tf.argsort, tf.sort
init_from_checkpoint = tf.train.init_from_checkpoint
list_variables, load_checkpoint = tf.train.list_variables, tf.train.load_checkpoint
load_variable = tf.train.load_variable
py_func = tf.py_func


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor of some kind, or a variable."""
    return isinstance(x, tf.Tensor | tf.SparseTensor | _Variable)


def with_shape(expected_shape: Any, tensor: Any) -> Any:
    """The tensor, with that shape said of it."""
    tensor.set_shape(expected_shape)
    return tensor


def get_name_scope() -> str:
    """The scope in which operations are named now."""
    return tf.get_default_graph().get_name_scope()


def __getattr__(name: str) -> Any:
    """What lies in the modules that these were private files of."""
    return getattr(_arg_scope if hasattr(_arg_scope, name) else variables, name)
