"""Layers as older versions of Keras called and described them, in today's words.

Source: Keras 1.2.2 and 2.x, `get_config` of each layer, and keras/legacy/interfaces.py and layers.py of 2.2.
"""

from __future__ import annotations

import re
from typing import Any

from porter.errors import Unsupported

# Classes that only changed their name.
RENAMED = {
    "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D", "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D", "AtrousConv1D": "Conv1D", "AtrousConv2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose", "Deconv2D": "Conv2DTranspose", "Deconvolution3D": "Conv3DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose", "SeparableConvolution2D": "SeparableConv2D",
    "SeparableConvolution1D": "SeparableConv1D", "DepthwiseConv2DNative": "DepthwiseConv2D",
    "BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization", "LSTMV1": "LSTM", "GRUV1": "GRU", "LSTMV2": "LSTM", "GRUV2": "GRU",
    "UnifiedLSTM": "LSTM", "UnifiedGRU": "GRU", "BidirectionalV2": "Bidirectional", "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D", "AvgPool2D": "AveragePooling2D", "TimeDistributedDense": "Dense",
    "LSTMCellV2": "LSTMCell", "GRUCellV2": "GRUCell", "BatchNorm": "BatchNormalization",
}  # fmt: skip
ARGUMENTS = {
    "nb_filter": "filters", "nb_output": "units", "subsample": "strides", "subsample_length": "strides",
    "border_mode": "padding", "bias": "use_bias", "inner_activation": "recurrent_activation", "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout", "atrous_rate": "dilation_rate", "pool_length": "pool_size", "stride": "strides",
    "length": "size", "p": "rate", "sigma": "stddev", "filter_length": "kernel_size",
}  # fmt: skip
MERGES = {
    "sum": "Add", "mul": "Multiply", "concat": "Concatenate", "ave": "Average", "max": "Maximum", "dot": "Dot",
    "cos": "CosineMerge",
}  # fmt: skip
# Layers of pictures whose configuration did not say in which order their axes stand.
UNTOLD = (
    "ZeroPadding2D",
    "ZeroPadding3D",
    "UpSampling2D",
    "UpSampling3D",
    "Cropping2D",
    "Cropping3D",
    "SpatialDropout2D",
)
TRACKED = ("Swish", "CosineConv2D", "CosineConvolution2D")  # of keras-contrib, with variables beside their weights
RECURRENT = ("SimpleRNN", "LSTM", "GRU")
ORDERINGS = {"th": "channels_first", "tf": "channels_last"}


def ordering_of(config: Any) -> str:
    """The order of axes that the layers of a Keras 1 model agree on, "" where none says one or they differ."""
    found, stack = set(), [config]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            found |= {each["dim_ordering"]} if isinstance(each.get("dim_ordering"), str) else set()
            stack += each.values()
        elif isinstance(each, list):
            stack += each
    return ORDERINGS.get(found.pop(), "") if len(found) == 1 else ""


def modern(kind: str, config: dict[str, Any], keras: str, ordering: str = "") -> tuple[str, dict[str, Any]]:
    """A layer's class and arguments as tf-keras has them. Raises Unsupported for what no later version can do.

    keras: the version that wrote them, "" if unknown; some left out what was their default. ordering: what `ordering_of`
    the whole model is.
    """
    config = dict(config)
    name = config.get("name", kind)
    if kind == "Merge":
        return _merge(config, name)
    if kind in ("CuDNNLSTM", "CuDNNGRU"):
        return _cudnn(kind, config)
    atrous = kind.startswith("Atrous")
    kind = RENAMED.get(kind, kind)
    telling = any(key in config for key in ("nb_filter", "border_mode", "output_dim"))
    if keras.startswith("1") or kind == "Highway" or (telling and ">" not in kind):
        config = _of_version_1(kind, config)
    if atrous and "dilation_rate" in config:
        config["strides"] = config.pop("strides", 1)
    if kind in ("Conv2DTranspose", "Conv3DTranspose", "Conv1DTranspose"):
        config.pop("groups", None)  # was written down, and never looked at
        config.pop("output_shape", None)
    if kind in ("GRU", "GRUCell"):
        config.setdefault("reset_after", False)  # what it was before there was a choice
    if kind in RECURRENT or kind.endswith("Cell"):
        if config.get("implementation") not in (1, 2):
            config.pop("implementation", None)
        config.pop("consume_less", None)
        config.pop("input_length", None)
    if ordering and kind in UNTOLD:
        config.setdefault("data_format", ordering)
    if kind == "BatchNormalization":
        if config.get("mode") in (1, 2):
            return "OlderBatchNormalization", {key: config[key] for key in ("name", "axis", "epsilon", "mode")}
        _check_statistics(config, name)
    if kind == "SReLU":
        config = {key: value for key, value in config.items() if not key.endswith("_init")}
    if kind in TRACKED:
        config["tracked"] = not is_before(keras, 2, 2 if keras.endswith("-tf") else 3)
    if kind == "BatchRenormalization":
        return kind, {
            key: config[key] for key in ("name", "axis", "momentum", "epsilon", "center", "scale") if key in config
        }
    if kind == "MultiHeadAttention":
        for key in ("query_shape", "key_shape", "value_shape"):
            config.pop(key, None)
    return kind, config


def _of_version_1(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """Arguments of Keras 1, renamed."""
    found = {ARGUMENTS.get(key, key): value for key, value in config.items()}
    if "dim_ordering" in found:
        ordering = found.pop("dim_ordering")
        found["data_format"] = ORDERINGS.get(ordering, "channels_last")
    rows = [found.pop(key, None) for key in ("nb_row", "nb_col")]
    if None not in rows:
        found["kernel_size"] = tuple(rows)
    sizes = [found.pop(f"kernel_dim{axis}", None) for axis in (1, 2, 3)]
    if None not in sizes:
        found["kernel_size"] = tuple(sizes)
    if kind == "Embedding":
        found.pop("dropout", None)
    else:
        found.pop("input_dim", None)
        if "output_dim" in found:
            found["units"] = found.pop("output_dim")
    if kind == "MaxoutDense":
        found["output_dim"] = found.pop("units")
    for key in ("input_length", "input_dtype", "nb_feature_", "mode_"):
        found.pop(key, None)
    return found


def _merge(config: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
    """Keras 1 had one layer for all ways of bringing tensors together."""
    mode = config.get("mode", "sum")
    if mode not in MERGES or config.get("mode_type", "raw") != "raw":
        raise Unsupported(
            f"The layer {name} merges by a function of its own.",
            where=name,
            why="only that function's byte code is in the file",
            todo="build the model in Python and name that: --into my_model.py:build",
        )
    made: dict[str, Any] = {"name": name}
    if mode == "concat":
        made["axis"] = config.get("concat_axis", -1)
    if mode == "dot":
        axes = config.get("dot_axes", -1)
        made["axes"] = (
            [each[0] if isinstance(each, list) else each for each in axes] if isinstance(axes, list) else axes
        )
    return MERGES[mode], made


def _cudnn(kind: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The layers that ran on NVIDIA's library alone: LSTM and GRU(reset_after=True) with their plain activations."""
    config |= {"activation": "tanh", "recurrent_activation": "sigmoid"}
    if kind == "CuDNNGRU":
        config["reset_after"] = True
    return kind.removeprefix("CuDNN"), config


def _check_statistics(config: dict[str, Any], name: str) -> None:
    """Refuse batch normalisations whose training would not come along."""
    for key in ("renorm", "virtual_batch_size", "adjustment"):
        if config.pop(key, None):
            raise Unsupported(
                f"The layer {name} is a BatchNormalization with {key}.",
                where=name,
                why="the averages that it trains with are read from graphs, not from .h5 files",
                todo="convert a checkpoint of the model, saved with its graph",
            )
    config.pop("mode", None)
    for key in ("renorm_clipping", "renorm_momentum", "fused"):
        config.pop(key, None)
    axis = config.get("axis")
    if isinstance(axis, list) and len(axis) == 1:
        config["axis"] = axis[0]


def is_older(keras: str) -> bool:
    """Whether Keras itself wrote the file, before it became TensorFlow's, or TensorFlow up to 1.12 did."""
    return is_before(keras, 2, 2) if keras.endswith("-tf") else is_before(keras, 2, 4)


def is_before(keras: str, major: int, minor: int) -> bool:
    """Whether a version is older than another. Files that do not say theirs are of Keras 1, or of tf.keras 2."""
    numbers = [int(part) for part in re.findall(r"\d+", keras)[:2]]
    return len(numbers) == 2 and numbers < [major, minor]


def older(found: Any, config: dict[str, Any], keras: str) -> Any:
    """The class that computes as this version did, where a later one of the name computes something else; or a setting
    that says so."""
    from porter import addons

    if found is addons.CONTRIB["Capsule"] and is_before(keras, 2, 3):
        return addons.OlderCapsule
    if found is addons.ADDONS["CRF"]:
        config["zeros"] = not is_before(keras, 2, 8)
    if is_older(keras) and found.__name__ == "UpSampling2D" and config.get("interpolation") == "bilinear":
        return addons.OlderUpSampling2D
    return found


def as_then(layer: Any, keras: str) -> Any:
    """A layer that does as it did in this version: behind the end of a masked sequence Bidirectional repeated its last
    output, and gives zeros now. Source: Keras 2.3.1, layers/wrappers.py; TensorFlow 1.15, python/keras/layers/wrappers.py.
    """
    if is_older(keras) and type(layer).__name__ == "Bidirectional":
        for each in (layer.forward_layer, layer.backward_layer):
            if hasattr(each, "zero_output_for_mask"):
                each.zero_output_for_mask = False
    return layer
