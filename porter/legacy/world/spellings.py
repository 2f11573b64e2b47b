"""Names, arguments and argument orders that TensorFlow had before 1.0, or lost after 1.4, where they mean one thing only."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

RENAMED = {
    "mul": "multiply", "sub": "subtract", "neg": "negative", "pack": "stack", "unpack": "unstack",
    "inv": "reciprocal", "listdiff": "setdiff1d", "select": "where", "batch_matmul": "matmul",
    "complex_abs": "abs", "batch_matrix_transpose": "matrix_transpose", "batch_matrix_diag": "matrix_diag",
    "batch_matrix_inverse": "matrix_inverse", "batch_matrix_determinant": "matrix_determinant",
    "batch_matrix_solve": "matrix_solve", "batch_cholesky": "cholesky", "batch_svd": "svd", "batch_fft2d": "fft2d",
    "batch_ifft2d": "ifft2d", "all_variables": "global_variables", "initialize_all_variables": "global_variables_initializer",
    "initialize_variables": "variables_initializer", "initialize_local_variables": "local_variables_initializer",
    "initialize_all_tables": "tables_initializer", "to_bool": "cast", "mod": "floormod",
}  # fmt: skip
SUMMARIES = {
    "scalar_summary": "scalar", "histogram_summary": "histogram", "image_summary": "image", "audio_summary": "audio",
    "merge_summary": "merge", "merge_all_summaries": "merge_all",
}  # fmt: skip
FLAG_ARGUMENTS = {"flag_name": "name", "default_value": "default", "docstring": "help"}  # names of 1.4, and absl's


def restore(v1: Any) -> None:
    """Add what is gone to `tensorflow.compat.v1`, and let its functions take what they took."""
    for old, new in RENAMED.items():
        if not hasattr(v1, old) and hasattr(v1, new):
            setattr(v1, old, getattr(v1, new))
    for old, new in SUMMARIES.items():
        setattr(v1, old, getattr(v1.summary, new))
    v1.train.SummaryWriter = v1.summary.FileWriter
    v1.concat = _concat(v1.concat)
    v1.split = _split(v1.split)
    v1.reverse = _reverse(v1.reverse)
    v1.batch_matmul = _adjoints(v1.matmul)
    v1.to_bool = lambda x, name="ToBool": v1.cast(x, v1.bool, name=name)
    v1.image.resize_images = _resize(v1.image.resize_images)
    v1.image.resize = v1.image.resize_images
    for name in ("softmax", "sigmoid", "sparse_softmax"):
        function = f"{name}_cross_entropy_with_logits"
        setattr(v1.nn, function, _labels(getattr(v1.nn, function)))
    v1.nn.rnn, v1.nn.state_saving_rnn = v1.nn.static_rnn, v1.nn.static_state_saving_rnn
    v1.nn.bidirectional_rnn = v1.nn.static_bidirectional_rnn
    for name in ("conv1d_transpose", "conv2d_transpose", "conv3d_transpose", "conv2d_backprop_input"):
        setattr(v1.nn, name, _sized(getattr(v1.nn, name)))
    _restore_flags(v1)


def _is_axis(value: Any) -> bool:
    return isinstance(value, int | np.integer) or (isinstance(value, np.ndarray) and value.ndim == 0)


def _concat(concat: Callable[..., Any]) -> Callable[..., Any]:
    """tf.concat(axis, values), the order before 1.0."""

    @functools.wraps(concat)
    def either(values: Any = None, axis: Any = None, name: str = "concat", concat_dim: Any = None) -> Any:
        axis = concat_dim if axis is None else axis
        if _is_axis(values) and not _is_axis(axis):
            values, axis = axis, values
        return concat(values, axis, name=name)

    return either


def _split(split: Callable[..., Any]) -> Callable[..., Any]:
    """tf.split(split_dim, num_split, value), the order before 1.0."""

    @functools.wraps(split)
    def either(
        value: Any = None, num_or_size_splits: Any = None, axis: Any = 0, num: Any = None, name: str = "split",
        split_dim: Any = None, num_split: Any = None,
    ) -> Any:  # fmt: skip
        if _is_axis(value) and not _is_axis(axis):
            value, axis = axis, value
        axis = axis if split_dim is None else split_dim
        return split(value, num_or_size_splits if num_split is None else num_split, axis=axis, num=num, name=name)

    return either


def _reverse(reverse: Callable[..., Any]) -> Callable[..., Any]:
    """tf.reverse(tensor, dims) with a bool for each axis, as before 1.0."""

    @functools.wraps(reverse)
    def either(tensor: Any, axis: Any = None, name: Any = None, dims: Any = None) -> Any:
        axis = dims if axis is None else axis
        if isinstance(axis, list | tuple) and axis and all(isinstance(each, bool) for each in axis):
            axis = [at for at, turned in enumerate(axis) if turned]
        return reverse(tensor, axis, name=name)

    return either


def _adjoints(matmul: Callable[..., Any]) -> Callable[..., Any]:
    """tf.batch_matmul(x, y, adj_x, adj_y)."""
    return lambda x, y, adj_x=False, adj_y=False, name=None: matmul(x, y, adjoint_a=adj_x, adjoint_b=adj_y, name=name)


def _resize(resize: Callable[..., Any]) -> Callable[..., Any]:
    """tf.image.resize_images(images, height, width, method), the order before 1.0."""

    @functools.wraps(resize)
    def either(images: Any, size: Any = None, method: Any = 0, *rest: Any, **more: Any) -> Any:
        if _is_axis(size) and _is_axis(method):
            size, method, rest = [size, method], rest[0] if rest else more.pop("method", 0), rest[1:]
        if "new_height" in more:
            size = [more.pop("new_height"), more.pop("new_width")]
        return resize(images, size, method, *rest, **more)

    return either


def _sized(transpose: Callable[..., Any]) -> Callable[..., Any]:
    """A transposed convolution whose result is known to have the shape that was asked for.

    Today's TensorFlow takes the batch from what comes in, which may be unknown; programs reshape to the static shape.
    """
    place = list(inspect.signature(transpose).parameters)
    known = next(name for name in ("output_shape", "input_sizes") if name in place)

    @functools.wraps(transpose)
    def sized(*args: Any, **more: Any) -> Any:
        from tensorflow.python.framework.tensor_util import constant_value_as_shape

        made = transpose(*args, **more)
        shape = more[known] if known in more else args[place.index(known)]
        if shape is not None:
            made.set_shape(constant_value_as_shape(convert_to_tensor(shape)))
        return made

    from tensorflow.compat.v1 import convert_to_tensor

    return sized


def _labels(cross_entropy: Callable[..., Any]) -> Callable[..., Any]:
    """A cross entropy whose positional arguments are logits and labels, as before 1.0; later ones refuse such a call."""

    @functools.wraps(cross_entropy)
    def either(*args: Any, **more: Any) -> Any:
        if "targets" in more:
            more["labels"] = more.pop("targets")
        if args and args[0] is not None:
            more.update(zip(("logits", "labels"), args, strict=False))
            args = ()
        return cross_entropy(*args, **more)

    return either


def _restore_flags(v1: Any) -> None:
    """Flags may be defined twice, as absl's own are by programs with a `log_dir`, and have defaults of other types.

    Up to 1.4 flags were argparse's, which takes a default that is no text as it is: an integer's may be infinite.
    """
    from absl.flags import FLAGS, FlagValues, IllegalFlagValueError

    asked: Any = FlagValues

    def lenient(define: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(define)
        def defined(*args: Any, **more: Any) -> Any:
            more = {"allow_override": True, **{FLAG_ARGUMENTS.get(key, key): value for key, value in more.items()}}
            more |= dict(zip(("name", "default"), args, strict=False))
            name, default = more.pop("name"), more.pop("default", None)
            try:
                return define(name, default, *args[2:], **more)
            except IllegalFlagValueError:
                if isinstance(default, str):
                    raise
                made = define(name, None, *args[2:], **more)
                FLAGS[name].default = FLAGS[name].value = default
                return made

        return defined

    for name in dir(v1.flags):
        if name.startswith("DEFINE_") and name not in ("DEFINE_alias", "DEFINE_flag"):
            setattr(v1.flags, name, lenient(getattr(v1.flags, name)))
    asked._parse_flags = lambda self: self(sys.argv)  # as programs for TensorFlow before 1.5 asked for it
    v1.app.flags = v1.flags
