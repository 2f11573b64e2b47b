"""The classes and functions that a file may name. Nothing outside these lists is looked up, imported or run."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from porter.errors import Unsupported
from porter.read.keras_file.byte_code import names_in
from porter.read.keras_file.keras1 import as_then, is_before, modern, older

ACTIVATIONS = {
    "linear", "relu", "sigmoid", "tanh", "softmax", "softplus", "softsign", "elu", "selu", "exponential", "swish", "silu",
    "gelu", "mish", "hard_sigmoid", "leaky_relu",
}  # fmt: skip

# TensorFlow's functions in the layers that tf.keras makes of `x + y` or `tf.reduce_mean(x)`: they compute, and no more.
PURE_MODULES = ("math.", "nn.", "linalg.", "image.", "signal.", "bitwise.", "__operators__.", "random.", "dtypes.")
PURE = {
    "abs", "acos", "acosh", "add", "add_n", "argmax", "argmin", "argsort", "asin", "asinh", "atan", "atan2", "atanh",
    "batch_to_space", "boolean_mask", "broadcast_to", "cast", "clip_by_norm", "clip_by_value", "complex", "concat", "cos",
    "cosh", "cumsum", "divide", "edit_distance", "einsum", "equal", "exp", "expand_dims", "eye", "fill", "floor", "gather",
    "gather_nd", "greater", "greater_equal", "identity", "less", "less_equal", "linspace", "logical_and", "logical_not",
    "logical_or", "matmul", "maximum", "meshgrid", "minimum", "multiply", "negative", "no_op", "norm", "not_equal",
    "one_hot", "ones", "ones_like", "pad", "pow", "range", "rank", "realdiv", "reduce_all", "reduce_any",
    "reduce_logsumexp", "reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "repeat", "reshape",
    "reverse", "reverse_sequence", "roll", "round", "scatter_nd", "searchsorted", "sequence_mask", "shape", "shape_n",
    "sigmoid", "sign", "sin", "sinh", "size", "slice", "sort", "space_to_batch", "split", "sqrt", "square", "squeeze",
    "stack", "stop_gradient", "strided_slice", "subtract", "tan", "tanh", "tensor_scatter_nd_add",
    "tensor_scatter_nd_update", "tensordot", "tile", "transpose", "truediv", "unique", "unstack", "where", "zeros",
    "zeros_like", "compat.v1.transpose", "compat.v1.gather", "compat.v1.shape",
}  # fmt: skip
# Classes that Keras got later, with the version of tf.keras that had them first; Keras itself had none before 2.4.
LATER = {
    "LayerNormalization": (2, 2), "Attention": (2, 2), "AdditiveAttention": (2, 2), "MultiHeadAttention": (2, 4),
    "EinsumDense": (2, 4), "UnitNormalization": (2, 9), "SpectralNormalization": (2, 13), "Normalization": (2, 2),
}  # fmt: skip
OP_LAYERS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")
ADDED = ("Addons", "TFAddons")
TODO = "build the model in Python and name that: --into my_model.py:build"


class Known:
    """Makes layers by the names of their classes. keras: the version that wrote the file.

    functions: the user's, for Lambda layers, by the layer's name.
    """

    def __init__(self, keras: str, functions: dict[str, Callable[..., Any]]):
        self.keras, self.functions = keras, functions
        self.ordering = ""  # of the axes of pictures, where Keras 1 left it out
        self.taken: set[str] = set()
        self.warnings: list[str] = []

    def is_layer(self, kind: str) -> bool:
        """Whether a class is a layer's, or a recurrent cell's."""
        return self._class(modern(kind, {}, self.keras)[0], {}) is not None or kind == "Lambda"

    def takes_lists(self, layer: Any) -> bool:
        """Whether a layer takes a list of one tensor as that."""
        return type(layer).__name__ in OP_LAYERS

    def make(self, kind: str, config: dict[str, Any], name: str) -> Any:
        """A layer. Raises Unsupported for one that is not known, or whose arguments do not fit it."""
        if kind == "InputLayer":
            return _input(config, name)
        if kind == "Lambda":
            return self._lambda(config, name)
        if kind in OP_LAYERS:
            return self._operation(kind, config, name)
        kind, config = modern(kind, config, self.keras, self.ordering)
        found = self._class(kind, config)
        if found is None:
            raise Unsupported(
                f"The layer {name} is of the class {kind}, which porter does not know.",
                where=name,
                why="it is no layer of Keras, TensorFlow Addons or keras-contrib" if ">" not in kind else
                "its code is not in the file",
                todo=TODO,
            )  # fmt: skip
        if config.pop("stateful", False):
            config["stateful"] = False
            self.warnings.append(
                f"{name} was stateful: it kept its state from one batch to the next. The converted layer starts each "
                "batch from zeros, as the original did after reset_states()."
            )
        for key in ("activation", "recurrent_activation"):
            if key in config:
                config[key] = self._activation(config[key], name)
        found = older(found, config, self.keras)
        if hasattr(found, "warning"):
            self.warnings.append(f"{name} {found.warning}.")
        try:
            return as_then(found(**config), self.keras)
        except (TypeError, ValueError, KeyError) as problem:
            raise Unsupported(
                f"The layer {name} ({kind}) has settings that porter does not know.",
                where=name,
                why=" ".join(str(problem).split())[:300],
                todo=TODO,
            ) from problem

    def _class(self, kind: str, config: dict[str, Any]) -> Any:
        """The class of that name, of tf-keras or of the packages around it; None if there is none."""
        import tf_keras

        from porter import addons

        package, _, bare = kind.rpartition(">")
        if bare in addons.OF_BOTH and not package and not self._has_group_normalization():
            # TensorFlow Addons before 0.7 and keras-contrib gave their names without a package; Addons' says `groups`
            return addons.OF_BOTH["GroupNormalization" if "groups" in config else bare]
        if package in ADDED:
            return addons.ADDONS.get(bare)
        if package and package != "keras_contrib":
            return None
        if not package and bare in LATER and self._is_before(bare):
            return None  # someone's own class of that name
        if not package and bare in addons.PLAIN:
            return addons.PLAIN[bare]
        if bare in addons.CONTRIB:
            return addons.CONTRIB[bare]
        if package:
            return None
        for module in (tf_keras.layers, tf_keras.layers.experimental.preprocessing):
            found = getattr(module, bare, None)
            if isinstance(found, type) and issubclass(found, tf_keras.layers.Layer) and bare not in OP_LAYERS:
                return found
        return addons.ADDONS.get(bare)

    def _is_before(self, kind: str) -> bool:
        """Whether the version that wrote the file had no class of this name."""
        return is_before(self.keras, *(LATER[kind] if self.keras.endswith("-tf") else max(LATER[kind], (2, 4))))

    def _has_group_normalization(self) -> bool:
        return not is_before(self.keras, 2, 11)

    def _activation(self, given: Any, name: str) -> Any:
        """The function, or layer, of that name."""
        import tf_keras

        from porter import addons

        if given is None or isinstance(given, tf_keras.layers.Layer):
            return given
        if isinstance(given, dict):
            given = given.get("config") if given.get("class_name") == "function" else given.get("class_name")
        bare = str(given).rpartition(">")[2]
        added = ">" in str(given) or (bare in ("gelu", "mish") and is_before(self.keras, 2, 4))
        if added and bare in addons.ADDED_ACTIVATIONS:
            return addons.ADDED_ACTIVATIONS[bare]
        if bare in ACTIVATIONS:
            return tf_keras.activations.get(bare)
        if bare in addons.ACTIVATIONS:
            return addons.ACTIVATIONS[bare]
        if (function := self._function(name)) is not None:
            return function
        raise Unsupported(
            f"The layer {name} has the activation {given}, which porter does not know.",
            where=name,
            why="only its name is in the file",
            todo=f"name the function: --lambda {name}=my_file.py:function",
        )

    def _function(self, name: str) -> Callable[..., Any] | None:
        """The user's function for a layer, by its name or by a pattern such as "block*"; None where there is none."""
        pattern = next(
            (each for each in (name, *self.functions) if each in self.functions and fnmatchcase(name, each)), None
        )
        if pattern is None:
            return None
        self.taken.add(pattern)
        return self.functions[pattern]

    def _lambda(self, config: dict[str, Any], name: str) -> Any:
        """A Lambda layer around the function that the user named: the byte code in the file is never run."""
        import tf_keras

        function = self._function(name)
        if function is None:
            names = names_in(config.get("function"))
            raise Unsupported(
                f"The layer {name} is a Lambda: its function is Python byte code, which porter does not run.",
                where=f"{name}, whose code names {', '.join(names[:10])}" if names else name,
                why="a file can hold any program there",
                todo=f"name the function: --lambda {name}=my_file.py:function",
            )
        arguments = config.get("arguments") or {}
        return tf_keras.layers.Lambda(function, arguments=arguments, name=config["name"])

    def _operation(self, kind: str, config: dict[str, Any], name: str) -> Any:
        """A layer around one function of TensorFlow, if that only computes."""
        from tf_keras.src.layers.core import tf_op_layer

        if kind == "TensorFlowOpLayer":
            return _node(config, name)
        symbol = str(config.get("function", ""))
        bare = symbol.removeprefix("compat.v1.")
        pure = symbol in PURE or bare in PURE or bare.startswith(PURE_MODULES)
        if kind != "SlicingOpLambda" and not (pure or bare.startswith("keras.activations.")):
            raise Unsupported(
                f"The layer {name} calls TensorFlow's {symbol}, which is not among the functions that porter trusts.",
                where=name,
                why="a file may name any function of TensorFlow, those too that write files",
                todo=TODO,
            )
        try:
            if kind == "SlicingOpLambda" and symbol != "__operators__.getitem":
                raise ValueError(f"a slice that is made by {symbol}")
            return getattr(tf_op_layer, kind).from_config({"name": config["name"], "function": symbol})
        except ValueError as problem:
            raise Unsupported(
                f"The layer {name} calls {symbol}, which today's TensorFlow does not have.",
                where=name,
                why=str(problem),
                todo=TODO,
            ) from problem


def _input(config: dict[str, Any], name: str) -> Any:
    """The tensor of an input."""
    import tf_keras

    shape = config.get("batch_shape")
    if config.get("sparse") or config.get("ragged"):
        raise Unsupported(
            f"The input {name} is {'sparse' if config.get('sparse') else 'ragged'}.",
            where=name,
            why="Keras 3 runs on plain arrays",
            todo="build the model with a dense input, and name that: --into my_model.py:build",
        )
    if shape is None:
        raise Unsupported(f"The input {name} has no shape in the file.", where=name, todo=TODO)
    return tf_keras.Input(batch_shape=shape, dtype=config.get("dtype") or "float32", name=config["name"])


def _node(config: dict[str, Any], name: str) -> Any:
    """A layer around one TensorFlow operation, which the file has as a protobuf's text."""
    from tf_keras.src.engine.base_layer import TensorFlowOpLayer

    constants = {int(place): value for place, value in (config.get("constants") or {}).items()}
    try:
        return TensorFlowOpLayer(node_def=config["node_def"], name=config["name"], constants=constants)
    except (KeyError, ValueError, TypeError) as problem:
        raise Unsupported(
            f"The operation of the layer {name} cannot be read.", where=name, why=str(problem)[:300], todo=TODO
        ) from problem
