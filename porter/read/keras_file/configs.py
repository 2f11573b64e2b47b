"""Configurations as Keras' versions wrote them, in one spelling: that of tf-keras."""

from __future__ import annotations

from typing import Any

from porter.errors import UnreadableSource

# What says how a weight came to be, or what it costs in training: the weights are there, and no loss is converted.
IRRELEVANT_ENDS = ("_initializer", "_regularizer", "_constraint")
IRRELEVANT = {
    "batch_input_shape", "input_dtype", "build_config", "input_spec", "shared_object_id", "time_major_input",
    "dynamic", "autocast", "sparse_gradients", "init", "W_regularizer", "b_regularizer", "U_regularizer",
    "gamma_regularizer", "beta_regularizer", "activity_regularizer", "W_constraint", "b_constraint", "inner_init",
    "forget_bias_init", "gamma_init", "beta_init", "weights", "synchronized", "initializer", "regularizer", "constraint",
}  # fmt: skip


PACKAGES = ("keras", "tf_keras", "tensorflow", "tensorflow_addons", "keras_contrib", "builtins")


def decoded(item: Any) -> Any:
    """A configuration with tuples and shapes in the place of what JSON has for them, and classes by their bare names."""
    if isinstance(item, list):
        return [decoded(each) for each in item]
    if not isinstance(item, dict):
        return item
    if item.keys() == {"type", "value"}:  # a number of numpy's
        return item["value"]
    kind = item.get("class_name")
    if kind in ("__tuple__", "TensorShape") and isinstance(item.get("items"), list):
        items = [decoded(each) for each in item["items"]]
        return tuple(items) if kind == "__tuple__" else items
    if kind == "__ellipsis__":
        return ...
    if isinstance(kind, str) and "config" in item and item.get("module") == "builtins" and kind == "function":
        return item["config"]
    found = {key: decoded(value) for key, value in item.items()}
    return {**found, "class_name": _full(kind, item)} if isinstance(kind, str) and "config" in item else found


def _full(kind: str, item: dict[str, Any]) -> str:
    """A class with its package in front, as Keras wrote it until 2.12; later the package stands beside it.

    A class of someone's own module has that for its package, as it may be called like one of Keras'; of a program by
    itself Keras writes no module.
    """
    registered, module = item.get("registered_name"), item.get("module")
    if ">" in kind or (not registered and not module):
        return kind
    if isinstance(registered, str) and ">" in registered:
        return registered
    if module is None and "module" in item:
        module = "__main__"
    known = module is None or str(module).partition(".")[0] in PACKAGES
    return kind if known else f"{module}>{kind}"


def network_of(kind: str, config: Any) -> tuple[str, list[dict[str, Any]], Any]:
    """A network's name, its layers' entries, and for a graph of layers its inputs and outputs; None for a chain.

    Raises UnreadableSource where the configuration is no network's.
    """
    if isinstance(config, list):  # a Sequential model, until Keras 2.2.2
        config = {"name": "sequential", "layers": config}
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise UnreadableSource(
            "The model's configuration lists no layers.",
            why=f"a model of the class {kind} describes itself in Python alone",
            todo="build it in Python and name that: --into my_model.py:build",
        )
    name = config.get("name") or kind.lower()
    entries = [dict(entry) for entry in config["layers"]]
    if kind == "Sequential":
        if entries and config.get("build_input_shape"):
            entries[0].setdefault("build_input_shape", config["build_input_shape"])
        return name, entries, None
    return name, entries, (_ends(config["input_layers"]), _ends(config["output_layers"]))


def _ends(nest: Any) -> list[Any]:
    """Inputs or outputs, each as [layer, call, output]: one alone stands without a list around it, several may have
    names."""
    if isinstance(nest, dict):
        return [each for key in sorted(nest) for each in _ends(nest[key])]
    if len(nest) == 3 and isinstance(nest[0], str):
        return [nest]
    return [each for item in nest for each in _ends(item)]


def settings(config: dict[str, Any]) -> dict[str, Any]:
    """A layer's arguments: its configuration without what has no bearing on the numbers, its dtype by name."""
    kept = {key: value for key, value in config.items() if key not in IRRELEVANT and not key.endswith(IRRELEVANT_ENDS)}
    if "dtype" in kept:
        kept["dtype"] = dtype_of(kept["dtype"])
    return kept


def dtype_of(dtype: Any) -> Any:
    """The name of a type or of a policy ("float32", "mixed_float16")."""
    if isinstance(dtype, dict):
        inner = dtype.get("config") or {}
        return inner.get("name") or inner.get("default")
    return dtype
